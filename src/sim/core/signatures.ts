import { segment, signingInput } from '#domain/credential/token.ts'
import type { Key, KeyPurpose } from '#domain/keys/key.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { entropyOf } from '#sim/chance.ts'
import type { Signer } from '#signer/port.ts'
import type { Jwk } from '#verifier/protocol.ts'
import type { VerifySignature } from '#verifier/signature.ts'

/** Keys and signatures of a simulated authority. */
export interface Signatures {
  newKey(purpose: KeyPurpose, at: Instant, state: Key['state']): Key
  /** A compact JWS. */
  sign(key: Key, typ: string, claims: object, algorithm?: string): string
  readonly verify: VerifySignature
}

const keyOf = (
  id: string,
  purpose: KeyPurpose,
  createdAt: Instant,
  { state, publicJwk }: Pick<Key, 'state' | 'publicJwk'>,
): Key => ({ id, purpose, algorithm: 'ES256', state, createdAt, publicJwk })

/**
 * Stand-ins for volume: a signature is a mark of 64 bits, over the text and a secret of its key. A text
 * that was forged, cut or changed by a letter is told from a sound one as surely as by ES256, by
 * whoever does not set out to find two texts of one mark; and a hundred times as fast.
 */
export function standInSignatures(seed: number): Signatures {
  const entropy = entropyOf(seed, 'stand-in')
  const secrets = new Map<string, number>()
  let header = { id: '', typ: '', alg: '', text: '' }
  let keys = 0
  const markOf = (jwk: Jwk, input: string): string | undefined => {
    const secret = secrets.get(nameOf(jwk))
    return secret === undefined ? undefined : markOver(input, secret)
  }
  /** Those of one key are all alike, so the last one is kept. */
  const headerText = (id: string, typ: string, alg: string): string => {
    if (header.id !== id || header.typ !== typ || header.alg !== alg) {
      const [text = ''] = signingInput({ typ, alg, kid: id }, {}).split('.')
      header = { id, typ, alg, text }
    }
    return header.text
  }
  return {
    newKey(purpose, at, state) {
      const kid = `key_${String(++keys).padStart(22, '0')}`
      const [x, y] = [encodeBase64url(entropy.bytes(32)), encodeBase64url(entropy.bytes(32))]
      const publicJwk = { kty: 'EC', crv: 'P-256', x, y, alg: 'ES256', use: 'sig', kid }
      const [a = 0, b = 0, c = 0, d = 0] = entropy.bytes(4)
      secrets.set(nameOf(publicJwk), (a << 24) | (b << 16) | (c << 8) | d)
      return keyOf(kid, purpose, at, { state, publicJwk })
    },
    sign({ id, publicJwk }, typ, claims, alg = 'ES256') {
      const input = `${headerText(id, typ, alg)}.${segment(claims)}`
      return `${input}.${markOf(publicJwk, input) ?? ''}`
    },
    verify(jwk, _, text) {
      const end = text.length - MARK_CHARACTERS
      return text.slice(end) === markOf(jwk, text.slice(0, end - 1))
    },
  }
}

/** As many characters as a signature of ES256 has. */
const MARK_CHARACTERS = 86

/** Two words over a text, written so that it is base64url of 64 bytes in its one spelling. */
function markOver(text: string, secret: number): string {
  let a = secret
  let b = ~secret
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul((b ^ code) + (b >>> 15), 0x85ebca6b)
  }
  a = Math.imul(a ^ (b >>> 13) ^ secret, 0xc2b2ae35)
  b = Math.imul(b ^ (a >>> 16), 0x27d4eb2f)
  const word = hex(a) + hex(b)
  return `${PADDING}${word}${word}AAAAAA`
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
const PADDING = '0'.repeat(48)

const nameOf = (jwk: Jwk): string => `${jwk['x']}`

/** The real ones, and no memory of what was verified. */
export function realSignatures(signer: Signer): Signatures {
  const sealed = new Map<string, Uint8Array>()
  let keys = 0
  return {
    newKey(purpose, at, state) {
      const id = `key_${String(++keys).padStart(22, '0')}`
      const generated = signer.generate('ES256', id)
      sealed.set(id, generated.sealed)
      return keyOf(id, purpose, at, { state, publicJwk: generated.publicJwk })
    },
    sign({ id, publicJwk }, typ, claims, alg = 'ES256') {
      const input = signingInput({ typ, alg, kid: id }, claims)
      // A thief calls its own key by the name of another, so the key is found by what it is.
      const own = publicJwk['kid'] ?? id
      const half = sealed.get(own) ?? refuse('internal', `key ${own} has no private half here`)
      return `${input}.${encodeBase64url(signer.sign(own, half, new TextEncoder().encode(input)))}`
    },
    verify: (jwk, { signed, signature }) => signer.verify(jwk, signed, signature),
  }
}
