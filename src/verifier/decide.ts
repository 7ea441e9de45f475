import type { DecisionCause } from '#domain/credential/decision.ts'
import type { HeadClaims, VerifierMode } from '#domain/feed/head.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import type { Rule } from '#domain/revocation/rule.ts'
import type { RuleVerdict } from '#domain/revocation/verdict.ts'
import { type TimeInterval, widthOf } from './authority-time.ts'
import type { DecisionRequest, VerifierConfig, VerifierDecision } from './config.ts'
import type { TokenKeys } from './keys.ts'
import type { Rules } from './rules.ts'
import type { SignatureCache } from './signature-cache.ts'
import type { VerifySignature } from './signature.ts'
import type { FeedView } from './state.ts'
import { isFault, type ReadToken, type TokenContext, type TokenFault } from './token.ts'

/** The newest head that was applied: what it speaks for is known. */
export interface Applied {
  readonly head: HeadClaims
  readonly receivedMicros: number
}

/** What a verifier knows at one instant. */
export interface Knowledge {
  readonly applied: Applied | undefined
  readonly interval: TimeInterval | undefined
  readonly view: FeedView
  /** After this, by the local clock, some applied head was certainly issued. */
  readonly issuedAfterMicros: number
  /** What is held does not give the digest that a signed head told, so it is worth nothing. */
  readonly isDiverged: boolean
  readonly nowMicros: number
}

/** Enough to decide by. */
type Ready = Knowledge & { readonly applied: Applied; readonly interval: TimeInterval }

export interface DecisionContext {
  readonly config: VerifierConfig
  readonly widthMicrosMax: number
  readonly rules: Rules
  readonly cache: SignatureCache
  readonly verifySignature: VerifySignature
}

/** Decides on tokens by what is known; "cannot know" is an answer, and never "accepted". */
export class Decider {
  readonly #config: VerifierConfig
  readonly #rules: Rules
  readonly #cache: SignatureCache
  readonly #widthMicrosMax: number
  readonly #tokens: TokenContext
  /** Of the decision under way. */
  #keys: TokenKeys | undefined

  constructor({ config, rules, cache, widthMicrosMax, verifySignature }: DecisionContext) {
    this.#config = config
    this.#rules = rules
    this.#cache = cache
    this.#widthMicrosMax = widthMicrosMax
    const { issuer, audiences } = config
    const { revocableOf } = rules
    const findKey = (kid: unknown) => this.#keys?.find(kid)
    this.#tokens = { issuer, audiences, findKey, verifySignature, revocableOf }
  }

  /** Why nothing can be decided, whatever the token; `undefined` where it can. */
  staleness(known: Knowledge): DecisionCause | undefined {
    const ready = this.#readiness(known)
    return typeof ready === 'string' ? ready : undefined
  }

  #readiness(known: Knowledge): Ready | DecisionCause {
    const { applied, interval, isDiverged } = known
    if (applied === undefined) return 'cold'
    if (interval === undefined) return 'clock'
    if (this.#rules.isTooWide(widthOf(interval), this.#widthMicrosMax)) return 'clock'
    if (isDiverged) return 'behind'
    const ready = known as Ready
    return this.#isLeased(ready, undefined) ? ready : 'lease'
  }

  decide(known: Knowledge, request: DecisionRequest): VerifierDecision {
    const ready = this.#readiness(known)
    if (typeof ready === 'string') return staleBy(ready)
    const { applied, interval, view } = ready
    const rules = this.#rules
    const mayCome = rules.mayYetBeKnown(request.arrivedMicros, known.issuedAfterMicros)
    this.#keys = view.keys
    const token = this.#read(request.token, view.keys)
    if (isFault(token)) return refusalOf(token, mayCome)
    const fault = faultBefore(token, applied.head)
    if (fault !== undefined) return refusalOf(fault, mayCome)
    if (!this.#isLeased(ready, token.staleness)) return staleBy('lease')
    const untimely = this.#untimely(token, interval, view.snapshotMicros)
    if (untimely !== undefined) return untimely
    const found = view.index.verdict(token.revocable, rules.graceInstant(interval))
    if (found.kind === 'revoked') return revokedBy(found.by, token)
    // Whoever holds a revoked key can sign anything; its revocation says why, but none is needed.
    const key = view.keys.find(token.revocable.keyId)
    const { leewayMicros } = this.#config
    if (key === undefined || !rules.keyVerifies(key, interval.upperMicros, leewayMicros)) {
      return { verdict: 'invalid', detail: `it was signed with a key that is ${key?.state}` }
    }
    return this.#insufficient(token, request, interval) ?? accepted(token, found, interval)
  }

  /** Reads a token, or remembers it: for the same text and the same key nothing else comes out. */
  #read(text: string, keys: TokenKeys): ReadToken | TokenFault {
    const known = this.#cache.find(text)
    if (known !== undefined) {
      const key = keys.find(known.revocable.keyId)
      if (key?.thumbprint === known.thumbprint) return known
    }
    const fresh = this.#rules.readToken(text, this.#tokens)
    if (!isFault(fresh)) this.#cache.keep(text, fresh)
    return fresh
  }

