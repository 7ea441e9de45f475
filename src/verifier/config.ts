import type { DecisionCause, Verdict } from '#domain/credential/decision.ts'
import type { HeadClaims, VerifierMode } from '#domain/feed/head.ts'
import type { Reason } from '#domain/revocation/revocation.ts'
import type { Entropy } from '#kernel/clock.ts'
import type { TimeInterval } from './authority-time.ts'
import type { Jwk, VerifierEffect, VerifierEvent } from './protocol.ts'
import type { Rules } from './rules.ts'
import type { VerifySignature } from './signature.ts'

/** What a verifier is told when it is made. */
export interface VerifierConfig {
  readonly issuer: string
  readonly audiences: readonly string[]
  /** A label for people. */
  readonly name: string
  readonly mode: VerifierMode
  /** Names this one start of this one process; random. */
  readonly incarnation: string
  /** Microseconds by which a token's times may be missed; 2 s unless there is a reason. */
  readonly leewayMicros: number
  /** The keys that may sign heads; without a pin, those of the kept state or of the first answer. */
  readonly feedKeys?: readonly Jwk[]
  /** The resource's own limit; it can only tighten what token and authority say. */
  readonly stalenessSeconds?: number
  /** How many good signatures are remembered; 10,000 unless said otherwise. */
  readonly signaturesKeptMax?: number
}

export interface VerifierCapabilities {
  readonly entropy: Entropy
  readonly verifySignature: VerifySignature
  readonly rules: Rules
}

export interface DecisionRequest {
  readonly token: string
  /** When the token came, by the local clock: what is known since then is known of it. */
  readonly arrivedMicros: number
  /** Scopes that it must carry, all of them. */
  readonly scopes: readonly string[]
  /** How long ago the sign-in may be (RFC 9470 `max_age`). */
  readonly maxAgeSeconds?: number
  /** Which authentication contexts will do, one of them (RFC 9470 `acr_values`). */
  readonly acr?: readonly string[]
}

export interface VerifierDecision {
  readonly verdict: Verdict
  /** Of `stale`: why it cannot be known. */
  readonly cause?: DecisionCause
  /** For a log; a caller may see it only where a signature was good. */
  readonly detail?: string
  readonly claims?: Readonly<Record<string, unknown>>
  /** Of a revocation that hits the token, be it in grace. */
  readonly reason?: Reason
  readonly revocationId?: string
  /** The operator's, for the denied caller. */
  readonly message?: string
  /** Accepted for so long still; the token is to be renewed now. */
  readonly graceSeconds?: number
  readonly retryAfterSeconds?: number
}

export interface VerifierCore {
  /** What happened, and when by the local monotonic clock, microseconds; what is to be done of it. */
  on(event: VerifierEvent, nowMicros: number): readonly VerifierEffect[]
  /**
   * Decides now, by what is known now. After `stale` the effects are carried out and it may be asked
   * again, with the same arrival.
   */
  decide(
    request: DecisionRequest,
    nowMicros: number,
  ): { readonly decision: VerifierDecision; readonly effects: readonly VerifierEffect[] }
  /** The newest head applied, and the authority's time as it is known; for status and for checks. */
  applied(): HeadClaims | undefined
  interval(nowMicros: number): TimeInterval | undefined
  /** Whether it can decide by its own mode's limit, and if not, why. */
  staleness(nowMicros: number): DecisionCause | undefined
  /** The keys that it trusts for heads, to be kept beside a snapshot. */
  feedKeys(): readonly Jwk[]
}
