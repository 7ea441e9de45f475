import type { Origin } from '#domain/audit/entry.ts'
import { fromSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { ForeignFinding } from '#federation/port.ts'
import type { Trust } from '#domain/trust/trust.ts'
import { clientOf } from './clients.ts'
import type { Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import {
  askedOf,
  type IdentityRequest,
  readIdentity,
  type Standing,
  standingOf,
  usedKey,
} from './identity.ts'
import { mint, mintDetail, type Minted, mintingGround, signToken } from './mint.ts'
import { record } from './record.ts'

export interface ExchangeRequest extends IdentityRequest {
  readonly token: string
  /** Which trust is meant, where several of one issuer might be. */
  readonly trustId?: string | undefined
}

export interface Exchanged extends Pick<Minted, 'grant' | 'credentials'> {
  readonly token: string
  readonly trustId: string
}

/** An identity token may be remembered as used a little longer than its issuer's clock may be off. */
const REMEMBERED_SECONDS = 300
/** Of a token that says no end, or one too far away: for how long its use is remembered. */
const REMEMBERED_SECONDS_MAX = 86_400
const SUBJECT_CHARACTERS_MAX = 256

/**
 * Exchanges an identity token of another issuer for a token of a client (RFC 8693): the first trust, by
 * name, that is satisfied and gives what is asked for. The identity token is used up with it, and not
 * by a try that fails. Refusals: `trust-unmatched`, whose facts are the claims table of every trust
 * that was tried; `token-malformed`; `issuer-unreachable`.
 */
export async function exchangeIdentity(
  deps: Deps,
  { origin, requestId }: { readonly origin: Origin; readonly requestId: string },
  { token, trustId, ...request }: ExchangeRequest,
): Promise<Exchanged> {
  const parsed = readIdentity(token)
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
  const context = { caller: { actor: `identity:${issuer}`, scopes: [], origin }, requestId }
  const deed = {
    action: 'token.exchange',
    target: trustId === undefined ? '*' : `trust:${trustId}`,
  }
  const minted = await record(deps, context, deed, async (tx) => {
    const ground = await mintingGround(deps, tx)
    const standings: Standing[] = []
    for (const trust of await trustsFor(tx, issuer, trustId)) {
      const checked = findings.get(trust.id)
      // One that was made since is for the next try: its keys were not asked yet.
      if (checked === undefined) continue
      const standing = await standingOf(deps, tx, { trust, parsed, checked, request, conditions })
      standings.push(standing)
      if (!standing.granted) continue
      if (!(await tx.useOnce(usedKey(parsed), rememberedUntil(parsed.claims, ground.time.at))))
        break
      const client = await clientOf(tx, trust.clientId)
      const result = await mint(deps, tx, ground, client, {
        ...askedOf(trust, request),
        subject: subjectOf(parsed.claims, client.id),
        tags: {},
        count: 1,
        held: 'all',
        createdBy: `trust:${trust.id}`,
        trustId: trust.id,
      })
      return {
        result: { ...result, trustId: trust.id },
        target: `credential:${result.credentials[0]?.id}`,
        detail: { ...mintDetail(result), trustId: trust.id, claims: standing.claims },
      }
    }
    return refuseUnmatched(standings, (id) => findings.get(id)?.verdict === 'accepted')
  })
  const [credential] = minted.credentials
  if (credential === undefined) return refuse('internal', 'nothing was minted')
  const { grant, credentials, ground } = minted
  return { grant, credentials, token: signToken(deps, ground, credential), trustId: minted.trustId }
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
    `no trust${trustId === undefined ? '' : ` ${trustId}`} lets in tokens of issuer ${issuer.slice(0, 200)}`,
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
