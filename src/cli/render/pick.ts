/**
 * The value at a dot path, `undefined` where there is none. A list on the way is entered: `items.id`
 * is the ids of all items. A key that has dots itself, as a tag may, is found whole.
 */
export function at(value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((one) => at(one, path))
  if (typeof value !== 'object' || value === null) return undefined
  if (Object.hasOwn(value, path)) return (value as Record<string, unknown>)[path]
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const head = path.slice(0, dot)
    if (!Object.hasOwn(value, head)) continue
    return at((value as Record<string, unknown>)[head], path.slice(dot + 1))
  }
  return undefined
}

/** The value with these fields only, nested as they were; a field that is absent stays absent. */
export function pick(value: unknown, paths: readonly string[] | undefined): unknown {
  if (paths === undefined) return value
  if (Array.isArray(value)) return value.map((one) => pick(one, paths))
  if (typeof value !== 'object' || value === null) return value
  const picked: [string, unknown][] = []
  for (const [key, member] of Object.entries(value)) {
    if (paths.includes(key)) {
      picked.push([key, member])
      continue
    }
    const inner = paths.filter((path) => path.startsWith(`${key}.`))
    if (inner.length === 0) continue
    const rest = pick(
      member,
      inner.map((path) => path.slice(key.length + 1)),
    )
    if (typeof rest === 'object' && rest !== null) picked.push([key, rest])
  }
  return Object.fromEntries(picked)
}

/** In order of a field; what lacks it comes last either way. The order is stable. */
export function sorted<T>(
  rows: readonly T[],
  sortBy: { readonly key: string; readonly descending: boolean } | undefined,
): readonly T[] {
  if (sortBy === undefined) return rows
  const keyed = rows.map((row) => [at(row, sortBy.key), row] as const)
  const sign = sortBy.descending ? -1 : 1
  return keyed
    .toSorted(([a], [b]) => {
      if (isAbsent(a) || isAbsent(b)) return Number(isAbsent(a)) - Number(isAbsent(b))
      return sign * compare(a, b)
    })
    .map(([, row]) => row)
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null

/** Numbers by size, all else by code unit: RFC 3339 in UTC sorts as text. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [left, right] = [textOf(a), textOf(b)]
  return left === right ? 0 : left < right ? -1 : 1
}

/** A value as one text: lists joined by commas, maps as `k=v`, all else as it is. */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(textOf).join(',')
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([key, member]) => `${key}=${textOf(member)}`)
      .join(',')
  }
  return String(value as number | boolean | bigint)
}
