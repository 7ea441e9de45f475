import type { Instant } from '#kernel/instant.ts'

export const trustForms = ['github-actions', 'gitlab', 'buildkite', 'oidc'] as const
/** Whose identity tokens: what claims there are, and which of them never change hands. */
export type TrustForm = (typeof trustForms)[number]

export const trustModes = ['audit', 'enforce'] as const
/**
 * `enforce` gives tokens to whoever satisfies the trust. `audit` gives nobody anything: it evaluates,
 * records what it would have done and says so, so that a trust can be tried on real jobs first.
 */
export type TrustMode = (typeof trustModes)[number]

/**
 * Who may exchange which identity token of another issuer for what (RFC 8693). It is a gate with one
 * key: nothing but the claims named here stands between a stranger's job and the client's scopes.
 */
export interface Trust {
  /** As it was named: 1 to 64 letters, digits, `.`, `_` and `-`. */
  readonly id: string
  readonly form: TrustForm
  /** Exactly as in `iss`. */
  readonly issuer: string
  /** What `aud` must be, alone: this authority's issuer unless told, never a provider's default. */
  readonly audience: string
  /** Each of these claims must be exactly this, or one of these; a missing claim is no match. */
  readonly claims: Readonly<Record<string, readonly string[]>>
  /** CEL, all of which must hold; see `conditions.ts` for what they see. */
  readonly conditions: readonly string[]
  readonly clientId: string
  /** What may be asked for; patterns as in policy. Never more than the client itself may. */
  readonly scopes: readonly string[]
  /** Most that a token may live, seconds; policy may allow less. */
  readonly ttlSecondsMax?: number
  readonly mode: TrustMode
  /** The issuer's keys (RFC 7517), pinned; left out, they are discovered. */
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  /** Where the keys are, if not where the issuer's metadata says. */
  readonly jwksUri?: string
  /** The issuer's name may resolve to a private or loopback address. */
  readonly allowsPrivate: boolean
  readonly createdAt: Instant
  readonly updatedAt: Instant
}

/** One line of the table that a refusal prints. */
export interface ClaimFinding {
  readonly claim: string
  readonly expected: string
  /** `undefined`: the token has no such claim. */
  readonly actual: string | undefined
  readonly ok: boolean
}
