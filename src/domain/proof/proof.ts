import type { Position } from '#domain/feed/position.ts'
import type { VerifierMode } from '#domain/feed/head.ts'
import type { Instant } from '#kernel/instant.ts'

/**
 * One process start of a verifier, as the authority's committed records know it. All that a proof of
 * enforcement says of verifiers is computed from these, never from connections.
 */
export interface Incarnation {
  /** Random; one process start. */
  readonly id: string
  /** The credential it follows the feed with: `local`, or `ver_…`. */
  readonly verifierId: string
  /** A label. */
  readonly name: string
  readonly audiences: readonly string[]
  readonly mode: VerifierMode
  /** The limit of its mode, seconds, the largest that any head given to it carried. */
  readonly limitSeconds: number
  /** Where the feed stood when it was first committed, before its first head. */
  readonly firstPosition: Position
  /** Until then any node may give it heads, microseconds of authority time; extended in steps. */
  readonly headsUntilMicros: number
  /** It said that it decides nothing any more; microseconds of authority time. */
  readonly releasedMicros?: number
  readonly acknowledged?: {
    readonly position: Position
    /** base64url. */
    readonly chain: string
    /** base64url. */
    readonly digest: string
    /** Time of the head that was applied, microseconds. */
    readonly headMicros: number
    /** When the acknowledgement came, microseconds of authority time. */
    readonly atMicros: number
  }
  readonly firstSeenAt: Instant
  readonly lastSeenAt: Instant
}

/**
 * What of an incarnation decides whether a revocation is enforced, and since when. Where nobody is to be
 * named this is enough, and of thousands that listen most have the same.
 */
export type Lease = Pick<
  Incarnation,
  'limitSeconds' | 'firstPosition' | 'headsUntilMicros' | 'releasedMicros'
> & {
  readonly acknowledged?: Pick<NonNullable<Incarnation['acknowledged']>, 'position' | 'atMicros'>
}

/**
 * Whom a revocation concerns, fixed in the transaction that published it: the audiences of matching
 * live credentials and those registered to their clients; every known one with `key`, `all` or
 * without a count.
 */
export interface Coverage {
  /** Authority time of the entry, microseconds: `publishedAt` is only its millisecond. */
  readonly publishedMicros: number
  readonly audiences: readonly string[]
  /** Those of them that no SDK verifier on record had. */
  readonly uncovered: readonly string[]
  /** The latest expiry of what matched: until then an uncovered audience is unproven. */
  readonly matchedUntil: Instant
  /**
   * Until when a status list may be used that was given out before it. Of a key there is none: who has
   * it chooses the place that a token names.
   */
  readonly statusListsUntil?: Instant
}
