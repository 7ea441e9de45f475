import type { Position } from './position.ts'

export const feedOps = ['revoke', 'unblock', 'lift', 'key', 'epoch'] as const
export type FeedOp = (typeof feedOps)[number]

/**
 * One entry of the feed, as it is stored and as it travels: nobody re-serialises the bytes.
 *
 * `chain` = SHA-256(previous chain ‖ bytes), so that one hash vouches for all that went before.
 */
export interface FeedEntry {
  readonly position: Position
  readonly op: FeedOp
  readonly bytes: Uint8Array
  readonly chain: Uint8Array
  /** Seconds of authority time until which verifiers need it; absent while it has no end. */
  readonly untilSeconds?: number
}

/** The feed's one row: how far it has come, and the authority time at which it did. */
export interface FeedState {
  readonly position: Position
  readonly chain: Uint8Array
  /** Microseconds since the epoch; never goes back. */
  readonly timeMicros: number
}
