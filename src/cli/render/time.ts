import { formatInstant, type Instant, parseInstant } from '#kernel/instant.ts'

/** `in 10m`, `2m ago`, `now`: one unit, to the nearest; `wide` and JSON have the exact time. */
export function relative(at: Instant, now: Instant): string {
  const seconds = Math.floor(Math.abs(at - now) / 1000)
  if (seconds === 0) return 'now'
  const span = spanOf(seconds)
  return at < now ? `${span} ago` : `in ${span}`
}

const UNITS = [
  ['y', 365 * 86_400, 2],
  ['d', 86_400, 2],
  ['h', 3600, 2],
  ['m', 60, 2],
] as const

/** A unit is used from twice its size on: 90 s says more than 1 m. */
function spanOf(seconds: number): string {
  for (const [unit, size, from] of UNITS) {
    if (from * size <= seconds) return `${Math.round(seconds / size)}${unit}`
  }
  return `${seconds}s`
}

/** RFC 3339 for people: without milliseconds where there are none. */
export const absolute = (at: Instant): string => formatInstant(at).replace('.000Z', 'Z')

/** A time of the JSON; `undefined` when it is not one. */
export const instantOf = (value: unknown): Instant | undefined =>
  typeof value === 'string' ? parseInstant(value) : undefined
