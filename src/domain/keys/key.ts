import type { Instant } from '#kernel/instant.ts'

export const keyPurposes = ['token', 'feed', 'status', 'audit'] as const
export type KeyPurpose = (typeof keyPurposes)[number]
export const keyStates = ['prepared', 'active', 'retiring', 'retired', 'revoked'] as const
export type KeyState = (typeof keyStates)[number]
export const keyAlgorithms = ['ES256'] as const
export type KeyAlgorithm = (typeof keyAlgorithms)[number]

/** A signing key as the authority knows it. Its private half is sealed and stays in the store. */
export interface Key {
  readonly id: string
  readonly purpose: KeyPurpose
  readonly algorithm: KeyAlgorithm
  readonly state: KeyState
  readonly createdAt: Instant
  readonly activateAfter?: Instant
  /** From this instant on no unexpired token needs it. */
  readonly retireAfter?: Instant
  /** The public JWK (RFC 7517), with `kid`, `alg` and `use`. */
  readonly publicJwk: Readonly<Record<string, string>>
}
