import { isPosition } from '#domain/feed/position.ts'
import type { Revocable } from '#domain/revocation/rule.ts'

/** The claims that a verdict needs, or what is wrong with them. Missing is never taken for zero. */
export function revocableOfClaims(
  claims: Readonly<Record<string, unknown>>,
  keyId: string,
): Revocable | string {
  const { jti, sub, client_id: clientId, sid, scope, iat, exp, root_iat: rootIat } = claims
  const { feed_seq: feedSeq, root_seq: rootSeq, trust } = claims
  if (typeof jti !== 'string') return noText('jti')
  if (typeof sub !== 'string') return noText('sub')
  if (typeof clientId !== 'string') return noText('client_id')
  if (typeof sid !== 'string') return noText('sid')
  if (typeof scope !== 'string') return noText('scope')
  if (!isWhole(iat)) return noNumber('iat')
  if (!isWhole(exp)) return noNumber('exp')
  if (!isWhole(rootIat)) return noNumber('root_iat')
  if (trust !== undefined && typeof trust !== 'string') return 'its claim trust is no text'
  if (!isPosition(feedSeq)) return 'its claim feed_seq is missing or no position'
  if (!isPosition(rootSeq)) return 'its claim root_seq is missing or no position'
  if (feedSeq < rootSeq) return 'it claims to be older than the sign-in it derives from'
  return {
    id: jti,
    clientId,
    subject: sub,
    sessionId: sid,
    scopes: scope.split(' ').filter(Boolean),
    audience: audienceOf(claims),
    keyId,
    ...(trust === undefined ? {} : { trustId: trust }),
    feedSeq,
    rootSeq,
    issuedAtSeconds: iat,
    rootIssuedAtSeconds: rootIat,
  }
}

const noText = (name: string): string => `its claim ${name} is missing or no text`
const noNumber = (name: string): string => `its claim ${name} is missing or no number`
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value)

/** RFC 7519 §4.1.3: one text, or a list of them. */
export function audienceOf(claims: Readonly<Record<string, unknown>>): string[] {
  const { aud } = claims
  const all: unknown[] = Array.isArray(aud) ? aud : [aud]
  return all.filter((one): one is string => typeof one === 'string')
}
