import type { Instant } from '#kernel/instant.ts'

export const tiers = ['low', 'standard', 'high'] as const
/** What is at stake when a client's credential is misused; policy grows stricter with it. */
export type Tier = (typeof tiers)[number]

export const authMethods = ['none', 'secret', 'private-key-jwt'] as const
/** How a client proves itself at the token endpoint; `none` leaves only the local administrator. */
export type AuthMethod = (typeof authMethods)[number]

export const clientStates = ['enabled', 'disabled'] as const
export type ClientState = (typeof clientStates)[number]

/** A public key with which a client signs its assertions (RFC 7523 §3). */
export interface ClientKey {
  /** The RFC 7638 thumbprint, base64url. */
  readonly id: string
  readonly jwk: Readonly<Record<string, unknown>>
  readonly createdAt: Instant
}

/** A registered client (RFC 6749 §2): what it may ask for; policy can only make that stricter. */
export interface Client {
  readonly id: string
  readonly tier: Tier
  /** Scopes or patterns (`deploy:*`) that it may ask for. */
  readonly scopes: readonly string[]
  /** The first is the default of a request that names none; with none at all it is the issuer. */
  readonly audiences: readonly string[]
  readonly authMethods: readonly AuthMethod[]
  readonly keys: readonly ClientKey[]
  readonly state: ClientState
  readonly tags: Readonly<Record<string, string>>
  readonly createdAt: Instant
}

/** A client secret as it is kept: never the secret, only a keyed or a slow hash of it. */
export interface ClientSecret {
  readonly clientId: string
  /** `hmac-sha256` for the 256 random bits that we make; `scrypt` for what was imported. */
  readonly method: 'hmac-sha256' | 'scrypt'
  readonly hash: Uint8Array
  readonly salt: Uint8Array
  readonly createdAt: Instant
  /** Where another has taken its place: until then both are good. */
  readonly expiresAt?: Instant
}
