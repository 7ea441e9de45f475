import { revocableOfClaims } from '#domain/credential/claims.ts'
import { type ParsedToken, parseToken, TOKEN_TYPE } from '#domain/credential/token.ts'
import type { HeadClaims, HeadKey } from '#domain/feed/head.ts'
import type { Revocable } from '#domain/revocation/rule.ts'
import type { Validity } from './authority-time.ts'
import type { VerifySignature } from './signature.ts'

/** What a token is checked against, besides the time. */
export interface TokenContext {
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly head: HeadClaims
  readonly verifySignature: VerifySignature
}

/** A token that is good in every respect but, perhaps, time. */
export interface ReadToken {
  readonly claims: Readonly<Record<string, unknown>>
  readonly revocable: Revocable
  readonly validity: Validity
}

/**
 * `unknown`: the newest head does not know what the token names, a key or a position; a newer head
 * may. `invalid` is for good.
 */
export type TokenFault = { readonly kind: 'invalid' | 'unknown'; readonly detail: string }

const invalid = (detail: string): TokenFault => ({ kind: 'invalid', detail })
const unknown = (detail: string): TokenFault => ({ kind: 'unknown', detail })

export const isFault = (read: ReadToken | TokenFault): read is TokenFault => 'kind' in read

/** Form, type, signature and claims of a token, in this order (RFC 9068 §4, RFC 8725). */
export function readToken(text: string, context: TokenContext): ReadToken | TokenFault {
  const parsed = parseToken(text)
  if (typeof parsed === 'string') return invalid(parsed)
  const key = keyOf(parsed, context)
  if ('kind' in key) return key
  if (!context.verifySignature(key.jwk, parsed, text)) return invalid('its signature is forged')
  return readClaims(parsed, key, context)
}

function keyOf({ header, claims }: ParsedToken, context: TokenContext): HeadKey | TokenFault {
  const { typ, alg, kid, crit } = header
  if (typ !== TOKEN_TYPE && typ !== `application/${TOKEN_TYPE}`) {
    return invalid(`its type is not ${TOKEN_TYPE}, so it is no access token (RFC 9068 §2.1)`)
  }
  if (crit !== undefined)
    return invalid('it demands extensions that are not understood here (crit)')
  if (claims['iss'] !== context.issuer) return invalid(`it was not issued by ${context.issuer}`)
  const key = context.head.keys.find(({ id }) => id === kid)
  if (key === undefined) return unknown('it was signed with a key not known here')
  // The algorithm is the key's to say, never the token's (RFC 8725 §3.1).
  if (alg !== key.algorithm)
    return invalid(`its algorithm is not ${key.algorithm}, that of its key`)
  return key
}

const MICROS = 1_000_000

function readClaims(
  { claims }: ParsedToken,
  key: HeadKey,
  { audiences, head }: TokenContext,
): ReadToken | TokenFault {
  const revocable = revocableOfClaims(claims, key.id)
  if (typeof revocable === 'string') return invalid(revocable)
  const { nbf = revocable.issuedAtSeconds } = claims
  if (!Number.isSafeInteger(nbf)) return invalid('its claim nbf is no number')
  const untilSeconds = Number(claims['exp'])
  if (!revocable.audience.some((one) => audiences.includes(one))) {
    return invalid(`it is not meant for ${audiences.join(' or ')}`)
  }
  if (head.maxTtl < untilSeconds - revocable.issuedAtSeconds) {
    return invalid('it lives longer than its authority ever lets a token live')
  }
  if (head.position < revocable.feedSeq) {
    return unknown('it names a feed position that is not known here')
  }
  const fromSeconds = Math.max(Number(nbf), revocable.issuedAtSeconds)
  const validity = { fromMicros: fromSeconds * MICROS, untilMicros: untilSeconds * MICROS }
  return { claims, revocable, validity }
}
