import type { KeyAlgorithm } from '#domain/keys/key.ts'

/**
 * Private keys at work. Synchronous on purpose: a signature that settles on a thread pool settles
 * in no order that a simulation could repeat, and one at a time it is slower besides.
 *
 * Refusal: `key-locked`, where the key-encryption key is missing or does not open the sealed key.
 */
export interface Signer {
  /** Makes a key pair under the name `keyId`. The private half leaves this room only sealed. */
  generate(algorithm: KeyAlgorithm, keyId: string): GeneratedKey
  /** Signs with the key that `sealed` holds; an opened key is kept in memory under `keyId`. */
  sign(keyId: string, sealed: Uint8Array, message: Uint8Array): Uint8Array
  /** Opens a key and keeps it open: what would be refused is refused before anything is recorded. */
  open(keyId: string, sealed: Uint8Array): void
  /** Whether the signature is this key's; also false for a key or a signature of a wrong shape. */
  verify(jwk: PublicJwk, message: Uint8Array, signature: Uint8Array): boolean
  /** Seals a secret that has to be told again, such as one whose first answer was lost. */
  sealText(name: string, text: string): string
  /** Opens what was sealed under that name. */
  openText(name: string, sealed: string): string
  /** A keyed hash of a client secret of ours: 256 random bits need no slow one. */
  hashSecret(secret: string): Uint8Array
  /** A slow, salted hash (scrypt) of a secret that was imported, which may be guessable. */
  hashImportedSecret(secret: string, salt: Uint8Array): Uint8Array
  /** The same on another thread, for a server that has others to answer meanwhile. */
  hashImportedSecretAside(secret: string, salt: Uint8Array): Promise<Uint8Array>
  /**
   * Whether the signature is this client's key's: ES256, RS256 (2048 bits at least) or Ed25519, as the
   * key says. `keyId` is its thumbprint, under which it is kept for the next time.
   */
  verifyClientKey(
    keyId: string,
    jwk: ClientJwk,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean
}

/** A client's public JWK as it was registered; nobody has looked into it yet. */
export type ClientJwk = Readonly<Record<string, unknown>>

/** A public JWK (RFC 7517 §4) with `kty`, `crv`, `x`, `y`, `alg`, `use` and `kid`. */
export type PublicJwk = Readonly<Record<string, string>>

export interface GeneratedKey {
  readonly publicJwk: PublicJwk
  readonly sealed: Uint8Array
}
