import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { HEAD_TYPE } from '#domain/feed/head.ts'
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
 * them. Tokens are remembered by each verifier itself, so for them it would only be work.
 */
export function nodeSignatures(): VerifySignature {
  return (jwk, { header, signed, signature }, text) => {
    const isHead = header['typ'] === HEAD_TYPE
    const known = isHead ? judged.get(text) : undefined
    if (known !== undefined && isNamed(known.key, jwk)) return known.isGood
    const key = readyKey(jwk)
    // There is no answer to keep: it is about the key alone.
    if (key === null) return false
    const answer = isGood(key, signed, signature)
    if (isHead) {
      if (JUDGED_MAX <= judged.size) judged.delete(judged.keys().next().value ?? '')
      judged.set(text, { key: nameOf(jwk), isGood: answer })
    }
    return answer
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

/** In DER and with the bare key: with any option beside the key, Node 24 takes a third longer. */
function isGood(key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  const der = derOf(signature)
  return der !== undefined && verify('sha256', signed, key, der)
}

const NUMBER_BYTES = 32
const DER_BYTES_MAX = 6 + 2 * (NUMBER_BYTES + 1)
/** Of the signature under way: it is judged at once. */
const der = new Uint8Array(DER_BYTES_MAX)
const DER_SEQUENCE = 0x30
const DER_INTEGER = 0x02

/** A signature as JWS has it, two numbers of 32 bytes (RFC 7518 §3.4), as X.509 has it (RFC 3279 §2.2.3). */
function derOf(signature: Uint8Array): Uint8Array | undefined {
  if (signature.length !== 2 * NUMBER_BYTES) return undefined
  const end = putNumber(signature, NUMBER_BYTES, putNumber(signature, 0, 2))
  der[0] = DER_SEQUENCE
  der[1] = end - 2
  return der.subarray(0, end)
}

/** A number without leading zeros, but with one where its highest bit would make it negative. */
function putNumber(signature: Uint8Array, from: number, to: number): number {
  const last = from + NUMBER_BYTES - 1
  let first = from
  while (first < last && signature[first] === 0) first++
  let next = to + 2
  if (HIGHEST_BIT <= (signature[first] ?? 0)) der[next++] = 0
  for (let i = first; i <= last; i++) der[next++] = signature[i] ?? 0
  der[to] = DER_INTEGER
  der[to + 1] = next - to - 2
  return next
}

const HIGHEST_BIT = 0x80

const READY_MAX = 256
const ready = new Map<string, KeyObject | null>()
/** The same by object, which is asked far sooner: whoever keeps a key hands the same object each time. */
const readyOf = new WeakMap<object, KeyObject | null>()

/** To make a key ready takes as long as to verify with it, and there are few. */
function readyKey(jwk: Readonly<Record<string, string>>): KeyObject | null {
  const known = readyOf.get(jwk)
  if (known !== undefined) return known
  const { kty, crv, x, y, use, alg } = jwk
  const name = JSON.stringify([kty, crv, x, y, use, alg])
  let key = ready.get(name)
  if (key === undefined) {
    key = publicKeyOf(jwk)
    if (READY_MAX <= ready.size) ready.clear()
    ready.set(name, key)
  }
  readyOf.set(jwk, key)
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
