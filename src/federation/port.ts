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
