import type { Client } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { claimsOf, TOKEN_TYPE } from '#domain/credential/token.ts'
import { decideIssue, type Grant, type Held, type IssueRequest } from '#domain/issuance/issue.ts'
import type { Key, KeyPurpose } from '#domain/keys/key.ts'
import { patternsOf } from '#domain/revocation/pattern.ts'
import { rulesOf } from '#domain/revocation/rule.ts'
import { blocksIssuing } from '#domain/revocation/verdict.ts'
import { newId } from '#kernel/identifier.ts'
import { formatInstant, fromSeconds, toSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, Writing } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { type AuthorityTime, mintingTime } from './feed.ts'
import { signJws } from './jws.ts'
import { settleDue } from './settle.ts'
import { takePlaces } from './status-places.ts'

export { signJws } from './jws.ts'

/** What every mint of one transaction stands on. */
export interface Ground {
  readonly time: AuthorityTime
  readonly issuer: string
  readonly key: Key
  readonly sealed: Uint8Array
}

/**
 * The first thing in a transaction that mints: what is due is settled, then position and authority time
 * are read, before anything that authorises. Nothing else may change feed or keys in that transaction.
 */
export async function mintingGround(deps: Deps, tx: Writing): Promise<Ground> {
  await settleDue(deps, tx)
  const time = await mintingTime(deps, tx)
  const { issuer } =
    (await tx.authority()) ??
    refuse('store-foreign', 'the database holds no authority', { next: 'credctl init' })
  return { time, issuer, ...(await activeKey(tx)) }
}

export interface MintOrder extends IssueRequest {
  readonly tags: Readonly<Record<string, string>>
  readonly justification?: string | undefined
  readonly count: number
  /** The scopes of whoever orders it. */
  readonly held: Held
  /** Who it is for, as the record says: `local:root`, `client:ops`. */
  readonly createdBy: string
  /** The trust under which an identity token is exchanged for it. */
  readonly trustId?: string | undefined
  /** What it derives from: its session and sign-in are this one's. */
  readonly parent?: Credential | undefined
}

export interface Minted {
  readonly grant: Grant
  readonly credentials: readonly Credential[]
  readonly ground: Ground
}

/**
 * Mints: decides what is granted, holds it against what is blocked, and records it. The client must
 * have been read in this transaction, after its ground. Refusals: those of `decideIssue`,
 * `issuance-blocked`; they come before anything is written.
 */
export async function mint(
  deps: Deps,
  tx: Writing,
  ground: Ground,
  client: Client,
  order: MintOrder,
): Promise<Minted> {
  const { issuer } = ground
  const grant = decideIssue(client, order, { policy: deps.policy, issuer, held: order.held })
  await refuseBlocked(tx, client, grant, order)
  refuseLocked(deps, ground)
  const expiresAt = fromSeconds(toSeconds(ground.time.at) + grant.ttlSeconds)
  const places = await takePlaces(deps, tx, order.count, expiresAt)
  const credentials = places.map((status) => ({
    ...newCredential(deps, ground, client, grant, order),
    status,
  }))
  await tx.insertCredentials(credentials)
  return { grant, credentials, ground }
}

/** A key that cannot be opened must leave no records of tokens that nobody got. */
const refuseLocked = (deps: Deps, { key, sealed }: Ground): void => {
  deps.signer.open(key.id, sealed)
}

/** While a block lasts, nothing that its selector matches is issued (re-minting is how thieves stay). */
async function refuseBlocked(
  tx: Reading,
  client: Client,
  grant: Grant,
  { trustId, parent }: Pick<MintOrder, 'trustId' | 'parent'>,
): Promise<void> {
  const sessionId = parent?.sessionId
  const request = {
    ...(trustId === undefined ? {} : { trustId }),
    ...(sessionId === undefined ? {} : { sessionId }),
    clientId: client.id,
    subject: grant.subject,
    scopes: grant.scopes,
    audience: grant.audience,
  }
  const candidates = await tx.revocationCandidates({
    tokens: [],
    clients: [client.id],
    subjects: [grant.subject],
    sessions: sessionId === undefined ? [] : [sessionId],
    scopes: grant.scopes.flatMap(patternsOf),
    audiences: grant.audience,
    keys: [],
    trusts: trustId === undefined ? [] : [trustId],
  })
  const block = blocksIssuing(request, rulesOf(candidates))
  if (block === undefined) return
  const expiresAt = candidates.find(({ id }) => id === block.id)?.expiresAt
  const until = expiresAt === undefined ? '' : `, until ${formatInstant(expiresAt)} at the latest`
  refuse(
    'issuance-blocked',
    `revocation ${block.id} (${block.reason}) blocks issuing to client ${client.id}${until}`,
    {
      next: `credctl revocation show ${block.id}; when it is safe: credctl revocation unblock ${block.id}`,
      facts: { revocationId: block.id, reason: block.reason, clientId: client.id },
    },
  )
}

export async function activeKey(
  tx: Reading,
  purpose: KeyPurpose = 'token',
): Promise<{ key: Key; sealed: Uint8Array }> {
  const { items } = await tx.listKeys({ purpose, states: ['active'] }, { limit: 1 })
  const key = items[0] ?? refuseKeyless()
  return { key, sealed: (await tx.sealedKey(key.id)) ?? refuseKeyless() }
}

const refuseKeyless = (): never =>
  refuse('key-unknown', 'there is no active signing key', { next: 'credctl key rotate' })

function newCredential(
  { entropy }: Deps,
  { key, time }: Ground,
  client: Client,
  grant: Grant,
  order: MintOrder,
): Credential {
  // NumericDate has whole seconds, and the record says what the token says.
  const issuedAtSeconds = toSeconds(time.at)
  const id = newId('cred', time.at, entropy)
  const { parent } = order
  return {
    id,
    clientId: client.id,
    tier: client.tier,
    subject: grant.subject,
    scopes: grant.scopes,
    audience: grant.audience,
    issuedAt: fromSeconds(issuedAtSeconds),
    expiresAt: fromSeconds(issuedAtSeconds + grant.ttlSeconds),
    keyId: key.id,
    sessionId: parent?.sessionId ?? id,
    ...(parent === undefined ? {} : { parentId: parent.id }),
    feedSeq: time.position,
    rootSeq: parent?.rootSeq ?? time.position,
    rootIssuedAt: parent?.rootIssuedAt ?? fromSeconds(issuedAtSeconds),
    createdBy: order.createdBy,
    ...(order.trustId === undefined ? {} : { trustId: order.trustId }),
    ...(order.justification === undefined ? {} : { justification: order.justification }),
    tags: order.tags,
  }
}

/** The token of a credential on record. Never before its commit: none may exist that is not on record. */
export const signToken = (
  deps: Deps,
  ground: Pick<Ground, 'issuer' | 'key' | 'sealed'>,
  credential: Credential,
): string => signJws(deps, ground, TOKEN_TYPE, claimsOf(credential, ground.issuer))

/** What the audit log says of a mint. */
export function mintDetail({ credentials, grant, ground }: Minted): Record<string, unknown> {
  const { scopes, audience, subject, ttlSeconds, clampedFromSeconds } = grant
  return {
    count: credentials.length,
    firstId: credentials[0]?.id,
    lastId: credentials.at(-1)?.id,
    clientId: credentials[0]?.clientId,
    subject,
    scopes,
    audience,
    ttlSeconds,
    ...(clampedFromSeconds === undefined ? {} : { clampedFromSeconds }),
    keyId: ground.key.id,
  }
}
