import { adminScopes } from '#domain/client/admin-scopes.ts'
import { readAsked } from '#domain/oauth/asked.ts'
import type { ParsedToken } from '#domain/credential/token.ts'
import { strangerFindings } from '#domain/trust/stranger.ts'
import type { Trust } from '#domain/trust/trust.ts'
import type { IdentityFinding } from '#federation/port.ts'
import { fromSeconds, type Instant } from '#kernel/instant.ts'
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
/** Of a token that says no end: for how long its use is remembered. */
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
 * are the claims table of every trust that was tried; `request-invalid`; `issuer-unreachable`;
 * `authority-busy` where a trust was given other keys meanwhile.
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
  const { trusts, ours, now } = await deps.store.read(async (tx) => ({
    trusts: await trustsFor(tx, issuer, trustId),
    ours: (await tx.authority())?.issuer ?? '',
    now: (await authorityTime(deps, tx)).at,
  }))
  if (trusts.length === 0) refuseUnknown({ parsed, ours, now }, trustId)
  // By the keys and not by the trust, which may be given other ones before the transaction.
  const findings = new Map<string, IdentityFinding>()
  for (const trust of trusts) {
    const keys = keysOf(trust)
    if (findings.has(keys)) continue
    findings.set(keys, await deps.identityTokens.verify(trust, parsed, now))
  }
  const conditions = await deps.conditions()
  return async (tx, { ground }) => {
    const present = await trustsFor(tx, issuer, trustId)
    if (present.length === 0) refuseUnknown({ parsed, ours, now }, trustId)
    const signed: Standing[] = []
    for (const trust of present) {
      const checked = findings.get(keysOf(trust)) ?? refuseChanged()
      const standing = await standingOf(deps, tx, {
        trust,
        parsed,
        checked,
        request: asked,
        conditions,
      })
      if (checked.isSigned) signed.push(standing)
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
    if (signed.length === 0) return refuseUnsigned({ parsed, ours, now })
    await recordRefusal(deps, tx, request, signed)
    return refuseUnmatched(signed)
  }
}

/** Where the keys of a trust's issuer come from, as one text. */
const keysOf = ({ issuer, jwks, jwksUri, allowsPrivate }: Trust): string =>
  JSON.stringify([issuer, jwks, jwksUri, allowsPrivate])

const refuseChanged = (): never =>
  refuse('authority-busy', 'a trust of this issuer was given other keys at this moment')

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

/** A token that is let in by no trust, or that nobody has signed whom one names. */
interface Stranger {
  readonly parsed: ParsedToken
  /** Our issuer. */
  readonly ours: string
  readonly now: Instant
}

function refuseUnknown(
  { parsed, ours: issuer, now }: Stranger,
  trustId: string | undefined,
): never {
  const { iss } = parsed.claims
  const named = trustId === undefined ? '' : ` ${trustId.slice(0, 64)}`
  const from = typeof iss === 'string' ? iss.slice(0, 200) : ''
  return refuse('trust-unmatched', `no trust${named} lets in tokens of issuer ${from}`, {
    next: 'credctl trust list; credctl trust create ID --issuer URL …',
    facts: {
      because: 'no trust names its issuer',
      trusts: [],
      claims: strangerFindings(parsed, { issuer, now, isOfTrust: false }),
    },
  })
}

const refuseUnsigned = ({ parsed, ours: issuer, now }: Stranger): never =>
  refuse('trust-unmatched', 'the token is not one of its issuer’s: its signature does not hold', {
    next: 'get the token from the CI system, in the job that sends it',
    facts: {
      because: 'its signature does not hold',
      trusts: [],
      claims: strangerFindings(parsed, { issuer, now, isOfTrust: true }),
    },
  })

/**
 * With the whole table, as its issuer has signed the token: whoever writes a job has nothing else to mend
 * it by. Anybody else would learn from it what to forge, or whom to take over.
 */
function refuseUnmatched(signed: readonly Standing[]): never {
  const reasons = signed.map(({ trustId, because }) => `${trustId}: ${because.join(', ')}`)
  return refuse('trust-unmatched', `no trust is satisfied (${reasons.join('; ')})`, {
    next: 'credctl trust test TRUST --token - shows the same table without an exchange',
    facts: {
      trusts: signed.map(({ trustId, mode, because, claims, conditions }) => ({
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
