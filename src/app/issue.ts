import type { Client } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { claimsOf, signingInput, TOKEN_TYPE } from '#domain/credential/token.ts'
import {
  decideIssue,
  type Grant,
  type IssueRequest,
  refuseEscalation,
} from '#domain/issuance/issue.ts'
import type { Key, KeyPurpose } from '#domain/keys/key.ts'
import { revocableOf, rulesOf } from '#domain/revocation/rule.ts'
import { blocksIssuing } from '#domain/revocation/verdict.ts'
import { patternsOf } from '#domain/revocation/pattern.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { newId } from '#kernel/identifier.ts'
import { formatInstant, fromSeconds, toSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, Writing } from '#store/port.ts'
import { clientOf } from './clients.ts'
import type { Context, Deps } from './deps.ts'
import { type AuthorityTime, authorityTime, mintingTime } from './feed.ts'
import type { Memory } from './idempotency.ts'
import { record } from './record.ts'
import { settleDue } from './settle.ts'
import { type CredentialView, judge, viewOf } from './states.ts'

export interface NewTokens extends IssueRequest {
  readonly clientId: string
  readonly tags: Readonly<Record<string, string>>
  readonly justification?: string | undefined
  readonly count: number
}

/** A token and its record: active, unless an earlier answer is given again and it no longer is. */
export interface Issued extends CredentialView {
  readonly token: string
  readonly ttlSeconds: number
  readonly clampedFromSeconds?: number
}

interface Minted {
  readonly grant: Grant
  readonly credentials: readonly CredentialView[]
  readonly issuer: string
  readonly key: Key
  readonly sealed: Uint8Array
}

/**
 * Issues tokens: position and authority time are read first, then everything that authorises, in
 * one transaction with the records. The tokens are signed after its commit, so that no token can
 * exist that is not on record; the first signature is tried before it, so that a key which cannot
 * be opened leaves no records of tokens that nobody got.
 */
export async function issueTokens(
  deps: Deps,
  context: Context,
  request: NewTokens,
): Promise<readonly Issued[]> {
  const deed = { action: 'credential.issue', target: `client:${request.clientId}` }
  const minted = await record(
    deps,
    context,
    deed,
    async (tx) => {
      await settleDue(deps, tx)
      const result = await mint(deps, context, tx, request)
      const [first] = result.credentials
      if (first !== undefined) signed(deps, result, first.credential)
      return {
        result,
        justification: request.justification,
        detail: detailOf(result),
        ...(request.count === 1 ? { target: `credential:${first?.credential.id}` } : {}),
      }
    },
    mintedMemory(deps, context),
  )
  const { ttlSeconds, clampedFromSeconds } = minted.grant
  const now = toSeconds(deps.clock.now())
  return minted.credentials.map((view) => ({
    ...view,
    token: signed(deps, minted, view.credential),
    // What is left of it, which is all of it unless an earlier answer is given again.
    ttlSeconds: Math.max(0, Math.min(ttlSeconds, toSeconds(view.credential.expiresAt) - now)),
    ...(clampedFromSeconds === undefined ? {} : { clampedFromSeconds }),
  }))
}

interface KeptMint {
  readonly grant: Grant
  readonly issuer: string
  readonly keyId: string
  readonly ids: readonly string[]
}

/** Tokens are never kept: the same records, signed anew, are the same credentials. */
const mintedMemory = (deps: Deps, { caller }: Context): Memory<Minted> => ({
  keep: ({ grant, issuer, key, credentials }): KeptMint => ({
    grant,
    issuer,
    keyId: key.id,
    ids: credentials.map(({ credential }) => credential.id),
  }),
  async bring(tx, kept) {
    const { grant, issuer, keyId, ids } = kept as KeptMint
    // The same actor may hold a lesser token by now; it is not handed what a greater one was.
    refuseEscalation(grant.scopes, caller.scopes)
    const key = await tx.findKey(keyId)
    const sealed = await tx.sealedKey(keyId)
    const { at: now } = await authorityTime(deps, tx)
    const credentials: CredentialView[] = []
    for (const id of ids) {
      const credential = await tx.findCredential(id)
      if (credential === undefined) continue
      credentials.push(viewOf(credential, await judge(tx, revocableOf(credential), now), now))
    }
    if (key === undefined || sealed === undefined || credentials.length < ids.length) {
      return refuse(
        'idempotency-conflict',
        'what was issued under this key is no longer on record',
        {
          next: 'choose a new idempotency key',
        },
      )
    }
    return { grant, issuer, key, sealed, credentials }
  },
})

