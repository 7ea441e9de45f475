import type { DecisionCause, Verdict } from '#domain/credential/decision.ts'
import type { HeadClaims } from '#domain/feed/head.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import { type Anchor, widthOf } from './authority-time.ts'
import type { Rules } from './rules.ts'
import type { VerifySignature } from './signature.ts'
import { isFault } from './token.ts'

export interface DecisionRequest {
  readonly token: string
  /** When the token came, by the local clock: what is known since then is known of it. */
  readonly arrivedMicros: number
  readonly scopes: readonly string[]
}

export interface VerifierDecision {
  readonly verdict: Verdict
  readonly cause?: DecisionCause
  readonly detail?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly retryAfterSeconds?: number
}

/** What a verifier knows, all of it from one answer of the authority. */
export interface Knowledge {
  readonly head: HeadClaims
  /** When the question was sent whose answer the head is. */
  readonly sentMicros: number
  readonly anchor: Anchor
}

export interface DecisionContext {
  readonly config: { readonly issuer: string; readonly audiences: readonly string[] }
  readonly limits: { readonly leewayMicros: number; readonly widthMicrosMax: number }
  readonly rules: Rules
  readonly verifySignature: VerifySignature
}

/** Decides on a token by what is known; "cannot know" is an answer, and never "accepted". */
export function decide(
  known: Knowledge | undefined,
  { token, arrivedMicros, scopes }: DecisionRequest,
  { config, limits, rules, verifySignature }: DecisionContext,
  nowMicros: number,
): VerifierDecision {
  if (known === undefined) return stale('cold', 'the authority has not answered yet')
  const { head, sentMicros, anchor } = known
  const interval = rules.intervalAt(anchor, nowMicros)
  if (rules.isTooWide(widthOf(interval), limits.widthMicrosMax)) {
    return stale('clock', 'the time of the authority is not known well enough')
  }
  const { issuer, audiences } = config
  const read = rules.readToken(token, { issuer, audiences, head, verifySignature })
  if (isFault(read)) {
    return read.kind === 'unknown' && rules.mayYetBeKnown(arrivedMicros, sentMicros)
      ? stale('behind', read.detail)
      : { verdict: 'invalid', detail: read.detail }
  }
  const { claims, revocable, validity } = read
  const verdict = rules.judgeTimes(validity, interval, limits.leewayMicros)
  if (verdict === 'unclear') return stale('clock', 'it may or may not have expired')
  if (verdict !== 'accepted') return { verdict, claims }
  const missing = scopes.filter(
    (wanted) => !revocable.scopes.some((scope) => matchesPattern(wanted, scope)),
  )
  return missing.length === 0
    ? { verdict, claims }
    : { verdict: 'insufficient-scope', claims, detail: `without scope ${missing.join(', ')}` }
}

const stale = (cause: DecisionCause, detail: string): VerifierDecision => ({
  verdict: 'stale',
  cause,
  detail,
  retryAfterSeconds: 1,
})
