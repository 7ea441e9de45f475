/** The words nearest to a mistyped one: at most a third of its letters, and at most two, are off. */
export function suggest(given: string, words: readonly string[]): readonly string[] {
  const rated = words
    .map((word) => ({ word, off: word.startsWith(given) ? 0 : distance(given, word) }))
    .filter(({ word, off }) => off <= Math.min(2, Math.floor(Math.max(word.length, 3) / 3)))
  const best = Math.min(...rated.map(({ off }) => off))
  return rated.filter(({ off }) => off === best).map(({ word }) => word)
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      const swap = 1 < i && 1 < j && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        (previous[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + cost,
        swap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? 0
}
