import { type ParsedToken, parseToken } from '#domain/credential/token.ts'
import {
  HEAD_CHARACTERS_MAX,
  HEAD_TYPE,
  type HeadClaims,
  type StalenessLimits,
  verifierModes,
} from '#domain/feed/head.ts'
import { isPosition } from '#domain/feed/position.ts'
import type { Jwk } from './protocol.ts'
import type { VerifySignature } from './signature.ts'

/** What a head is checked against. */
export interface HeadContext {
  readonly issuer: string
  /** The key that may sign heads under an id, if there is one. */
  readonly feedKey: (kid: string) => Jwk | undefined
  readonly verifySignature: VerifySignature
}

/** A head whose signature is good, and the key that made it. */
export interface SignedHead {
  readonly claims: HeadClaims
  readonly kid: string
}

/** `unknown-key`: there may be a word of a trusted key for the one that signed it. */
export type HeadFault = {
  readonly fault: 'unknown-key' | 'refused'
  readonly kid?: string
  readonly detail: string
}

export const isHeadFault = (read: SignedHead | HeadFault): read is HeadFault => 'fault' in read

/** A heartbeat of a minute is slower than any limit allows. */
const HEARTBEAT_MS_MAX = 60_000

const refused = (detail: string): HeadFault => ({ fault: 'refused', detail })

/**
 * Reads a signed head, by hand: the SDK carries no schema library. Nothing of it is believed before
 * its signature has proved good. Whose question it answers is not judged here.
 */
export function readHead(text: string, context: HeadContext): SignedHead | HeadFault {
  const parsed = text === last.text ? last.parsed : parseToken(text, HEAD_CHARACTERS_MAX)
  if (typeof parsed === 'string') return refused(parsed)
  if (text !== last.text) last = { text, parsed }
  const { typ, alg, kid, crit } = parsed.header
  if (typ !== HEAD_TYPE) return refused(`its type is not ${HEAD_TYPE}`)
  if (crit !== undefined) return refused('it demands what is not understood here (crit)')
  if (typeof kid !== 'string') return refused('it names no key')
  const jwk = context.feedKey(kid)
  if (jwk === undefined) {
    return { fault: 'unknown-key', kid, detail: 'its key is not trusted for heads' }
  }
  if (alg !== jwk['alg']) return refused('its algorithm is not that of its key')
  if (!context.verifySignature(jwk, parsed, text)) return refused('its signature is forged')
  const claims = claimsOf(parsed, context.issuer)
  return typeof claims === 'string' ? refused(claims) : { claims, kid }
}

/**
 * The last head as it was taken apart, which follows from its text alone: all verifiers of a process
 * are sent the same. Whether its signature is good is asked of each anew.
 */
let last: { readonly text: string; readonly parsed: ParsedToken } = {
  // No head is this.
  text: '',
  parsed: { header: {}, claims: {}, signature: new Uint8Array(0), signed: new Uint8Array(0) },
}

/** And what it claims, which follows from that and from whose it should be; frozen. */
let read: { readonly parsed: ParsedToken; readonly claims: HeadClaims } | undefined

function claimsOf(parsed: ParsedToken, issuer: string): HeadClaims | string {
  if (read?.parsed === parsed && read.claims.iss === issuer) return read.claims
  const claims = readClaims(parsed, issuer)
  if (typeof claims === 'string') return claims
  Object.freeze(claims.limits)
  read = { parsed, claims: Object.freeze(claims) }
  return claims
}

function readClaims({ claims }: ParsedToken, issuer: string): HeadClaims | string {
  const { iss, position, chain, digest, time, heartbeat, maxTtl, floor, nonce } = claims
  if (iss !== issuer) return 'it is of another authority'
  if (!isPosition(position)) return 'its position is missing or no position'
  if (!isHash(chain)) return 'its chain is missing or no hash'
  if (!isHash(digest)) return 'its digest is missing or no hash'
  if (!isWhole(time)) return 'its time is missing or no number'
  if (!isWhole(heartbeat) || heartbeat < 1 || HEARTBEAT_MS_MAX < heartbeat) {
    return 'its heartbeat is missing or out of bounds'
  }
  if (!isWhole(maxTtl)) return 'its maxTtl is missing or no number'
  if (!isPosition(floor)) return 'its floor is missing or no position'
  const limits = readLimits(claims['limits'])
  if (limits === undefined) return 'its limits are missing or no numbers'
  if (nonce !== undefined && typeof nonce !== 'string') return 'its nonce is no text'
  const head = { iss: issuer, position, chain, digest, time, heartbeat, limits, maxTtl, floor }
  return nonce === undefined ? head : { ...head, nonce }
}

function readLimits(value: unknown): StalenessLimits | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const limits = value as Readonly<Record<string, unknown>>
  for (const mode of verifierModes) if (!isWhole(limits[mode])) return undefined
  const { strict, standard, relaxed } = value as StalenessLimits
  return { strict, standard, relaxed }
}

const isHash = (value: unknown): value is string =>
  typeof value === 'string' && /^[\w-]{43}$/.test(value)

const isWhole = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && 0 <= value
