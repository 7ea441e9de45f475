import { type ParsedToken, parseToken } from '#domain/credential/token.ts'
import { decideIssue, type Grant } from '#domain/issuance/issue.ts'
import { onceKey } from '#domain/oauth/once.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import type { Conditions } from '#domain/trust/conditions.ts'
import { evaluateTrust, timeFinding, type TrustFinding } from '#domain/trust/evaluate.ts'
import type { ClaimFinding, Trust } from '#domain/trust/trust.ts'
import type { IdentityFinding } from '#federation/port.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Instant } from '#kernel/instant.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import type { Reading } from '#store/port.ts'
import { clientOf } from './clients.ts'
import type { Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { trustOf } from './trusts.ts'

/** How an identity token stands to a trust, and what would come of it. */
export interface Standing extends TrustFinding {
  readonly mode: Trust['mode']
  /** Matched, enforced, not used before, and its client may be given what was asked for. */
  readonly granted: boolean
  /** What stands in the way, in words. */
  readonly because: readonly string[]
  readonly grant?: Grant & { readonly clientId: string }
}

/** What a job asks for with its token. */
export interface IdentityRequest {
  readonly scopes?: readonly string[] | undefined
  readonly audience?: readonly string[] | undefined
  readonly ttlSeconds?: number | undefined
}

/** Takes an identity token apart; nothing of it is believed yet. Refusal: `token-malformed`. */
export function readIdentity(text: string): ParsedToken {
  const parsed = parseToken(text.trim())
  if (typeof parsed !== 'string') return parsed
  return refuse('token-malformed', `that is no identity token: ${parsed}`, {
    next: 'give the JWT that the CI system handed out',
  })
}

/**
 * Runs the evaluation that an exchange runs, on a real token, and issues nothing: the issuer's keys,
 * every claim and condition, and what the client would be given. Refusals: `trust-unknown`,
 * `token-malformed`, `issuer-unreachable`.
 */
export async function testTrust(
  deps: Deps,
  { id, token, ...request }: IdentityRequest & { readonly id: string; readonly token: string },
): Promise<Standing> {
  const parsed = readIdentity(token)
  const { trust, now } = await deps.store.read(async (tx) => ({
    trust: await trustOf(tx, id),
    now: (await authorityTime(deps, tx)).at,
  }))
  const checked = await deps.identityTokens.verify(trust, parsed, now)
  const conditions = await deps.conditions()
  return deps.store.read((tx) =>
    standingOf(deps, tx, { trust, parsed, checked, request, conditions }),
  )
}

export interface Case {
  readonly trust: Trust
  readonly conditions: Conditions
  readonly parsed: ParsedToken
  /** What the issuer's keys said of the token. */
  readonly checked: IdentityFinding
  readonly request: IdentityRequest
}

export async function standingOf(
  deps: Deps,
  tx: Reading,
  { trust, parsed, checked, request, conditions }: Case,
): Promise<Standing> {
  const client = await clientOf(tx, trust.clientId)
  const { issuer } = (await tx.authority()) ?? { issuer: '' }
  const { at: now } = await authorityTime(deps, tx)
  const asked = askedOf(trust, request)
  const given = decided(() =>
    decideIssue(client, asked, { policy: deps.policy, issuer, held: 'all' }),
  )
  const finding = evaluateTrust(trust, parsed.claims, {
    conditions,
    variables: {
      trust: { issuer: trust.issuer, claims: parsed.claims },
      client: { id: client.id, tier: client.tier, tags: client.tags },
      subject: client.id,
      scopes: given.grant?.scopes ?? [],
      audience: given.grant?.audience ?? [],
      ttl: given.grant?.ttlSeconds ?? 0,
      now,
    },
  })
  const isUsed = await tx.isUsedOnce(usedKey(parsed))
  const because = [
    ...(checked.verdict === 'accepted' ? [] : [checked.detail ?? `it is ${checked.verdict}`]),
    ...(finding.matched ? [] : ['not every claim and condition is as it has to be']),
    ...(given.problem === undefined ? [] : [given.problem.message]),
    ...beyond(trust, given.grant?.scopes ?? []),
    ...(isUsed ? ['it was used before'] : []),
    ...(trust.mode === 'audit' ? ['the trust is on trial (mode audit) and gives nothing'] : []),
  ]
  return {
    ...finding,
    claims: [
      ...finding.claims,
      ...timesOf(checked, parsed, now),
      ...(isUsed ? [usedFinding(parsed.claims['jti'])] : []),
    ],
    mode: trust.mode,
    granted: because.length === 0,
    because,
    ...(given.grant === undefined ? {} : { grant: { ...given.grant, clientId: client.id } }),
  }
}

/** What is wrong with its times, as further lines of the table; of good times there is nothing to say. */
function timesOf({ verdict }: IdentityFinding, { claims }: ParsedToken, now: Instant) {
  const isEndless = verdict === 'invalid' && typeof claims['exp'] !== 'number'
  const ends = verdict === 'expired' || isEndless ? [timeFinding('exp', claims['exp'], now)] : []
  const begins = verdict === 'not-yet-valid' ? [timeFinding('nbf', claims['nbf'], now)] : []
  // By the clock at which it was checked; this one may have gone on since.
  return [...ends, ...begins].map((one) => ({ ...one, ok: false }))
}

const usedFinding = (jti: unknown): ClaimFinding => ({
  claim: 'jti',
  expected: 'one that was not used before',
  actual: typeof jti === 'string' ? jti.slice(0, 200) : undefined,
  ok: false,
})

/** What is not asked for is all that the trust gives; how long at most is the trust's to say. */
export function askedOf(
  { scopes, ttlSecondsMax }: Trust,
  request: IdentityRequest,
): IdentityRequest {
  const { ttlSeconds = ttlSecondsMax } = request
  const capped =
    ttlSeconds === undefined || ttlSecondsMax === undefined
      ? ttlSeconds
      : Math.min(ttlSeconds, ttlSecondsMax)
  return { scopes: request.scopes ?? scopes, audience: request.audience, ttlSeconds: capped }
}

const beyond = ({ scopes }: Trust, granted: readonly string[]): string[] =>
  granted
    .filter((scope) => !scopes.some((allowed) => matchesPattern(allowed, scope)))
    .map((scope) => `the trust does not give scope ${scope}`)

function decided(decide: () => Grant): { readonly grant?: Grant; readonly problem?: Problem } {
  try {
    return { grant: decide() }
  } catch (thrown) {
    if (thrown instanceof Problem) return { problem: thrown }
    throw thrown
  }
}

/** Its issuer and `jti`; a token without one is known by its signature, which fixes it as well. */
export function usedKey({ claims, signature }: ParsedToken): Uint8Array {
  const { iss, jti } = claims
  const id = typeof jti === 'string' ? jti : encodeBase64url(signature)
  return onceKey(`identity ${typeof iss === 'string' ? iss : ''}`, id)
}
