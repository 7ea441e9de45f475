import type { DecisionCause, Verdict } from '#domain/credential/decision.ts'
import { audienceOf, revocableOfClaims } from '#domain/credential/claims.ts'
import { parseToken, type ParsedToken, TOKEN_TYPE } from '#domain/credential/token.ts'
import { maxTtlSeconds } from '#domain/policy/policy.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import type { Revocable } from '#domain/revocation/rule.ts'
import { type Instant, toSeconds } from '#kernel/instant.ts'
import type { Reading } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { judge } from './states.ts'

export interface VerifyRequest {
  readonly token: string
  /** Left out, the audience is not checked, and the decision says so. */
  readonly audience?: string | undefined
  readonly scopes: readonly string[]
  /** Another issuer's token is checked with that issuer's keys, and not for revocation. */
  readonly issuer?: string | undefined
}

export interface Decision {
  readonly verdict: Verdict
  readonly reason?: string
  readonly message?: string
  readonly revocationId?: string
  readonly claims?: Readonly<Record<string, unknown>>
  readonly graceSeconds?: number
  readonly cause?: DecisionCause
  readonly retryAfterSeconds?: number
  readonly detail?: string
  readonly audienceChecked: boolean
  readonly revocationChecked: boolean
}

/** What was decided before it is said which checks were made. */
export type Finding = Omit<Decision, 'audienceChecked' | 'revocationChecked'>

const invalid = (detail: string): Finding => ({ verdict: 'invalid', detail })

/**
 * Decides on a token as a resource server would, with the authority's own knowledge: form, type,
 * signature, claims, revocation, expiry, audience, scopes (RFC 9068 §4). Nothing about a token is
 * told to the caller before its signature has proved good.
 */
export async function verifyToken(deps: Deps, request: VerifyRequest): Promise<Decision> {
  const parsed = parseToken(request.token.trim())
  const issuer = await deps.store.read(async (tx) => (await tx.authority())?.issuer ?? '')
  const named = request.issuer
  const revocationChecked = named === undefined || named === issuer
  const checks = { audienceChecked: request.audience !== undefined, revocationChecked }
  if (typeof parsed === 'string') return { ...invalid(parsed), ...checks }
  const finding = revocationChecked
    ? await deps.store.read((tx) => decide(deps, tx, parsed, issuer))
    : await deps.foreignIssuers.verify(named, parsed, deps.clock.now())
  const decided = finding.verdict === 'accepted' ? addressed(finding, request) : finding
  return { ...decided, ...checks }
}

async function decide(
  deps: Deps,
  tx: Reading,
  parsed: ParsedToken,
  issuer: string,
): Promise<Finding> {
  const fault = await signatureFault(deps, tx, parsed, issuer)
  return fault === undefined ? decideSigned(deps, tx, parsed) : invalid(fault)
}

/** The rest, of a token whose signature is good: what time and the feed say of it. */
export async function decideSigned(
  deps: Deps,
  tx: Reading,
  { header, claims }: Pick<ParsedToken, 'header' | 'claims'>,
): Promise<Finding> {
  const { at: now, position } = await authorityTime(deps, tx)
  const token = revocableOfClaims(claims, String(header['kid']))
  if (typeof token === 'string') return { ...invalid(token), claims }
  if (position < token.feedSeq) {
    return { ...invalid('it names a feed position that this authority has not reached'), claims }
  }
  const lifetime = Number(claims['exp']) - token.issuedAtSeconds
  if (maxTtlSeconds(deps.policy) < lifetime) {
    return { ...invalid('it lives longer than this authority ever lets a token live'), claims }
  }
  const finding = await timed(deps, tx, token, Number(claims['exp']), now)
  // Whoever holds a revoked key can sign anything; its revocation says why, but none is needed.
  if (finding.verdict === 'accepted' && (await tx.findKey(token.keyId))?.state === 'revoked') {
    return invalid(`it was signed with key ${token.keyId}, which is revoked`)
  }
  return { ...finding, claims }
}

/** Why the signature does not make this a token of ours; `undefined` when it does. */
export async function signatureFault(
  deps: Deps,
  tx: Reading,
  { header, claims, signed, signature }: ParsedToken,
  issuer: string,
): Promise<string | undefined> {
  const { typ, alg, kid, crit } = header
  if (typ !== TOKEN_TYPE && typ !== `application/${TOKEN_TYPE}`) {
    return `its type is not ${TOKEN_TYPE}, so it is no access token (RFC 9068 §2.1)`
  }
  if (crit !== undefined) return 'it demands extensions that are not understood here (crit)'
  if (claims['iss'] !== issuer) {
    return `it was not issued by ${issuer}; for another issuer's token give --issuer`
  }
  const key = typeof kid === 'string' ? await tx.findKey(kid) : undefined
  if (key === undefined || key.purpose !== 'token') return 'it was signed with a key not known here'
  if (alg !== key.algorithm) return `its algorithm is not ${key.algorithm}, that of its key`
  return deps.signer.verify(key.publicJwk, signed, signature)
    ? undefined
    : 'its signature is forged'
}

async function timed(
  deps: Deps,
  tx: Reading,
  token: Revocable,
  expiresAtSeconds: number,
  now: Instant,
): Promise<Finding> {
  const found = await judge(tx, token, now)
  if (found.kind === 'revoked') {
    const { id, reason, message } = found.by
    return {
      verdict: 'revoked',
      reason,
      ...(message === undefined ? {} : { message }),
      revocationId: id,
      detail: `it is revoked (${reason})`,
    }
  }
  const seconds = toSeconds(now)
  if (expiresAtSeconds <= seconds) {
    return { verdict: 'expired', detail: `it expired ${seconds - expiresAtSeconds} s ago` }
  }
  if (seconds + deps.policy.defaults.leewaySeconds < token.issuedAtSeconds) {
    return { verdict: 'not-yet-valid', detail: 'it was issued in the future' }
  }
  if (found.kind === 'clear') return { verdict: 'accepted' }
  return {
    verdict: 'accepted',
    reason: found.by.reason,
    revocationId: found.by.id,
    graceSeconds: Math.max(0, Math.ceil((found.endsAt - now) / 1000)),
    detail: 'it is revoked, and within its grace period; renew it now',
  }
}

/** The last two checks, which are the resource server's own: is it meant for me, may it do this. */
function addressed(finding: Finding, { audience, scopes }: VerifyRequest): Finding {
  const { claims = {} } = finding
  if (audience !== undefined && !audienceOf(claims).includes(audience)) {
    return { ...invalid(`it is not meant for audience ${audience}`), claims }
  }
  const { scope = '' } = claims
  const held = typeof scope === 'string' ? scope.split(' ') : []
  const missing = scopes.filter((wanted) => !held.some((scope) => matchesPattern(wanted, scope)))
  if (missing.length === 0) return finding
  return {
    verdict: 'insufficient-scope',
    detail: `it does not carry scope ${missing.join(', ')}`,
    claims,
  }
}
