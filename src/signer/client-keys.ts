import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { ClientJwk, Signer } from './port.ts'

/** Keys that are kept read; a server whose clients are more reads some of them again. */
const KEYS_MAX = 2048
const RSA_BITS_MIN = 2048
/** The longest RSA modulus that is checked: beyond it one signature costs milliseconds. */
const RSA_BITS_MAX = 8192
const SIGNATURE_BYTES = { 'EC P-256': 64, 'OKP Ed25519': 64 } as const

/** Public keys of clients at work, kept by their thumbprint. */
export function createClientKeys(): { readonly verify: Signer['verifyClientKey'] } {
  const keys = new Map<string, ClientKeyObject | null>()
  const keyOf = (id: string, jwk: ClientJwk): ClientKeyObject | null => {
    const known = keys.get(id)
    if (known !== undefined) return known
    if (KEYS_MAX <= keys.size) keys.clear()
    const key = readKey(jwk)
    keys.set(id, key)
    return key
  }
  return {
    verify(id, jwk, message, signature) {
      const read = keyOf(id, jwk)
      if (read === null) return false
      const { kind, key } = read
      if (kind === 'RSA') return verify('sha256', message, key, signature)
      if (signature.length !== SIGNATURE_BYTES[kind]) return false
      return kind === 'EC P-256'
        ? verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
        : verify(null, message, key, signature)
    },
  }
}

interface ClientKeyObject {
  readonly kind: 'RSA' | 'EC P-256' | 'OKP Ed25519'
  readonly key: KeyObject
}

/** The key, or `null` where it is of a kind that is not taken, or none at all. */
function readKey(jwk: ClientJwk): ClientKeyObject | null {
  const kind = kindOf(jwk)
  if (kind === undefined) return null
  try {
    // Only what makes the key: a private member or a `key_ops` has no say in reading it.
    const { kty, crv, x, y, n, e } = jwk as Record<string, string>
    const members =
      kind === 'RSA' ? { kty, n, e } : { kty, crv, x, ...(y === undefined ? {} : { y }) }
    const key = createPublicKey({ key: members as Record<string, string>, format: 'jwk' })
    const { modulusLength: bits = RSA_BITS_MIN } = key.asymmetricKeyDetails ?? {}
    return RSA_BITS_MIN <= bits && bits <= RSA_BITS_MAX ? { kind, key } : null
  } catch {
    return null
  }
}

function kindOf({ kty, crv }: ClientJwk): ClientKeyObject['kind'] | undefined {
  if (kty === 'RSA') return 'RSA'
  if (kty === 'EC' && crv === 'P-256') return 'EC P-256'
  return kty === 'OKP' && crv === 'Ed25519' ? 'OKP Ed25519' : undefined
}
