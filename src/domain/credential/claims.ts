import { isPosition, type Position } from '#domain/feed/position.ts'
import type { Revocable } from '#domain/revocation/rule.ts'

/** The claims that a verdict needs, or what is wrong with them. Missing is never taken for zero. */
export function revocableOfClaims(
  claims: Readonly<Record<string, unknown>>,
  keyId: string,
): Revocable | string {
  const text = (name: string): string => {
    const value = claims[name]
    return typeof value === 'string' ? value : ''
  }
  for (const name of ['jti', 'sub', 'client_id', 'sid', 'scope']) {
    if (typeof claims[name] !== 'string') return `its claim ${name} is missing or no text`
  }
  for (const name of ['iat', 'exp', 'root_iat']) {
    if (!Number.isSafeInteger(claims[name])) return `its claim ${name} is missing or no number`
  }
  const { feed_seq: feedSeq, root_seq: rootSeq, trust } = claims
  if (trust !== undefined && typeof trust !== 'string') return 'its claim trust is no text'
  if (!isPosition(feedSeq)) return 'its claim feed_seq is missing or no position'
  if (!isPosition(rootSeq)) return 'its claim root_seq is missing or no position'
  if (feedSeq < rootSeq) return 'it claims to be older than the sign-in it derives from'
  return {
    id: text('jti'),
    clientId: text('client_id'),
    subject: text('sub'),
    sessionId: text('sid'),
    scopes: text('scope').split(' ').filter(Boolean),
    audience: audienceOf(claims),
    keyId,
    ...(trust === undefined ? {} : { trustId: trust }),
    feedSeq: feedSeq as Position,
    rootSeq: rootSeq as Position,
    issuedAtSeconds: Number(claims['iat']),
    rootIssuedAtSeconds: Number(claims['root_iat']),
  }
}

/** RFC 7519 §4.1.3: one text, or a list of them. */
export function audienceOf(claims: Readonly<Record<string, unknown>>): string[] {
  const { aud } = claims
  const all: unknown[] = Array.isArray(aud) ? aud : [aud]
  return all.filter((one): one is string => typeof one === 'string')
}
