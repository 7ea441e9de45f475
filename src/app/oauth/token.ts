import type { Context, Deps } from '#app/deps.ts'
import { mint, mintDetail, type Minted, signToken } from '#app/mint.ts'
import { auditEntry } from '#app/record.ts'
import type { Client } from '#domain/client/client.ts'
import { Problem, refuse, rowOf } from '#kernel/problem.ts'
import type { Writing } from '#store/port.ts'
import { authenticateClient, gatherEvidence } from './authenticate-client.ts'
import { contextOf, mustNotHurry, type OauthCore } from './core.ts'
import { type GrantType, grantTypes, type OauthRequest } from './grants.ts'

/** What the token endpoint hands out. */
export interface Granted {
  readonly token: string
  readonly ttlSeconds: number
  readonly scopes: readonly string[]
  readonly members: Readonly<Record<string, string>>
}

/**
 * Serves a token request: one transaction, shared with others, in which position and authority time
 * are read, then the client proves itself, the grant decides, and the credential is recorded. The token
 * is signed after its commit.
 *
 * Refusals: `grant-unsupported`, `client-refused`, `rate-limited`, those of the grant and of `mint`.
 */
export async function grantToken(core: OauthCore, request: OauthRequest): Promise<Granted> {
  const { deps } = core
  const grant = grantOf(request)
  const evidence = await gatherEvidence(deps, core.gate, request.presented)
  const decide = await grant.begin(deps, request)
  const { minted, members } = await core.mints.submit(async (tx, ground) => {
    const isMissing = evidence.kind === 'none' && !grant.needsClient
    const counter = { issuer: ground.issuer, now: ground.time.at }
    const client = isMissing ? undefined : await authenticateClient(deps, tx, evidence, counter)
    if (client !== undefined) mustNotHurry(core, client)
    return onRecord(deps, tx, { client, request }, async () => {
      const decided = await decide(tx, { ground, client })
      const { client: grantee, order, detail, members = {}, spend } = decided
      // One that authenticated has been counted; one that a grant leads to is counted here.
      if (client === undefined) mustNotHurry(core, grantee)
      const context = contextOf(grantee, request)
      const { actor: createdBy } = context.caller
      const minted = await mint(deps, tx, ground, grantee, { ...order, count: 1, createdBy })
      await spend?.()
      return { context, minted, members, detail: { grantType: grant.name, ...detail } }
    })
  })
  const { grant: granted, credentials, ground } = minted
  const [credential] = credentials
  if (credential === undefined) return refuse('internal', 'nothing was minted')
  return {
    token: signToken(deps, ground, credential),
    ttlSeconds: granted.ttlSeconds,
    scopes: granted.scopes,
    members,
  }
}

function grantOf({ form }: OauthRequest): GrantType {
  const name = form.one('grant_type')
  if (name === undefined) return refuse('request-invalid', 'grant_type is missing')
  return (
    grantTypes.find((grant) => grant.name === name) ??
    refuse('grant-unsupported', `there is no grant ${name.slice(0, 64)} here`)
  )
}

interface Done {
  readonly context: Context
  readonly minted: Minted
  readonly members: Readonly<Record<string, string>>
  readonly detail: Readonly<Record<string, unknown>>
}

/**
 * Records in the same transaction what was minted, or that a known client was refused it. What is
 * refused to somebody unknown is counted instead (`failures.ts`): he could write as much as he likes.
 */
async function onRecord(
  deps: Deps,
  tx: Writing,
  { client, request }: { client: Client | undefined; request: OauthRequest },
  work: () => Promise<Done>,
): Promise<Done> {
  const action = 'credential.issue'
  try {
    const done = await work()
    const target = `credential:${done.minted.credentials[0]?.id}`
    const detail = { ...mintDetail(done.minted), ...done.detail }
    await tx.appendAudit(auditEntry(deps, done.context, { action, target }, 'ok', { detail }))
    return done
  } catch (thrown) {
    if (client !== undefined && thrown instanceof Problem && rowOf(thrown.code).status < 500) {
      const deed = { action, target: `client:${client.id}` }
      const detail = { refusal: thrown.message, ...thrown.facts }
      await tx.appendAudit(
        auditEntry(deps, contextOf(client, request), deed, thrown.code, { detail }),
      )
    }
    throw thrown
  }
}
