import type { AuthorityTime } from '#domain/feed/authority-time.ts'
import type { Key } from '#domain/keys/key.ts'
import { lifetime } from '#domain/policy/policy.ts'
import { isDue } from '#domain/revocation/revocation.ts'
import { revocableOf } from '#domain/revocation/rule.ts'
import { blocksIssuing, verdict } from '#domain/revocation/verdict.ts'
import { newId } from '#kernel/identifier.ts'
import { fromSeconds, toSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { SimCredential } from './credentials.ts'
import type { Transaction } from './database.ts'
import { rulesIn, type Site, trustedReading } from './site.ts'
import type { Statements } from './transactions.ts'

export interface MintRequest {
  /** Its number, by which the simulator knows what became of it. */
  readonly n: number
  readonly clientId: string
  readonly subject: string
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  readonly tags: Readonly<Record<string, string>>
  readonly ttlSeconds: number
  /** What it derives from, as a refresh or an exchange does. */
  readonly parentId?: string | undefined
}

interface Reading {
  readonly time: AuthorityTime
  readonly policyVersion: number
}

/**
 * A mint, statement by statement: position and time are read before whatever authorises it, and all
 * of that is read inside the transaction. Lists are kept out by their lock, which is taken first.
 */
export function* mint(
  site: Site,
  tx: Transaction,
  request: MintRequest,
): Statements<SimCredential> {
  yield 'list-shared'
  const read = (): Reading => ({
    time: trustedReading(site, tx.feed()),
    policyVersion: tx.rows.policyVersion,
  })
  let reading = read()
  yield 'next'
  // What is authorised here has been authorised after this many commits, whatever its claims say.
  const order = tx.version
  refuseDisabled(tx, request)
  yield 'next'
  const parent = parentOf(site, tx, request, reading.time)
  yield 'next'
  refuseBlocked(site, tx, request, parent)
  yield 'next'
  refuseUnsettled(site, tx, reading.time)
  const key = activeTokenKey(tx)
  if (site.rules.mintReads === 'last') {
    yield 'next'
    reading = read()
  }
  const credential = credentialOf(site, request, { parent, key, order, time: reading.time })
  yield 'next'
  if (tx.rows.policyVersion !== reading.policyVersion) {
    refuse('store-busy', 'the policy changed meanwhile, so what was decided is decided anew')
  }
  tx.put('credentials', credential.id, credential)
  return credential
}

function refuseDisabled(tx: Transaction, { clientId }: MintRequest): void {
  if (tx.rows.disabled.has(clientId)) refuse('client-disabled', `client ${clientId} is disabled`)
}

/** What a refresh or an exchange derives from: neither revoked nor in grace, nor expired. */
function parentOf(
  site: Site,
  tx: Transaction,
  { parentId }: MintRequest,
  { at }: AuthorityTime,
): SimCredential | undefined {
  if (parentId === undefined) return undefined
  const parent =
    tx.find('credentials', parentId) ??
    refuse('credential-unknown', `no credential ${parentId} is on record`)
  if (parent.expiresAt <= at) refuse('policy-denied', 'what it would derive from has expired')
  const { kind } = verdict(revocableOf(parent), rulesIn(site, tx), at)
  if (!site.rules.mayDerive(kind)) refuse('policy-denied', 'what it would derive from is revoked')
  return parent
}

function refuseBlocked(
  site: Site,
  tx: Transaction,
  { clientId, subject, scopes, audience }: MintRequest,
  parent: SimCredential | undefined,
): void {
  const asked = { clientId, subject, scopes, audience }
  const joining = parent === undefined ? asked : { ...asked, sessionId: parent.sessionId }
  const block = blocksIssuing(joining, rulesIn(site, tx))
  if (block !== undefined) refuse('issuance-blocked', `${block.id} blocks issuing to ${clientId}`)
}

/** Whoever was told that nothing is due begins again when something has become so. */
function refuseUnsettled(site: Site, tx: Transaction, { at }: AuthorityTime): void {
  if (!site.rules.settlesFirst) return
  const due = tx.all('revocations').some((revocation) => isDue(revocation, at))
  if (due) refuse('store-busy', 'something has to be settled first')
}

export const activeTokenKey = (tx: Transaction): Key =>
  tx.all('keys').find(({ purpose, state }) => purpose === 'token' && state === 'active') ??
  refuse('key-unknown', 'there is no active signing key')

interface Ingredients {
  readonly parent: SimCredential | undefined
  readonly key: Key
  readonly order: number
  readonly time: AuthorityTime
}

function credentialOf(
  { entropy, policy }: Site,
  request: MintRequest,
  { parent, key, order, time }: Ingredients,
): SimCredential {
  const { ttlSeconds } = lifetime(policy, 'standard', request.ttlSeconds)
  const issuedAtSeconds = toSeconds(time.at)
  const id = newId('cred', time.at, entropy)
  return {
    id,
    n: request.n,
    order,
    rootOrder: parent?.rootOrder ?? order,
    clientId: request.clientId,
    tier: 'standard',
    subject: request.subject,
    scopes: request.scopes,
    audience: request.audience,
    issuedAt: fromSeconds(issuedAtSeconds),
    expiresAt: fromSeconds(issuedAtSeconds + ttlSeconds),
    keyId: key.id,
    sessionId: parent?.sessionId ?? id,
    ...(parent === undefined ? {} : { parentId: parent.id }),
    feedSeq: time.position,
    rootSeq: parent?.rootSeq ?? time.position,
    rootIssuedAt: parent?.rootIssuedAt ?? fromSeconds(issuedAtSeconds),
    createdBy: 'local:simulator',
    tags: request.tags,
  }
}
