import { adminScopes } from '#domain/client/admin-scopes.ts'
import { readAsked } from '#domain/oauth/asked.ts'
import type { Trust } from '#domain/trust/trust.ts'
import type { ForeignFinding } from '#federation/port.ts'
import { fromSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Writing } from '#store/port.ts'
import { clientOf } from '#app/clients.ts'
import type { Deps } from '#app/deps.ts'
import { authorityTime } from '#app/feed.ts'
import { askedOf, readIdentity, type Standing, standingOf, usedKey } from '#app/identity.ts'
import { auditEntry } from '#app/record.ts'
import type { DecideGrant, GrantType, OauthRequest } from './grants.ts'
import { ACCESS_TOKEN, beginRenewal } from './renew.ts'

/** An identity token may be remembered as used a little longer than its issuer's clock may be off. */
const REMEMBERED_SECONDS = 300
/** Of a token that says no end, or one too far away: for how long its use is remembered. */
const REMEMBERED_SECONDS_MAX = 86_400
const SUBJECT_CHARACTERS_MAX = 256

/**
 * RFC 8693: a job exchanges the identity token of its CI system for a token of a client. It needs no
 * client authentication: the trust, and nothing else, is the gate. `trust`, an extension of ours, names
 * one where several of an issuer might be meant. A token of ours is exchanged for one that derives from
 * it (`renew.ts`).
 */
export const tokenExchange: GrantType = {
  name: 'urn:ietf:params:oauth:grant-type:token-exchange',
  needsClient: false,
  async begin(deps, request) {
    const { form } = request
    const type = form.one('subject_token_type')
    if (type === undefined || ![...SUBJECT_TYPES, ACCESS_TOKEN].includes(type)) {
      const known = [...SUBJECT_TYPES, ACCESS_TOKEN].join(', ')
      return refuse('request-invalid', `subject_token_type is none of ${known}`)
    }
    const wanted = form.one('requested_token_type') ?? ACCESS_TOKEN
    if (wanted !== ACCESS_TOKEN)
      refuse('request-invalid', `requested_token_type is ${ACCESS_TOKEN}`)
    if (form.one('actor_token') !== undefined) {
      refuse('request-invalid', 'nobody acts for somebody else here: actor_token')
    }
    if (type === ACCESS_TOKEN) return beginRenewal(deps, request)
    return begin(deps, request, 'subject_token', { issued_token_type: ACCESS_TOKEN })
  },
}

const SUBJECT_TYPES = [
  'urn:ietf:params:oauth:token-type:jwt',
  'urn:ietf:params:oauth:token-type:id_token',
]

/** RFC 7523 §2.1: the same, for clients that know assertions and no exchange. */
export const jwtBearer: GrantType = {
  name: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  needsClient: false,
  begin: (deps, request) => begin(deps, request, 'assertion', {}),
}

/**
 * The first trust, by name, that is satisfied and gives what is asked for. The identity token is used up
 * with what it is exchanged for, and not by a try that fails. Refusals: `trust-unmatched`, whose facts
 * are the claims table of every trust that was tried; `request-invalid`; `issuer-unreachable`.
 */
async function begin(
  deps: Deps,
  request: OauthRequest,
  parameter: 'subject_token' | 'assertion',
  members: Readonly<Record<string, string>>,
): Promise<DecideGrant> {
  const { form } = request
  const text = form.one(parameter) ?? refuse('request-invalid', `${parameter} is missing`)
  const asked = readAsked(form)
  const trustId = form.one('trust')
  const parsed = readIdentity(text)
  const issuer = typeof parsed.claims['iss'] === 'string' ? parsed.claims['iss'] : ''
  const { trusts, now } = await deps.store.read(async (tx) => ({
    trusts: await trustsFor(tx, issuer, trustId),
    now: (await authorityTime(deps, tx)).at,
  }))
  if (trusts.length === 0) refuseUnknown(issuer, trustId)
  const findings = new Map<string, ForeignFinding>()
  for (const trust of trusts) {
    findings.set(trust.id, await deps.identityTokens.verify(trust, parsed, now))
  }
  const conditions = await deps.conditions()
  return async (tx, { ground }) => {
    const standings: Standing[] = []
    for (const trust of await trustsFor(tx, issuer, trustId)) {
      const checked = findings.get(trust.id)
      // One that was made since is for the next try: its keys were not asked yet.
      if (checked === undefined) continue
      const standing = await standingOf(deps, tx, {
        trust,
        parsed,
        checked,
        request: asked,
        conditions,
      })
      standings.push(standing)
      if (!standing.granted) continue
      const client = await clientOf(tx, trust.clientId)
      return {
        client,
        order: {
          ...askedOf(trust, asked),
          subject: subjectOf(parsed.claims, client.id),
          tags: {},
          held: [...adminScopes, ...(asked.scopes ?? trust.scopes)],
          trustId: trust.id,
        },
        detail: { trustId: trust.id, claims: standing.claims },
        members,
        spend: async () => {
          await tx.useOnce(usedKey(parsed), rememberedUntil(parsed.claims, ground.time.at))
        },
      }
    }
    const isSigned = (id: string): boolean => findings.get(id)?.verdict === 'accepted'
    await recordRefusal(
      deps,
      tx,
      request,
      standings.filter(({ trustId: id }) => isSigned(id)),
    )
    return refuseUnmatched(standings, isSigned)
  }
}

