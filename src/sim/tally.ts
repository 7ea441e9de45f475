import type { Exposure } from '#contract/simulation.ts'

/** What is counted of one verifier, in both of its roles. */
export interface Tally {
  decisions: number
  falseAccepts: number
  falseRefusals: number
  stale: number
  naiveFalseAccepts: number
  naiveFalseRefusals: number
}

export const emptyTally = (): Tally => ({
  decisions: 0,
  falseAccepts: 0,
  falseRefusals: 0,
  stale: 0,
  naiveFalseAccepts: 0,
  naiveFalseRefusals: 0,
})

export function sumOf(tallies: readonly Tally[]): Tally {
  const sum = emptyTally()
  for (const tally of tallies) {
    for (const key of Object.keys(sum) as (keyof Tally)[]) sum[key] += tally[key]
  }
  return sum
}

/** Microseconds to milliseconds, never rounded in our favour. */
const ms = (micros: number): number => Math.ceil(micros / 1000)

/** Nearest-rank percentiles; 0 where there is nothing. Sorts what it is given. */
export function exposureOf(micros: number[]): Exposure {
  micros.sort((a, b) => a - b)
  const rank = (share: number): number =>
    ms(micros[Math.max(0, Math.ceil(share * micros.length) - 1)] ?? 0)
  return { p50: rank(0.5), p99: rank(0.99), max: ms(micros.at(-1) ?? 0) }
}
