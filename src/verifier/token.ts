import type { revocableOfClaims } from '#domain/credential/claims.ts'
import { type ParsedToken, parseToken, TOKEN_TYPE } from '#domain/credential/token.ts'
import { verifierModes, type VerifierMode } from '#domain/feed/head.ts'
import type { Revocable } from '#domain/revocation/rule.ts'
import type { Validity } from './authority-time.ts'
import type { TokenKey } from './keys.ts'
import type { VerifySignature } from './signature.ts'

/** What a token is checked against that is no matter of time or of the feed. */
export interface TokenContext {
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly findKey: (kid: unknown) => TokenKey | undefined
  readonly verifySignature: VerifySignature
  readonly revocableOf: typeof revocableOfClaims
}

/**
 * A token whose signature and claims are good. All of it follows from its text and its key, so that
 * it may be remembered; nothing of it says whether the token is accepted.
 */
export interface ReadToken {
  /** Frozen: whoever is handed them shares them. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly revocable: Revocable
  readonly validity: Validity
  readonly lifetimeSeconds: number
  /** The thumbprint of the key that signed it. */
  readonly thumbprint: string
  /** The limit that it was minted with. */
  readonly staleness: VerifierMode | undefined
  readonly signedInSeconds: number
  readonly acr: string | undefined
}

/**
 * `unknown`: it names a key that is not known, and may come to be known. `invalid` and `unproven`
 * are for good; `unproven` is a token that is bound to a key of its holder's.
 */
export type TokenFault = {
  readonly kind: 'invalid' | 'unknown' | 'unproven'
  readonly detail: string
}

const invalid = (detail: string): TokenFault => ({ kind: 'invalid', detail })

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

function keyOf({ header, claims }: ParsedToken, context: TokenContext): TokenKey | TokenFault {
  const { typ, alg, kid, crit } = header
  if (typ !== TOKEN_TYPE && typ !== `application/${TOKEN_TYPE}`) {
    return invalid(`its type is not ${TOKEN_TYPE}, so it is no access token (RFC 9068 §2.1)`)
  }
  if (crit !== undefined) {
    return invalid('it demands extensions that are not understood here (crit)')
  }
  if (claims['iss'] !== context.issuer) return invalid(`it was not issued by ${context.issuer}`)
  const key = context.findKey(kid)
  if (key === undefined) {
    return { kind: 'unknown', detail: 'it was signed with a key not known here' }
  }
  // The algorithm is the key's to say, never the token's (RFC 8725 §3.1).
  if (alg !== key.algorithm) {
    return invalid(`its algorithm is not ${key.algorithm}, that of its key`)
  }
  return key
}

const MICROS = 1_000_000

function readClaims(
  { claims }: ParsedToken,
  key: TokenKey,
  { audiences, revocableOf }: TokenContext,
): ReadToken | TokenFault {
  const revocable = revocableOf(claims, key.id)
  if (typeof revocable === 'string') return invalid(revocable)
  const { nbf = revocable.issuedAtSeconds, staleness, acr } = claims
  const { auth_time: signedIn = revocable.rootIssuedAtSeconds } = claims
  if (!isSeconds(nbf)) return invalid('its claim nbf is no number')
  if (!isSeconds(signedIn)) return invalid('its claim auth_time is no number')
  const limit = verifierModes.find((mode) => mode === staleness)
  if (staleness !== undefined && limit === undefined) {
    return invalid('its claim staleness is unknown here')
  }
  if (acr !== undefined && typeof acr !== 'string') return invalid('its claim acr is no text')
  if (!revocable.audience.some((one) => audiences.includes(one))) {
    return invalid(`it is not meant for ${audiences.join(' or ')}`)
  }
  // As a bearer token it would be worth as much to a thief as to its holder (RFC 9449 §7.1).
  if (claims['cnf'] !== undefined) {
    return { kind: 'unproven', detail: 'it is bound to a key, and no proof of it was given' }
  }
  const untilSeconds = Number(claims['exp'])
  const fromSeconds = Math.max(nbf, revocable.issuedAtSeconds)
  return {
    claims: frozen(claims),
    revocable,
    validity: { fromMicros: fromSeconds * MICROS, untilMicros: untilSeconds * MICROS },
    lifetimeSeconds: untilSeconds - revocable.issuedAtSeconds,
    thumbprint: key.thumbprint,
    staleness: limit,
    signedInSeconds: signedIn,
    acr,
  }
}

const isSeconds = (value: unknown): value is number => Number.isSafeInteger(value)

/** Frozen all through. JSON has no cycles, and no token nests deeper than its text is long. */
function frozen<T extends object>(root: T): T {
  const left: object[] = [root]
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    Object.freeze(value)
    // JSON alone makes these, so that all that `in` finds is their own.
    for (const name in value) {
      const member: unknown = value[name as keyof typeof value]
      if (typeof member === 'object' && member !== null) left.push(member)
    }
  }
  return root
}