/** Only of tokens that their issuer signed: whoever makes some up could write as much as he likes. */
async function recordRefusal(
  deps: Deps,
  tx: Writing,
  { origin, requestId, form }: OauthRequest,
  signed: readonly Standing[],
): Promise<void> {
  const [first] = signed
  if (first === undefined) return
  const context = { caller: { actor: `trust:${first.trustId}`, scopes: [], origin }, requestId }
  const deed = { action: 'token.exchange', target: `trust:${first.trustId}` }
  const tried = signed.map(({ trustId, mode, because, claims }) => ({
    trustId,
    mode,
    because,
    claims,
  }))
  const detail = { tried, scope: form.one('scope') ?? null }
  await tx.appendAudit(auditEntry(deps, context, deed, 'trust-unmatched', { detail }))
}

const trustsFor = async (
  tx: { trustsOfIssuer(issuer: string): Promise<readonly Trust[]> },
  issuer: string,
  trustId: string | undefined,
): Promise<readonly Trust[]> =>
  (await tx.trustsOfIssuer(issuer)).filter(({ id }) => trustId === undefined || id === trustId)

const refuseUnknown = (issuer: string, trustId: string | undefined): never =>
  refuse(
    'trust-unmatched',
    `no trust${trustId === undefined ? '' : ` ${trustId.slice(0, 64)}`} lets in tokens of issuer ${issuer.slice(0, 200)}`,
    {
      next: 'credctl trust list; credctl trust create ID --issuer URL …',
      facts: { issuer: issuer.slice(0, 200), trusts: [] },
    },
  )

/**
 * With the whole table: whoever writes a job has nothing else to mend it by. But only for a token that
 * its issuer signed: anybody else would learn from it what to forge, or whom to take over.
 */
function refuseUnmatched(
  standings: readonly Standing[],
  isSigned: (trustId: string) => boolean,
): never {
  const reasons = standings
    .filter(({ trustId }) => isSigned(trustId))
    .map(({ trustId, because }) => `${trustId}: ${because.join(', ')}`)
  const detail =
    reasons.length === 0
      ? 'the token is not one of its issuer’s that holds now: its signature, its issuer or its times'
      : `no trust is satisfied (${reasons.join('; ')})`
  return refuse('trust-unmatched', detail, {
    next: 'credctl trust test TRUST --token - shows the same table without an exchange',
    facts: {
      trusts: standings
        .filter(({ trustId }) => isSigned(trustId))
        .map(({ trustId, mode, because, claims, conditions }) => ({
          trustId,
          mode,
          because,
          claims,
          conditions,
        })),
    },
  })
}

/** The identity's own subject, where it can be one here; the client speaks for itself otherwise. */
function subjectOf({ sub }: Readonly<Record<string, unknown>>, clientId: string): string {
  const isFit =
    typeof sub === 'string' && sub.length <= SUBJECT_CHARACTERS_MAX && /^[\x21-\x7e]+$/.test(sub)
  return isFit ? sub : clientId
}

function rememberedUntil({ exp }: Readonly<Record<string, unknown>>, now: number) {
  const nowSeconds = Math.floor(now / 1000)
  const end = Number.isSafeInteger(exp) ? Number(exp) : nowSeconds + REMEMBERED_SECONDS_MAX
  return fromSeconds(end + REMEMBERED_SECONDS)
}
