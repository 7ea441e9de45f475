import { type ParsedToken, parseToken } from '#domain/credential/token.ts'
import { HEAD_CHARACTERS_MAX, HEAD_TYPE, type HeadClaims, type HeadKey } from '#domain/feed/head.ts'
import { isPosition } from '#domain/feed/position.ts'
import { keyAlgorithms } from '#domain/keys/key.ts'
import type { VerifySignature } from './signature.ts'

export type Jwk = Readonly<Record<string, string>>

/** What a head is checked against. */
export interface HeadContext {
  readonly issuer: string
  /** The nonce of the question that is under way. */
  readonly nonce: string
  /** The keys that may sign heads, and no others. */
  readonly feedKeys: readonly Jwk[]
  readonly verifySignature: VerifySignature
}

/**
 * Reads a signed head, by hand: the SDK carries no schema library. A text says what is wrong with
 * it; nothing of it is believed before its signature has proved good.
 */
export function readHead(text: string, context: HeadContext): HeadClaims | string {
  const parsed = parseToken(text, HEAD_CHARACTERS_MAX)
  if (typeof parsed === 'string') return parsed
  const fault = signatureFault(text, parsed, context)
  if (fault !== undefined) return fault
  const { claims } = parsed
  const { iss, position, chain, time, maxTtl, nonce, keys } = claims
  if (iss !== context.issuer) return 'it is of another authority'
  if (nonce !== context.nonce) return 'it answers another question'
  if (!isPosition(position)) return 'its position is missing or no position'
  if (typeof chain !== 'string' || !/^[\w-]{43}$/.test(chain)) return 'its chain is no hash'
  if (!isWhole(time)) return 'its time is missing or no number'
  if (!isWhole(maxTtl)) return 'its maxTtl is missing or no number'
  if (!Array.isArray(keys)) return 'its keys are missing'
  const known: HeadKey[] = []
  for (const value of keys as unknown[]) {
    const key = readKey(value)
    if (key === undefined) return 'one of its keys is not a key'
    known.push(key)
  }
  return { iss, position, chain, time, maxTtl, nonce, keys: known }
}

const isWhole = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && 0 <= value

function signatureFault(
  text: string,
  parsed: ParsedToken,
  { feedKeys, verifySignature }: HeadContext,
): string | undefined {
  const { typ, alg, kid, crit } = parsed.header
  if (typ !== HEAD_TYPE) return `its type is not ${HEAD_TYPE}`
  if (crit !== undefined) return 'it demands extensions that are not understood here (crit)'
  const jwk = feedKeys.find((one) => one['kid'] === kid)
  if (jwk === undefined) return 'it is signed with a key that is not trusted for heads'
  if (alg !== jwk['alg']) return 'its algorithm is not that of its key'
  return verifySignature(jwk, parsed, text) ? undefined : 'its signature is forged'
}

const states: readonly unknown[] = ['prepared', 'active', 'retiring']

function readKey(value: unknown): HeadKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { id, algorithm, state, jwk } = value as Record<string, unknown>
  if (typeof id !== 'string' || !states.includes(state) || !isJwk(jwk)) return undefined
  const known = keyAlgorithms.find((one) => one === algorithm)
  if (known === undefined || jwk['kid'] !== id) return undefined
  return { id, algorithm: known, state: state as HeadKey['state'], jwk }
}

const isJwk = (value: unknown): value is Jwk =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((member) => typeof member === 'string')