  #isLeased(
    { applied: { head, receivedMicros }, interval, nowMicros }: Ready,
    token: VerifierMode | undefined,
  ): boolean {
    const { mode, stalenessSeconds: own } = this.#config
    const limitSeconds = this.#rules.limitOf(head.limits, mode, { token, own })
    return this.#rules.isLeased({ head, limitSeconds, interval, receivedMicros, nowMicros })
  }

  #untimely(
    { claims, validity }: ReadToken,
    interval: TimeInterval,
    snapshotMicros: number,
  ): VerifierDecision | undefined {
    const judged = this.#rules.judgeTimes(validity, interval, this.#config.leewayMicros)
    if (judged === 'unclear') return staleBy('clock')
    if (judged !== 'accepted') return { verdict: judged, claims }
    // Its time is over, and what revoked it may have been left out of what was begun with.
    return this.#rules.isPastSnapshot(validity.untilMicros, snapshotMicros)
      ? { verdict: 'expired', claims }
      : undefined
  }

  #insufficient(
    { claims, revocable, signedInSeconds, acr: own }: ReadToken,
    { scopes, maxAgeSeconds, acr }: DecisionRequest,
    interval: TimeInterval,
  ): VerifierDecision | undefined {
    if (maxAgeSeconds !== undefined) {
      const age = { maxAgeSeconds, leewayMicros: this.#config.leewayMicros }
      if (!this.#rules.isRecent(signedInSeconds * SECOND, interval, age)) {
        return { verdict: 'step-up-required', claims, detail: 'its sign-in is too old' }
      }
    }
    if (acr !== undefined && (own === undefined || !acr.includes(own))) {
      return { verdict: 'step-up-required', claims, detail: `it needs acr ${acr.join(' or ')}` }
    }
    for (const wanted of scopes) {
      if (revocable.scopes.some((scope) => matchesPattern(wanted, scope))) continue
      return { verdict: 'insufficient-scope', claims, detail: `it lacks scope ${wanted}` }
    }
    return undefined
  }
}

const SECOND = 1_000_000

/** What the newest head says of a token that is good in itself. */
function faultBefore(
  { revocable, lifetimeSeconds }: ReadToken,
  head: HeadClaims,
): TokenFault | undefined {
  if (head.maxTtl < lifetimeSeconds) {
    return { kind: 'invalid', detail: 'it lives longer than its authority ever lets a token live' }
  }
  if (head.position < revocable.feedSeq) {
    return { kind: 'unknown', detail: 'it names a feed position that is not known here' }
  }
  return undefined
}

function refusalOf({ kind, detail }: TokenFault, mayCome: boolean): VerifierDecision {
  if (kind === 'unproven') return { verdict: 'proof-invalid', detail }
  return kind === 'unknown' && mayCome ? staleBy('behind') : { verdict: 'invalid', detail }
}

const revokedBy = (
  { id, reason, message }: Pick<Rule, 'id' | 'reason' | 'message'>,
  { claims }: ReadToken,
): VerifierDecision => ({
  verdict: 'revoked',
  claims,
  reason,
  revocationId: id,
  detail: `it is revoked (${reason})`,
  ...(message === undefined ? {} : { message }),
})

function accepted(
  { claims }: ReadToken,
  found: RuleVerdict,
  { upperMicros }: TimeInterval,
): VerifierDecision {
  if (found.kind !== 'grace') return { verdict: 'accepted', claims }
  return {
    verdict: 'accepted',
    claims,
    reason: found.by.reason,
    revocationId: found.by.id,
    graceSeconds: Math.ceil((found.endsAt * 1000 - upperMicros) / SECOND),
    detail: 'it is revoked, and within its grace period; renew it now',
  }
}

const details: Readonly<Record<DecisionCause, string>> = {
  cold: 'the authority has not been heard yet',
  lease: 'the newest head of the feed is too old to decide by',
  behind: 'what it names is not known here yet',
  clock: 'the time of the authority is not known well enough',
}

export const staleBy = (cause: DecisionCause): VerifierDecision => ({
  verdict: 'stale',
  cause,
  detail: details[cause],
  retryAfterSeconds: 1,
})
