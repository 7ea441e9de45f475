import type { Position } from '#domain/feed/position.ts'
import type { Incarnation } from './proof.ts'

/** How a verifier stands, as far as the authority can know: for people, never for a proof. */
export const verifierStates = ['fresh', 'degraded', 'stale', 'gone'] as const
export type VerifierState = (typeof verifierStates)[number]

/** Who was not heard of for so long is gone, and forgotten. */
export const GONE_MICROS = 24 * 3600 * 1_000_000
/** A head comes with every heartbeat; who has none for so many has lost its stream. */
const HEARTBEATS_MAX = 3

export interface BoardTime {
  /** Of the feed. */
  readonly position: Position
  readonly timeMicros: number
  readonly heartbeatMs: number
}

/** What is known of the heads that a verifier holds. */
export interface HeldHead {
  /** Time of the newest one that it is known to hold; 0: none is. */
  readonly headMicros: number
  /** Whether nobody but the asked can have given it a newer one. */
  readonly isCertain: boolean
}

/**
 * `gone`: it ended, or was not heard of for a day. `stale`: its lease is over, so it decides nothing.
 * `degraded`: it has not acknowledged all there is, or its head is older than three heartbeats.
 */
export function verifierStateOf(
  it: Incarnation,
  { headMicros, isCertain }: HeldHead,
  { position, timeMicros, heartbeatMs }: BoardTime,
): VerifierState {
  const seenMicros = Math.max(it.lastSeenAt * 1000, headMicros)
  if (it.releasedMicros !== undefined || seenMicros + GONE_MICROS <= timeMicros) return 'gone'
  const isGivenHeads = !isCertain && timeMicros < it.headsUntilMicros
  const ageMicros = timeMicros - headMicros
  if (it.limitSeconds * 1_000_000 <= ageMicros && !isGivenHeads) return 'stale'
  if (it.acknowledged === undefined || it.acknowledged.position < position) return 'degraded'
  return HEARTBEATS_MAX * heartbeatMs * 1000 < ageMicros ? 'degraded' : 'fresh'
}

/** Until when at the latest it may decide by a head that it was given, if it is given no more. */
export const leaseEndMicros = (
  { releasedMicros, headsUntilMicros, limitSeconds }: Incarnation,
  timeMicros: number,
): number => releasedMicros ?? Math.min(headsUntilMicros, timeMicros) + limitSeconds * 1_000_000
