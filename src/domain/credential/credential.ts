import type { Tier } from '#domain/client/client.ts'
import type { Position } from '#domain/feed/position.ts'
import type { StatusPlace } from '#domain/status-list/status-list.ts'
import type { Instant } from '#kernel/instant.ts'

export const credentialStates = ['revoked', 'suspended', 'expired', 'active'] as const
/** The first that holds, in this order. */
export type CredentialState = (typeof credentialStates)[number]

/** What was issued, without the token itself: the record by which it is listed and revoked. */
export interface Credential {
  /** The token's `jti`: a handle, not a secret. */
  readonly id: string
  readonly clientId: string
  readonly tier: Tier
  readonly subject: string
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  /** Whole seconds of authority time, as in the claims `iat` and `exp`. */
  readonly issuedAt: Instant
  readonly expiresAt: Instant
  readonly keyId: string
  readonly sessionId: string
  readonly parentId?: string
  /** The trust under which an identity token was exchanged for it. */
  readonly trustId?: string
  /** The feed position that the authority had reached when it minted (claim `feed_seq`). */
  readonly feedSeq: Position
  /** Position and time of the sign-in from which it derives; its own if it derives from none. */
  readonly rootSeq: Position
  readonly rootIssuedAt: Instant
  /** Where readers of status lists find it; a credential of before there were any has no place. */
  readonly status?: StatusPlace
  readonly createdBy: string
  readonly justification?: string
  readonly tags: Readonly<Record<string, string>>
  readonly lastSeenAt?: Instant
}
