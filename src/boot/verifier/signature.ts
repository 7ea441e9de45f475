import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { VerifySignature } from '#verifier/signature.ts'

/** Heads that every verifier of this process is sent alike; few, since each is followed by a newer one. */
const JUDGED_MAX = 64
const judged = new Map<string, Judged>()

/** The last answer about a text, and the key that it was about. */
interface Judged {
  readonly key: KeyName
  readonly isGood: boolean
}

/**
 * ES256 by `node:crypto` (RFC 7518 §3.4).
 *
 * Where several verifiers run in one process, the same head comes to each of them, and its signature is
 * most of the work of taking it: so the last few answers are shared, by key and whole text, which fix
 * them.
 */
export function nodeSignatures(): VerifySignature {
  return (jwk, { signed, signature }, text) => {
    const known = judged.get(text)
    if (known !== undefined && isNamed(known.key, jwk)) return known.isGood
    const key = readyKey(jwk)
    // There is no answer to keep: it is about the key alone.
    if (key === null) return false
    const isGood = verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
    if (JUDGED_MAX <= judged.size) judged.delete(judged.keys().next().value ?? '')
    judged.set(text, { key: nameOf(jwk), isGood })
    return isGood
  }
}

/** All of a key that an answer depends on: two keys of one point may be meant for different uses. */
type KeyName = Readonly<Record<'kty' | 'crv' | 'x' | 'y' | 'use' | 'alg', string | undefined>>

const nameOf = ({ kty, crv, x, y, use, alg }: Readonly<Record<string, string>>): KeyName => ({
  kty,
  crv,
  x,
  y,
  use,
  alg,
})

const isNamed = (name: KeyName, jwk: Readonly<Record<string, string>>): boolean =>
  name.x === jwk['x'] &&
  name.y === jwk['y'] &&
  name.kty === jwk['kty'] &&
  name.crv === jwk['crv'] &&
  name.use === jwk['use'] &&
  name.alg === jwk['alg']

const READY_MAX = 256
const ready = new Map<string, KeyObject | null>()

/** To make a key ready takes as long as to verify with it, and there are few. */
function readyKey(jwk: Readonly<Record<string, string>>): KeyObject | null {
  const { kty, crv, x, y, use, alg } = jwk
  const name = JSON.stringify([kty, crv, x, y, use, alg])
  let key = ready.get(name)
  if (key === undefined) {
    key = publicKeyOf(jwk)
    if (READY_MAX <= ready.size) ready.clear()
    ready.set(name, key)
  }
  return key
}

/** Only P-256 keys for signatures; one of another kind verifies nothing (RFC 8725 §3.1). */
function publicKeyOf(jwk: Readonly<Record<string, string>>): KeyObject | null {
  const { kty = '', crv = '', x = '', y = '', use = 'sig', alg = 'ES256' } = jwk
  if (crv !== 'P-256' || use !== 'sig' || alg !== 'ES256') return null
  try {
    return createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
  } catch {
    return null
  }
}
