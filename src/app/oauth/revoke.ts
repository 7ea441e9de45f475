import type { Context } from '#app/deps.ts'
import { authorityTime } from '#app/feed.ts'
import { verifyToken } from '#app/verify-token.ts'
import type { Client } from '#domain/client/client.ts'
import { refuseClient } from '#domain/oauth/presented.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { refuse } from '#kernel/problem.ts'
import { callingClient, contextOf, type OauthCore } from './core.ts'
import type { OauthRequest } from './grants.ts'

/**
 * Revokes a token, and what derives from it, for the client that it was issued to (RFC 7009). What is no
 * token of ours, or has expired, is fine: nothing of it is left. `token_type_hint` changes nothing.
 *
 * A client without credentials, such as a CI job's, revokes by holding the token: to take away what is
 * one's own needs no more. Whatever else comes without credentials is answered alike.
 *
 * Refusals: `client-refused`, `rate-limited`, `request-invalid`, `token-foreign`.
 */
export async function revokeToken(core: OauthCore, request: OauthRequest): Promise<void> {
  const { presented, form } = request
  const named = presented.kind === 'none' ? presented.clientId : undefined
  const known = named === undefined ? await callingClient(core, request) : undefined
  const token = form.one('token') ?? refuse('request-invalid', 'token is missing')
  const { verdict, claims } = await verifyToken(core.deps, { token, scopes: [] })
  const client = known ?? (await publicClient(core, named, claims))
  if (claims === undefined) return
  if (claims['client_id'] !== client.id) {
    refuse('token-foreign', 'the token was issued to another client', {
      facts: { clientId: client.id },
    })
  }
  // It ends with what derives from it, which may outlive it.
  const id = String(claims['jti'])
  if (verdict === 'expired' && !(await hasDescendants(core, id))) return
  await core.selfRevocations.revoke(id, contextOf(client, request))
}

const hasDescendants = ({ deps }: OauthCore, id: string): Promise<boolean> =>
  deps.store.read(async (tx) => {
    const { at } = await authorityTime(deps, tx)
    return 0 < (await tx.descendants([id], at)).length
  })

async function publicClient(
  { deps }: OauthCore,
  clientId: string | undefined,
  claims: Readonly<Record<string, unknown>> | undefined,
): Promise<Client> {
  if (clientId === undefined || claims?.['client_id'] !== clientId)
    return refuseClient('no credentials')
  const client = await deps.store.read((tx) => tx.findClient(clientId))
  if (client === undefined || 0 < client.authMethods.length) return refuseClient('no credentials')
  return client
}

/** What became of a token that its holder gave back. */
export interface HandedBack {
  readonly result: 'revoked' | 'already-revoked' | 'expired' | 'unknown'
  readonly credentialId?: string
}

/**
 * Revokes a token, and what derives from it, for whoever holds it, whatever client it is of: to hold a
 * token is all that it takes to use it, so it is enough to put an end to it. RFC 7009 has a client with
 * credentials prove itself first, and a job that was handed a token has none; so this is an endpoint
 * beside that one.
 *
 * Refusals: `request-invalid`.
 */
export async function revokeHeld(core: OauthCore, request: OauthRequest): Promise<HandedBack> {
  const { presented, form } = request
  if (presented.kind !== 'none') {
    refuse('request-invalid', 'the token speaks for itself here, and nobody authenticates')
  }
  const token = form.one('token') ?? refuse('request-invalid', 'token is missing')
  const { verdict, claims, revocationId } = await verifyToken(core.deps, { token, scopes: [] })
  if (claims === undefined || verdict === 'invalid') return { result: 'unknown' }
  const credentialId = String(claims['jti'])
  const earlier = verdict === 'revoked' ? await earlierOf(core, revocationId) : undefined
  if (earlier?.final === true) return { result: 'already-revoked', credentialId }
  if (verdict === 'expired' && !(await hasDescendants(core, credentialId))) {
    return { result: 'expired', credentialId }
  }
  // Also where it is dead already: a suspension ends by itself, another revocation may be lifted, and
  // what was given back must not live again by either.
  await core.selfRevocations.revoke(credentialId, holderOf(credentialId, request))
  const isDead = earlier !== undefined && !earlier.suspends
  return { result: isDead ? 'already-revoked' : 'revoked', credentialId }
}

const earlierOf = async (
  { deps }: OauthCore,
  id: string | undefined,
): Promise<Revocation | undefined> =>
  id === undefined ? undefined : deps.store.read((tx) => tx.findRevocation(id))

/** Nobody has said who it is; on record is what was shown. */
const holderOf = (credentialId: string, { origin, requestId }: OauthRequest): Context => ({
  caller: { actor: `credential:${credentialId}`, scopes: [], origin },
  requestId,
})
