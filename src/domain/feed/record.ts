import type { KeyAlgorithm, KeyPurpose, KeyState } from '#domain/keys/key.ts'
import type { Exceptions, Reach, Reason } from '#domain/revocation/revocation.ts'
import type { SelectorBody } from './body.ts'
import type { Position } from './position.ts'

/**
 * An entry as whoever follows the feed reads it, from its bytes and nothing else. One revocation may
 * be published as several `revoke` records with one id, each with a part of a long exact list.
 */
export type FeedRecord =
  | RevokeRecord
  | UnblockRecord
  | LiftRecord
  | KeyRecord
  | EpochRecord
  | IgnorableRecord

interface Placed {
  readonly position: Position
  /** Seconds of authority time; absent while it has no end. */
  readonly untilSeconds?: number
}

export interface RevokeRecord extends Placed {
  readonly op: 'revoke'
  readonly id: string
  readonly selector: SelectorBody
  readonly exceptions: Exceptions
  readonly reach: Reach
  readonly cut: Position | null
  readonly publishedMs: number
  /** Absent: no grace. */
  readonly graceEndMs?: number
  readonly reason: Reason
  readonly message?: string
}

/** The end of a block: from here on its cut is this entry's position. */
export interface UnblockRecord extends Placed {
  readonly op: 'unblock'
  readonly id: string
  readonly cut: Position
}

export interface LiftRecord extends Placed {
  readonly op: 'lift'
  readonly id: string
}

export interface KeyRecord extends Placed {
  readonly op: 'key'
  readonly id: string
  readonly purpose: KeyPurpose
  readonly algorithm: KeyAlgorithm
  readonly state: KeyState
  readonly jwk: Readonly<Record<string, string>>
  readonly retireAfterMs?: number
  /**
   * Of a feed key: the statement of the key that signed heads before, a JWS of type `feed-key+jwt`
   * with `{ iss, kid, jkt }` (`jkt`: RFC 7638 thumbprint), so that trust follows from key to key.
   */
  readonly endorsement?: string
}

export interface EpochRecord extends Placed {
  readonly op: 'epoch'
  readonly continues: Position
  /** base64url. */
  readonly chain: string
}

/** An op that is unknown here and says itself that it may be passed over. */
export interface IgnorableRecord extends Placed {
  readonly op: 'ignorable'
}
