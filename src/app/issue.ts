import { type Grant, type IssueRequest, refuseEscalation } from '#domain/issuance/issue.ts'
import type { Key } from '#domain/keys/key.ts'
import { revocableOf } from '#domain/revocation/rule.ts'
import { toSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { clientOf } from './clients.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import type { Memory } from './idempotency.ts'
import { mint, mintDetail, mintingGround, signToken } from './mint.ts'
import { record } from './record.ts'
import { type CredentialView, judge, viewOf } from './states.ts'

export { activeKey, signJws } from './mint.ts'

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

interface Answerable {
  readonly grant: Grant
  readonly credentials: readonly CredentialView[]
  readonly issuer: string
  readonly key: Key
  readonly sealed: Uint8Array
}

/**
 * Issues tokens: position and authority time are read first, then everything that authorises, in
 * one transaction with the records. The tokens are signed after its commit, so that no token can
 * exist that is not on record; the key is opened before it, so that one which cannot be opened leaves
 * no records of tokens that nobody got.
 */
export async function issueTokens(
  deps: Deps,
  context: Context,
  request: NewTokens,
): Promise<readonly Issued[]> {
  const deed = { action: 'credential.issue', target: `client:${request.clientId}` }
  const { caller } = context
  const answerable = await record<Answerable>(
    deps,
    context,
    deed,
    async (tx) => {
      const ground = await mintingGround(deps, tx)
      const client = await clientOf(tx, request.clientId)
      const order = { ...request, held: caller.scopes, createdBy: caller.actor }
      const minted = await mint(deps, tx, ground, client, order)
      const { grant, credentials } = minted
      const views = credentials.map((credential) => ({ credential, state: 'active' as const }))
      const { issuer, key, sealed } = ground
      return {
        result: { grant, credentials: views, issuer, key, sealed },
        justification: request.justification,
        detail: mintDetail(minted),
        ...(request.count === 1 ? { target: `credential:${credentials[0]?.id}` } : {}),
      }
    },
    mintedMemory(deps, context),
  )
  const { ttlSeconds, clampedFromSeconds } = answerable.grant
  const now = toSeconds(deps.clock.now())
  return answerable.credentials.map((view) => ({
    ...view,
    token: signToken(deps, answerable, view.credential),
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
const mintedMemory = (deps: Deps, { caller }: Context): Memory<Answerable> => ({
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
