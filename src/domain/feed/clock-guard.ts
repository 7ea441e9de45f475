/** One reading of both: authority time, and a clock that nobody can set and that runs on in suspend. */
export interface ClockReading {
  readonly timeMicros: number
  readonly steadyMicros: number
}

/**
 * How far authority time may part from a node's own clock between two heads: verifiers count with as
 * much in their bound. Measured readings of the two lie some milliseconds apart.
 */
export const PARTED_MICROS_MAX = 250_000

/**
 * By how much authority time has moved more (or, negative, less) than time itself since the reading
 * before; `undefined` while it is within what verifiers count with. More than that, and somebody has
 * set a clock: heads would promise leases in a time that is not everybody's.
 */
export function partedMicros(
  before: ClockReading | undefined,
  now: ClockReading,
): number | undefined {
  if (before === undefined) return undefined
  const parted = now.timeMicros - before.timeMicros - (now.steadyMicros - before.steadyMicros)
  return PARTED_MICROS_MAX < Math.abs(parted) ? parted : undefined
}
