import { encodeBase64url } from '#kernel/base64url.ts'
import type { FeedState } from './entry.ts'
import type { Position } from './position.ts'

/** The media type of a signed head, which keeps other JWTs from passing for one (RFC 8725 §3.11). */
export const HEAD_TYPE = 'feed-head+jwt'

/** What is longer than this is no head and is not even parsed. */
export const HEAD_CHARACTERS_MAX = 4096

/** So many heads share one transaction at most: each costs a signature, and others wait meanwhile. */
export const HEADS_TOGETHER_MAX = 128

/** The modes of a verifier: how old the newest head may be that it still decides by. */
export const verifierModes = ['strict', 'standard', 'relaxed'] as const
export type VerifierMode = (typeof verifierModes)[number]

/** Of each mode: for how many seconds a head is a lease. */
export type StalenessLimits = Readonly<Record<VerifierMode, number>>

/**
 * What a head says, as it travels: where the feed stands, and what time that was. It is a lease:
 * whoever applied it may decide until `time` + the limit of its mode, and no longer.
 */
export interface HeadClaims {
  readonly iss: string
  readonly position: Position
  /** Of the entry at `position`, base64url. */
  readonly chain: string
  /** Of the live state at `position` and `time` (see `live.ts`), base64url. */
  readonly digest: string
  /** Authority time, microseconds since the epoch. */
  readonly time: number
  /** Milliseconds: a head comes at least this often while someone listens. */
  readonly heartbeat: number
  /**
   * Seconds, by mode; no longer than the class that policy's `defaults.staleness` allows, so that a
   * verifier may tighten and never stretch.
   */
  readonly limits: StalenessLimits
  /** Seconds: no token lives longer. */
  readonly maxTtl: number
  /** The entries after this position can still be fetched; whoever is below takes the snapshot. */
  readonly floor: Position
  /** The asker's own, so that an old head cannot be passed for an answer. Absent in streamed heads. */
  readonly nonce?: string
}

export const headClaims = (
  { position, chain, timeMicros }: FeedState,
  rest: Pick<HeadClaims, 'iss' | 'digest' | 'heartbeat' | 'limits' | 'maxTtl' | 'floor' | 'nonce'>,
): HeadClaims => ({
  iss: rest.iss,
  position,
  chain: encodeBase64url(chain),
  digest: rest.digest,
  time: timeMicros,
  heartbeat: rest.heartbeat,
  limits: rest.limits,
  maxTtl: rest.maxTtl,
  floor: rest.floor,
  ...(rest.nonce === undefined ? {} : { nonce: rest.nonce }),
})
