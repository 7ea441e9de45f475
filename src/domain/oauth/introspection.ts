import { audienceOf } from '#domain/credential/claims.ts'
import type { Client } from '#domain/client/client.ts'

/** What RFC 7662 §2.2 names, and what a resource server binds a token by. Our feed is not its business. */
const MEMBERS = [
  'scope',
  'client_id',
  'exp',
  'iat',
  'nbf',
  'sub',
  'aud',
  'iss',
  'jti',
  'cnf',
] as const

/**
 * What is said of a token that is accepted. In grace its `exp` is the end of that: who keeps the answer
 * must not keep it for longer.
 */
export function introspectionOf(
  claims: Readonly<Record<string, unknown>>,
  graceEndsAtSeconds: number | undefined,
): Readonly<Record<string, unknown>> & { readonly active: true } {
  const said: Record<string, unknown> = {}
  for (const name of MEMBERS) if (Object.hasOwn(claims, name)) said[name] = claims[name]
  if (graceEndsAtSeconds !== undefined) {
    said['exp'] = Math.min(Number(claims['exp']), graceEndsAtSeconds)
  }
  return { active: true, token_type: 'Bearer', ...said }
}

/**
 * Whether a client may hear about a token (RFC 7662 §4): it is its own, or the token is meant for it,
 * by its name or by an audience that it is registered for.
 */
export const mayIntrospect = (
  { id, audiences }: Pick<Client, 'id' | 'audiences'>,
  claims: Readonly<Record<string, unknown>>,
): boolean =>
  claims['client_id'] === id ||
  audienceOf(claims).some((audience) => audience === id || audiences.includes(audience))
