import type { ParsedToken } from '#domain/credential/token.ts'

/** How long a `jti` can be, characters: it is remembered, and the sender chooses it. */
const JTI_CHARACTERS_MAX = 256
/** RFC 10070 asks clients for the first, and asks servers not to insist; `JWT` is what was before it. */
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'client-authentication+jwt', 'JWT'])

export interface AssertionRules {
  readonly issuer: string
  readonly nowSeconds: number
  /** How far a client's clock may be off. */
  readonly leewaySeconds: number
  /** How far ahead an `exp` may be, the leeway not counted. */
  readonly lifetimeSecondsMax: number
}

/** An assertion whose claims are in order. Its signature is another matter. */
export interface AssertedClient {
  readonly clientId: string
  readonly jti: string
  /** Until when its `jti` must be remembered. */
  readonly untilSeconds: number
}

/**
 * Checks the claims of a client assertion (RFC 7523 §3, RFC 10070): `iss` and `sub` are the client,
 * `aud` is this issuer and nobody else, it expires soon, and it can be told from every other. A string
 * says what is wrong.
 */
export function readAsserted(
  { header, claims }: Pick<ParsedToken, 'header' | 'claims'>,
  { issuer, nowSeconds, leewaySeconds, lifetimeSecondsMax }: AssertionRules,
): AssertedClient | string {
  const { iss, sub, aud, exp, nbf, iat, jti } = claims
  if (!TYPES.has(header['typ'])) return 'its type is not that of a client assertion'
  if (header['crit'] !== undefined) return 'it demands extensions that are not understood here'
  if (typeof sub !== 'string' || sub === '' || iss !== sub)
    return 'its iss and sub are not one client'
  if (!isOnly(aud, issuer)) return 'its aud is not this issuer alone'
  if (typeof jti !== 'string' || jti === '' || JTI_CHARACTERS_MAX < jti.length) return 'its jti'
  if (!isNumericDate(exp)) return 'its exp is missing or no time'
  if (exp <= nowSeconds - leewaySeconds) return 'it has expired'
  if (nowSeconds + lifetimeSecondsMax + leewaySeconds < exp) return 'its exp is too far ahead'
  for (const [name, since] of [['nbf', nbf] as const, ['iat', iat] as const]) {
    if (since === undefined) continue
    if (!isNumericDate(since)) return `its ${name} is no time`
    if (nowSeconds + leewaySeconds < since) return `its ${name} is in the future`
  }
  return { clientId: sub, jti, untilSeconds: Math.ceil(exp) + leewaySeconds }
}

/** As a text, or as a list of that one text: both are the sole value (RFC 10070). */
const isOnly = (aud: unknown, issuer: string): boolean =>
  Array.isArray(aud) ? aud.length === 1 && aud[0] === issuer : aud === issuer

const isNumericDate = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value)

/** Every name of an algorithm by which a client may sign; metadata tells them. */
export const ASSERTION_ALGORITHMS = ['ES256', 'RS256', 'EdDSA', 'Ed25519'] as const
type AssertionAlgorithm = (typeof ASSERTION_ALGORITHMS)[number]

/**
 * What a registered key signs by: the key says it, the token never does. Empty for a key that is of no
 * use here. RFC 9864 renamed `EdDSA` to `Ed25519`, and libraries are split between the two names.
 */
export function algorithmsOf(
  jwk: Readonly<Record<string, unknown>>,
): readonly AssertionAlgorithm[] {
  const { kty, crv, alg, use = 'sig', key_ops: operations = ['verify'] } = jwk
  if (use !== 'sig' || !Array.isArray(operations) || !operations.includes('verify')) return []
  const names = BY_KIND[kty === 'RSA' ? 'RSA' : `${String(kty)} ${String(crv)}`] ?? []
  return alg === undefined || names.some((name) => name === alg) ? names : []
}

const BY_KIND: Readonly<Record<string, readonly AssertionAlgorithm[]>> = {
  'EC P-256': ['ES256'],
  RSA: ['RS256'],
  'OKP Ed25519': ['EdDSA', 'Ed25519'],
}
