import { encodeBase64url } from '#kernel/base64url.ts'
import type { KeyAlgorithm, KeyState } from '#domain/keys/key.ts'
import type { FeedState } from './entry.ts'
import type { Position } from './position.ts'

/** The media type of a signed head, which keeps other JWTs from passing for one (RFC 8725 §3.11). */
export const HEAD_TYPE = 'feed-head+jwt'

/** A head with many keys is long; what is longer than this is no head and is not even parsed. */
export const HEAD_CHARACTERS_MAX = 262_144

/** What a head says, as it travels: where the feed stands, and what time that was. */
export interface HeadClaims {
  readonly iss: string
  readonly position: Position
  /** Of the entry at `position`, base64url. */
  readonly chain: string
  /** Authority time, microseconds since the epoch. */
  readonly time: number
  /** Seconds: no token lives longer. */
  readonly maxTtl: number
  /** The asker's own, so that an old head cannot be passed for an answer. */
  readonly nonce: string
  readonly keys: readonly HeadKey[]
}

/** A key that verifies tokens. Retired and revoked ones are not among them. */
export interface HeadKey {
  readonly id: string
  readonly algorithm: KeyAlgorithm
  readonly state: Exclude<KeyState, 'retired' | 'revoked'>
  readonly jwk: Readonly<Record<string, string>>
}

/** The modes of a verifier: how old the newest head may be that it still decides by. */
export const verifierModes = ['strict', 'standard', 'relaxed'] as const
export type VerifierMode = (typeof verifierModes)[number]

export const headClaims = (
  { position, chain, timeMicros }: FeedState,
  rest: Pick<HeadClaims, 'iss' | 'maxTtl' | 'nonce' | 'keys'>,
): HeadClaims => ({
  iss: rest.iss,
  position,
  chain: encodeBase64url(chain),
  time: timeMicros,
  maxTtl: rest.maxTtl,
  nonce: rest.nonce,
  keys: rest.keys,
})
