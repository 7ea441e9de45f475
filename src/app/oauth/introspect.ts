import { authorityTime } from '#app/feed.ts'
import { activeKey, signJws } from '#app/mint.ts'
import { verifyToken } from '#app/verify-token.ts'
import { introspectionOf, mayIntrospect } from '#domain/oauth/introspection.ts'
import { toSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { callingClient, type OauthCore } from './core.ts'
import type { OauthRequest } from './grants.ts'

/** RFC 7662 §2.2: all that is ever said of a token that is not accepted, or not the caller's business. */
const INACTIVE: Introspected = { active: false }

export interface Introspected {
  readonly active: boolean
  readonly [member: string]: unknown
}

export interface IntrospectionAnswer {
  readonly introspected: Introspected
  /** Signed for the client that asked (RFC 9701 §5). */
  readonly sign: () => Promise<string>
}

/**
 * Says whether a token is good, by the one verdict. Refusals: `client-refused`, `rate-limited`,
 * `client-disabled`, `request-invalid`.
 */
export async function introspectToken(
  core: OauthCore,
  request: OauthRequest,
): Promise<IntrospectionAnswer> {
  const { deps } = core
  const client = await callingClient(core, request)
  const token = request.form.one('token') ?? refuse('request-invalid', 'token is missing')
  const { verdict, claims, graceSeconds } = await verifyToken(deps, { token, scopes: [] })
  const graceEnd =
    graceSeconds === undefined ? undefined : toSeconds(deps.clock.now()) + graceSeconds
  const isTold = verdict === 'accepted' && claims !== undefined && mayIntrospect(client, claims)
  const introspected = isTold ? introspectionOf(claims, graceEnd) : INACTIVE
  return { introspected, sign: () => signed(core, client.id, introspected) }
}

const TYPE = 'token-introspection+jwt'

function signed({ deps }: OauthCore, audience: string, introspected: Introspected) {
  return deps.store.read(async (tx) => {
    const { at } = await authorityTime(deps, tx)
    const key = await activeKey(tx)
    const iss = (await tx.authority())?.issuer
    const claims = { iss, aud: audience, iat: toSeconds(at), token_introspection: introspected }
    return signJws(deps, key, TYPE, claims)
  })
}
