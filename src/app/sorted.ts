/** A few milliseconds of comparing. */
const STEP = 20_000

/**
 * Lists that are each in order, as one: in order (by UTF-16 code units, as everywhere) and without
 * repeats. To sort a million ids in one go takes seconds, in which nobody is given a head; between two
 * steps of this everybody else has a turn.
 */
export async function merge(
  lists: readonly (readonly string[])[],
  pause: () => Promise<void>,
): Promise<readonly string[]> {
  let level = lists
  while (1 < level.length) {
    const next: (readonly string[])[] = []
    for (let i = 0; i < level.length; i += 2) {
      const [a = [], b = []] = [level[i], level[i + 1]]
      next.push(b.length === 0 ? a : await mergeTwo(a, b, pause))
    }
    level = next
  }
  return level[0] ?? []
}

async function mergeTwo(
  a: readonly string[],
  b: readonly string[],
  pause: () => Promise<void>,
): Promise<readonly string[]> {
  const merged: string[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    for (let left = STEP; 0 < left && i < a.length && j < b.length; left--) {
      const [one, other] = [a[i] as string, b[j] as string]
      merged.push(one <= other ? one : other)
      if (one <= other) i++
      if (other <= one) j++
    }
    await pause()
  }
  for (; i < a.length; i++) merged.push(a[i] as string)
  for (; j < b.length; j++) merged.push(b[j] as string)
  return merged
}
