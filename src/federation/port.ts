import type { DecisionCause, Verdict } from '#domain/credential/decision.ts'
import type { ParsedToken } from '#domain/credential/token.ts'
import type { Instant } from '#kernel/instant.ts'

/** Other issuers: their keys, and tokens that they signed. */
export interface ForeignIssuers {
  /**
   * Checks the signature and the times of a token by the keys that its issuer publishes. It is given
   * as it was parsed, so that nothing of a looser spelling gets here. What the issuer has revoked
   * cannot be known here. Refusal: `issuer-unreachable`.
   */
  verify(issuer: string, parsed: ParsedToken, now: Instant): Promise<ForeignFinding>
}

export interface ForeignFinding {
  readonly verdict: Verdict
  readonly detail?: string
  readonly cause?: DecisionCause
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Of an identity token. Its claims are its issuer's also where it has expired, or is not one for now. */
export interface IdentityFinding extends ForeignFinding {
  /** Whether a key of its issuer has signed it, whatever else is wrong with it. */
  readonly isSigned: boolean
}

/** Where the keys of an issuer of identity tokens come from. */
export interface KeySource {
  readonly issuer: string
  /** Pinned: nothing is fetched. */
  readonly jwks?: { readonly keys: readonly Readonly<Record<string, unknown>>[] } | undefined
  /** Fetched from here, and not from where the issuer's metadata says. */
  readonly jwksUri?: string | undefined
  /** The names may resolve to private and loopback addresses. */
  readonly allowsPrivate: boolean
}

/** Identity tokens of CI systems and other issuers that a trust names. */
export interface IdentityTokens {
  /**
   * Checks the signature and the times of a token by the keys of its issuer, which are kept for some
   * minutes and fetched once more for a key that is not among them. Refusal: `issuer-unreachable`.
   */
  verify(source: KeySource, parsed: ParsedToken, now: Instant): Promise<IdentityFinding>
}
