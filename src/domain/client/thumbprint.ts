import { sha256 } from '@noble/hashes/sha2.js'
import { encodeBase64url } from '#kernel/base64url.ts'

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

/**
 * The RFC 7638 thumbprint of a public JWK, SHA-256, base64url; `undefined` for a key of a kind, or
 * with members, that §3.2 does not know.
 */
export function thumbprint(jwk: Readonly<Record<string, unknown>>): string | undefined {
  const members = REQUIRED[String(jwk['kty'])]
  if (members === undefined) return undefined
  const required: Record<string, string> = {}
  for (const member of members) {
    const value = jwk[member]
    if (typeof value !== 'string' || value === '') return undefined
    required[member] = value
  }
  return encodeBase64url(sha256(new TextEncoder().encode(JSON.stringify(required))))
}