async function mint(
  deps: Deps,
  context: Context,
  tx: Writing,
  request: NewTokens,
): Promise<Minted> {
  const time = await mintingTime(deps, tx)
  const client = await clientOf(tx, request.clientId)
  const { issuer } = (await tx.authority()) ?? refuseUnfinished()
  const grant = decideIssue(client, request, {
    policy: deps.policy,
    issuer,
    held: context.caller.scopes,
  })
  await refuseBlocked(tx, client, grant)
  const { key, sealed } = await activeKey(tx)
  const credentials: Credential[] = []
  for (let i = 0; i < request.count; i++) {
    credentials.push(newCredential(deps, { client, grant, key, time }, context, request))
  }
  await tx.insertCredentials(credentials)
  const views = credentials.map((credential) => ({ credential, state: 'active' as const }))
  return { grant, credentials: views, issuer, key, sealed }
}

const refuseUnfinished = (): never =>
  refuse('store-foreign', 'the database holds no authority', { next: 'credctl init' })

/** While a block lasts, nothing that its selector matches is issued (re-minting is how thieves stay). */
async function refuseBlocked(tx: Reading, client: Client, grant: Grant): Promise<void> {
  const request = {
    clientId: client.id,
    subject: grant.subject,
    scopes: grant.scopes,
    audience: grant.audience,
  }
  const candidates = await tx.revocationCandidates({
    tokens: [],
    clients: [client.id],
    subjects: [grant.subject],
    sessions: [],
    scopes: grant.scopes.flatMap(patternsOf),
    audiences: grant.audience,
    keys: [],
    trusts: [],
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
  const [key] = items
  const sealed = key === undefined ? undefined : await tx.sealedKey(key.id)
  if (key === undefined || sealed === undefined) {
    return refuse('key-unknown', 'there is no active signing key', { next: 'credctl key rotate' })
  }
  return { key, sealed }
}

interface Ingredients {
  readonly client: Client
  readonly grant: Grant
  readonly key: Key
  readonly time: AuthorityTime
}

function newCredential(
  { entropy }: Deps,
  { client, grant, key, time }: Ingredients,
  { caller }: Context,
  request: NewTokens,
): Credential {
  // NumericDate has whole seconds, and the record says what the token says.
  const issuedAtSeconds = toSeconds(time.at)
  const id = newId('cred', time.at, entropy)
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
    sessionId: id,
    feedSeq: time.position,
    rootSeq: time.position,
    rootIssuedAt: fromSeconds(issuedAtSeconds),
    createdBy: caller.actor,
    ...(request.justification === undefined ? {} : { justification: request.justification }),
    tags: request.tags,
  }
}

const utf8 = new TextEncoder()

const signed = (deps: Deps, minted: Minted, credential: Credential): string =>
  signJws(deps, minted, TOKEN_TYPE, claimsOf(credential, minted.issuer))

/** A compact JWS (RFC 7515 §7.1) of one of our types. */
export function signJws(
  { signer }: Deps,
  { key, sealed }: { readonly key: Key; readonly sealed: Uint8Array },
  typ: string,
  claims: object,
): string {
  const input = signingInput({ typ, alg: key.algorithm, kid: key.id }, claims)
  return `${input}.${encodeBase64url(signer.sign(key.id, sealed, utf8.encode(input)))}`
}

function detailOf({ credentials, grant, key }: Minted): Record<string, unknown> {
  const { scopes, audience, subject, ttlSeconds, clampedFromSeconds } = grant
  return {
    count: credentials.length,
    firstId: credentials[0]?.credential.id,
    lastId: credentials.at(-1)?.credential.id,
    clientId: credentials[0]?.credential.clientId,
    subject,
    scopes,
    audience,
    ttlSeconds,
    ...(clampedFromSeconds === undefined ? {} : { clampedFromSeconds }),
    keyId: key.id,
  }
}
