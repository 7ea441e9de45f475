import type { Entropy } from '#kernel/clock.ts'

const PAUSE_MICROS_MIN = 500_000
const PAUSE_MICROS_MAX = 4_000_000

/**
 * How long to wait after so many failures in a row. Half of the pause is fixed and half is chance: a
 * fleet that lost its authority does not return as one.
 */
export function pauseMicros(failures: number, entropy: Entropy): number {
  const [chance = 0] = entropy.bytes(1)
  const pause = Math.min(PAUSE_MICROS_MIN * 2 ** Math.min(failures, 10), PAUSE_MICROS_MAX)
  return Math.floor(pause * (0.5 + chance / 512))
}
