import { formatDuration } from '#kernel/duration.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { FeedState } from './entry.ts'
import type { Position } from './position.ts'

/** Where the feed stands and what time it is in the authority, as one reading. */
export interface AuthorityTime {
  readonly position: Position
  readonly timeMicros: number
  /** The millisecond that `timeMicros` falls into. */
  readonly at: Instant
}

/** Authority time at a read: the feed row's time or the clock's, whichever is later. */
export function reading(state: FeedState, clockMicros: number): AuthorityTime {
  const timeMicros = Math.max(state.timeMicros, clockMicros)
  return { position: state.position, timeMicros, at: toInstant(timeMicros) }
}

/** The time of the next entry: it never goes back, and no two entries share one. */
export const nextTimeMicros = (state: FeedState, clockMicros: number): number =>
  Math.max(state.timeMicros + 1, clockMicros)

/** The millisecond that a time in microseconds falls into. */
export const toInstant = (timeMicros: number): Instant => instant(Math.floor(timeMicros / 1000))

const AHEAD_MICROS_MAX = 2_000_000

/**
 * Refuses to mint while the feed is more than 2 s ahead of the clock: `clock-behind`.
 *
 * The clock was set back, or was ahead when something was revoked. Tokens minted now would be dated
 * in the feed's future and outlive what policy allows. Revocations go on being recorded.
 */
export function refuseClockBehind(
  state: FeedState,
  clockMicros: number,
  aheadMicrosMax = AHEAD_MICROS_MAX,
): void {
  const aheadMicros = state.timeMicros - clockMicros
  if (aheadMicros <= aheadMicrosMax) return
  const seconds = Math.ceil(aheadMicros / 1_000_000)
  refuse(
    'clock-behind',
    `this machine's clock is ${formatDuration(seconds)} behind the feed, so nothing can be issued`,
    {
      next: `set the clock right (timedatectl), or try again in ${formatDuration(seconds)}; revoking still works`,
      facts: { aheadSeconds: seconds },
    },
  )
}

/**
 * Until when verifiers need the entry of a revocation: no token that it hits can be alive later.
 * In whole seconds, rounded up.
 *
 * `undefined`, no end: a block hits what is yet to be minted, and a key what anybody may mint.
 */
export function untilSeconds(
  {
    cut,
    timeMicros,
  }: {
    readonly cut: Position | null
    /** Of the entry itself. */
    readonly timeMicros: number
  },
  { largestExpiry, maxTtlSeconds }: { largestExpiry: Instant | undefined; maxTtlSeconds: number },
): number | undefined {
  if (cut === null) return undefined
  const youngest = Math.ceil(timeMicros / 1_000_000) + maxTtlSeconds
  return Math.max(youngest, Math.ceil((largestExpiry ?? 0) / 1000))
}
