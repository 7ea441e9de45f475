/**
 * Milliseconds since the Unix epoch, branded so that a duration cannot pass for an instant.
 *
 * This file alone may name `Date`, and only to read and write RFC 3339; nothing here asks for the
 * present time. That is a `Clock`'s to give.
 */
export type Instant = number & { readonly __unit: 'instant-ms' }

export const instant = (milliseconds: number): Instant => milliseconds as Instant

/** Whole seconds since the epoch, rounded down: the NumericDate of RFC 7519 §2. */
export const toSeconds = (at: Instant): number => Math.floor(at / 1000)
export const fromSeconds = (seconds: number): Instant => (seconds * 1000) as Instant

/** How many texts are kept: lists repeat the same few seconds, row after row. */
const TEXTS = 256
const keptInstants = new Float64Array(TEXTS).fill(Number.NaN)
const keptTexts: string[] = Array.from({ length: TEXTS }, () => '')

/** `2026-11-23T19:08:00.000Z`, the one form in which times leave the process. */
export function formatInstant(at: Instant): string {
  const place = Math.floor(at / 1000) & (TEXTS - 1)
  if (keptInstants[place] === at) return keptTexts[place] as string
  const text = new Date(at).toISOString()
  keptInstants[place] = at
  keptTexts[place] = text
  return text
}

/** For libraries that take the present time only as a `Date`. */
export const toDate = (at: Instant): Date => new Date(at)

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?([Zz]|[+-]\d{2}:\d{2})$/

/** Reads RFC 3339 with an offset. A time without an offset is ambiguous, so it is not an instant. */
export function parseInstant(text: string): Instant | undefined {
  const fields = RFC_3339.exec(text.trim())
  if (fields === null) return undefined
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone = 'Z'] = fields
  const offset = zone.toUpperCase()
  const milliseconds = fraction.slice(0, 3).padEnd(3, '0')
  const at = Date.parse(
    `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}${offset}`,
  )
  // `Date` rolls 31 February over into March; an instant that is not on the calendar is no instant.
  if (Number.isNaN(at) || !onTheCalendar(Number(year), Number(month), Number(day))) return undefined
  return at as Instant
}

function onTheCalendar(year: number, month: number, day: number): boolean {
  const roundTrip = new Date(Date.UTC(year, month - 1, day))
  return roundTrip.getUTCMonth() === month - 1 && roundTrip.getUTCDate() === day
}
