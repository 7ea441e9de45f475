import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { ReadCertificate } from '#cli/kit.ts'
import { parseToken, type ParsedToken } from '#domain/credential/token.ts'
import {
  CERTIFICATE_TYPE,
  type CertificateClaims,
  checkCertificate,
} from '#domain/proof/certificate.ts'

/** Of the largest roster there can be, and as many audiences again. */
const CERTIFICATE_CHARACTERS_MAX = 32 * 1024 * 1024

type Jwk = Readonly<Record<string, unknown>>

/**
 * Checks a certificate of enforcement with nothing but public keys of the feed, from a source that the
 * reader trusts: its form, its type, its signature, and whether what it states shows what it claims.
 */
export function readCertificate(text: string, keys: readonly Jwk[]): ReadCertificate {
  const parsed = parseToken(text.trim(), CERTIFICATE_CHARACTERS_MAX)
  if (typeof parsed === 'string') return { problems: [parsed] }
  const fault = signatureFault(parsed, keys)
  const stated = checkCertificate(parsed.claims)
  const problems = fault === undefined ? stated : [fault, ...stated]
  const { kid } = parsed.header
  return {
    ...(typeof kid === 'string' ? { keyId: kid } : {}),
    ...(problems.length === 0 ? { claims: parsed.claims as unknown as CertificateClaims } : {}),
    problems,
  }
}

function signatureFault(
  { header, signed, signature }: ParsedToken,
  keys: readonly Jwk[],
): string | undefined {
  const { typ, alg, kid, crit } = header
  if (typ !== CERTIFICATE_TYPE) return `its type is not ${CERTIFICATE_TYPE}`
  if (crit !== undefined) return 'it demands extensions that are not understood here (crit)'
  if (alg !== 'ES256') return 'its algorithm is not ES256'
  const jwk = keys.find((one) => typeof kid === 'string' && one['kid'] === kid)
  if (jwk === undefined) return 'it was signed with a key that is not among those given'
  const key = publicKeyOf(jwk)
  if (key === undefined) return 'the key that it names is no P-256 key for signatures'
  return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
    ? undefined
    : 'its signature is forged, or of another key'
}

/** Only P-256 keys for signatures pass (RFC 7517 §4.2). */
function publicKeyOf(jwk: Jwk): KeyObject | undefined {
  const { kty, crv, use = 'sig' } = jwk
  if (kty !== 'EC' || crv !== 'P-256' || use !== 'sig') return undefined
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return undefined
  }
}
