import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { VerifySignature } from '#verifier/signature.ts'

const P256_SIGNATURE_BYTES = 64

/**
 * ES256 by `node:crypto` (RFC 7518 §3.4). A key is made ready once for each JWK object, and given up
 * with it.
 */
export function nodeSignatures(): VerifySignature {
  const ready = new WeakMap<Readonly<Record<string, string>>, KeyObject | null>()
  return (jwk, { signed, signature }) => {
    let key = ready.get(jwk)
    if (key === undefined) {
      key = publicKeyOf(jwk)
      ready.set(jwk, key)
    }
    if (key === null || signature.length !== P256_SIGNATURE_BYTES) return false
    return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
  }
}

/** Only P-256 keys for signatures; one of another kind verifies nothing (RFC 8725 §3.1). */
function publicKeyOf(jwk: Readonly<Record<string, string>>): KeyObject | null {
  const { kty = '', crv = '', x = '', y = '', use = 'sig', alg = 'ES256' } = jwk
  if (kty !== 'EC' || crv !== 'P-256' || use !== 'sig' || alg !== 'ES256') return null
  try {
    return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
  } catch {
    return null
  }
}
