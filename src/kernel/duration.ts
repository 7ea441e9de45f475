/** Durations as people write them: `90s 15m 8h 7d 1y`, one number and one unit, or several joined. */
const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
}

/** Longer than this is surely a slip; it also keeps `iat + ttl` exact. */
const DURATION_SECONDS_MAX = 1000 * 31_536_000

/**
 * Reads a duration into whole seconds; `undefined` when it is not one.
 *
 * Zero and negative durations are read as numbers, so that the caller can say why they are refused
 * and not only that they are odd.
 */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim()
  const negative = trimmed.startsWith('-')
  const body = negative ? trimmed.slice(1) : trimmed
  if (/^\d{1,12}$/.test(body)) return bounded(Number(body), negative)
  if (!/^(?:\d{1,12}[smhdwy])+$/.test(body)) return undefined
  let seconds = 0
  for (const [, count = '', unit = ''] of body.matchAll(/(\d+)([smhdwy])/g)) {
    seconds += Number(count) * (UNIT_SECONDS[unit] ?? Number.NaN)
  }
  return bounded(seconds, negative)
}

function bounded(seconds: number, negative: boolean): number | undefined {
  if (!Number.isSafeInteger(seconds)) return undefined
  const value = Math.min(seconds, DURATION_SECONDS_MAX)
  return negative && value !== 0 ? -value : value
}

/** `600` → `10m`, `5400` → `1h30m`: the shortest exact form, which `parseDuration` reads back. */
export function formatDuration(seconds: number): string {
  if (seconds < 0) return `-${formatDuration(-seconds)}`
  if (seconds === 0) return '0s'
  let rest = Math.round(seconds)
  let text = ''
  for (const unit of ['y', 'd', 'h', 'm', 's'] as const) {
    const size = UNIT_SECONDS[unit] ?? 1
    const count = Math.floor(rest / size)
    if (0 < count) text += `${count}${unit}`
    rest -= count * size
  }
  return text
}
