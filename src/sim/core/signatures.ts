import { signingInput } from '#domain/credential/token.ts'
import type { Key, KeyPurpose } from '#domain/keys/key.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { chanceOf, entropyOf } from '#sim/chance.ts'
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
 * Stand-ins for volume. What was signed with a key is known by its text, and nothing else is that
 * key's: so a text that was forged, cut or changed by a letter is told from a sound one as surely as
 * by ES256, and a thousand times as fast.
 */
export function standInSignatures(seed: number): Signatures {
  const entropy = entropyOf(seed, 'stand-in')
  const marks = chanceOf(seed, 'stand-in')
  const signedBy = new Map<string, string>()
  let keys = 0
  return {
    newKey(purpose, at, state) {
      const kid = `key_${String(++keys).padStart(22, '0')}`
      const [x, y] = [encodeBase64url(entropy.bytes(32)), encodeBase64url(entropy.bytes(32))]
      const publicJwk = { kty: 'EC', crv: 'P-256', x, y, alg: 'ES256', use: 'sig', kid }
      return keyOf(kid, purpose, at, { state, publicJwk })
    },
    sign({ id, publicJwk }, typ, claims, alg = 'ES256') {
      const input = signingInput({ typ, alg, kid: id }, claims)
      const mark = new Uint8Array(64)
      for (let i = 0; i < 8; i++) mark[i] = marks.bits() >>> 24
      const text = `${input}.${encodeBase64url(mark)}`
      signedBy.set(text, nameOf(publicJwk))
      return text
    },
    verify: (jwk, _, text) => signedBy.get(text) === nameOf(jwk),
  }
}

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
