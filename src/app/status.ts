import type { CredentialState } from '#domain/credential/credential.ts'
import { nextStep } from '#domain/credential/next-step.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { revocableOf } from '#domain/revocation/rule.ts'
import { type RuleVerdict, stateOfCredential } from '#domain/revocation/verdict.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading } from '#store/port.ts'
import type { Caller, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { judge } from './states.ts'
import { type Decision, verifyToken } from './verify-token.ts'

/** What a denied client is told of its credential. */
export interface CredentialStatus {
  readonly id: string
  readonly state: CredentialState
  readonly reason?: string
  readonly message?: string
  readonly revocationId?: string
  readonly publishedAt?: Instant
  /** Until then resource servers still accept it. */
  readonly graceEndsAt?: Instant
  /** What helps, as one sentence. */
  readonly next: string
}

export interface StatusRequest {
  readonly id: string
  /** The credential's own token, or one of an operator. */
  readonly token?: string | undefined
  /** Somebody who needs none, as on the socket. */
  readonly caller?: Caller | undefined
}

const SCOPE = 'admin:credentials:read'

/**
 * Tells whoever holds a credential, or an operator, in which state it is, why, and what to do next.
 * Whoever is neither is told the same of what exists, of what does not, and of what is somebody
 * else's, after the same work: ids are no secrets, and their states are nobody else's business.
 *
 * Refusals: `authentication-needed` without any token, `credential-unknown` for all else.
 */
export async function credentialStatus(
  deps: Deps,
  issuer: string,
  { id, token, caller }: StatusRequest,
): Promise<CredentialStatus> {
  if (caller !== undefined) return ofRecord(deps, id, mayRead(caller.scopes))
  if (token === undefined) {
    return refuse('authentication-needed', 'this needs the token that it is about', {
      next: 'send it: Authorization: Bearer TOKEN',
    })
  }
  const decision = await verifyToken(deps, { token, scopes: [] })
  const record = await recordOf(deps, id)
  const own = isOwn(decision, id) ? await ofDecision(deps, id, decision) : undefined
  if (own !== undefined) return own
  if (isOperators(decision, issuer) && record !== undefined) return record
  return refuseUnknown()
}

const refuseUnknown = (): never =>
  refuse('credential-unknown', 'no such credential is known, or the token sent is not its own', {
    next: 'send the token that it is about: Authorization: Bearer TOKEN',
  })

const mayRead = (scopes: Caller['scopes']): boolean => scopes === 'all' || scopes.includes(SCOPE)

async function ofRecord(deps: Deps, id: string, isAllowed: boolean): Promise<CredentialStatus> {
  const record = await recordOf(deps, id)
  return record === undefined || !isAllowed ? refuseUnknown() : record
}

/** Claims are in a decision only where the signature has proved good. */
const isOwn = ({ verdict, claims }: Decision, id: string): boolean =>
  verdict !== 'invalid' && claims !== undefined && claims['jti'] === id

function isOperators({ verdict, claims = {} }: Decision, issuer: string): boolean {
  const { aud, scope } = claims
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud]
  const isAddressed = verdict === 'accepted' && audiences.includes(issuer)
  return isAddressed && typeof scope === 'string' && mayRead(scope.split(' '))
}

/** By its claims, so that it can be told also when its record has been purged. */
function ofDecision(deps: Deps, id: string, decision: Decision): Promise<CredentialStatus> {
  const { verdict, revocationId, graceSeconds } = decision
  return deps.store.read(async (tx) => {
    const by = revocationId === undefined ? undefined : await tx.findRevocation(revocationId)
    const isRevoked = verdict === 'revoked'
    const whole = isRevoked && by?.suspends === true ? 'suspended' : 'revoked'
    const state = isRevoked ? whole : verdict === 'expired' ? 'expired' : 'active'
    return statusOf(id, state, by, graceSeconds === undefined ? undefined : graceEndOf(by))
  })
}

function recordOf(deps: Deps, id: string): Promise<CredentialStatus | undefined> {
  return deps.store.read(async (tx) => {
    const credential = await tx.findCredential(id)
    if (credential === undefined) return undefined
    const { at: now } = await authorityTime(deps, tx)
    const found = await judge(tx, revocableOf(credential), now)
    const by = await revocationBy(tx, found)
    const graceEndsAt = found.kind === 'grace' ? found.endsAt : undefined
    return statusOf(id, stateOfCredential(credential, found, now), by, graceEndsAt)
  })
}

const revocationBy = async (tx: Reading, found: RuleVerdict): Promise<Revocation | undefined> =>
  found.kind === 'clear' ? undefined : await tx.findRevocation(found.by.id)

const graceEndOf = (by: Revocation | undefined): Instant | undefined =>
  by === undefined ? undefined : instant(by.publishedAt + by.graceSeconds * 1000)

function statusOf(
  id: string,
  state: CredentialState,
  by: Revocation | undefined,
  graceEndsAt: Instant | undefined,
): CredentialStatus {
  const next = nextStep(state, { ...by, graceEndsAt })
  if (by === undefined) return { id, state, next }
  return {
    id,
    state,
    reason: by.reason,
    ...(by.message === undefined ? {} : { message: by.message }),
    revocationId: by.id,
    publishedAt: by.publishedAt,
    ...(graceEndsAt === undefined ? {} : { graceEndsAt }),
    next,
  }
}
