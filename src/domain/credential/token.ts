import type { Position } from '#domain/feed/position.ts'
import { decodeBase64url, decodeBase64urlAt, encodeBase64url } from '#kernel/base64url.ts'
import { type StatusClaim, statusClaim } from '#domain/status-list/status-list.ts'
import { toSeconds } from '#kernel/instant.ts'
import type { Credential } from './credential.ts'

/** What is longer is no token of anyone's; it is not even parsed. */
export const TOKEN_CHARACTERS_MAX = 16_384

/** The media type of a JWT access token (RFC 9068 §2.1), which keeps other JWTs from passing. */
export const TOKEN_TYPE = 'at+jwt'

/** The header of whatever we sign (RFC 7515 §4.1); `typ` says which of our kinds it is. */
export interface JwsHeader {
  readonly typ: string
  readonly alg: string
  readonly kid: string
}

/** The claims of RFC 9068 §2.2, and ours: the feed position it was minted at, and its root's. */
export interface TokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | readonly string[]
  readonly client_id: string
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly scope: string
  readonly sid: string
  readonly feed_seq: Position
  readonly root_seq: Position
  readonly root_iat: number
  /** The trust under which an identity token was exchanged for it; a revocation may name that. */
  readonly trust?: string
  /** Where third parties look up whether it is revoked (Token Status List §6). */
  readonly status?: StatusClaim
}

export function claimsOf(credential: Credential, issuer: string): TokenClaims {
  const [only, ...more] = credential.audience
  return {
    iss: issuer,
    sub: credential.subject,
    aud: only !== undefined && more.length === 0 ? only : credential.audience,
    client_id: credential.clientId,
    jti: credential.id,
    iat: toSeconds(credential.issuedAt),
    exp: toSeconds(credential.expiresAt),
    scope: credential.scopes.join(' '),
    sid: credential.sessionId,
    feed_seq: credential.feedSeq,
    root_seq: credential.rootSeq,
    root_iat: toSeconds(credential.rootIssuedAt),
    ...(credential.trustId === undefined ? {} : { trust: credential.trustId }),
    ...(credential.status === undefined ? {} : { status: statusClaim(credential.status, issuer) }),
  }
}

const utf8 = new TextEncoder()

/** `header.payload`: the text that is signed (RFC 7515 §5.1). */
export const signingInput = (header: JwsHeader, claims: object): string =>
  `${segment(header)}.${segment(claims)}`

/** One segment, through bytes that are there already, where they are enough: most are short. */
export function segment(value: object): string {
  const text = JSON.stringify(value)
  if (scratch.length < 3 * text.length) return encodeBase64url(utf8.encode(text))
  return encodeBase64url(scratch.subarray(0, utf8.encodeInto(text, scratch).written))
}

/** A token taken apart; nothing of it is believed yet. */
export interface ParsedToken {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signature: Uint8Array<ArrayBuffer>
  /** The bytes that were signed. */
  readonly signed: Uint8Array<ArrayBuffer>
}

/**
 * Takes a token apart, strictly: a compact JWS (RFC 7515 §7.1) whose header and payload are JSON
 * objects. A string says what is wrong with it. Each segment must be its bytes' only spelling:
 * libraries that let others pass would take one token for several.
 */
export function parseToken(
  text: string,
  charactersMax: number = TOKEN_CHARACTERS_MAX,
): ParsedToken | string {
  const segments = segmentsOf(text, charactersMax)
  if (typeof segments === 'string') return segments
  const [head, body, mark] = segments
  const header = head === lastHeader.text ? lastHeader.header : headerOf(head)
  if (typeof header === 'string') return header
  const signedLength = text.length - mark.length - 1
  const bytes = text.length <= scratch.length ? scratch : new Uint8Array(text.length)
  const { read, written } = utf8.encodeInto(text, bytes)
  if (read < text.length || text.length < written) {
    // Whose characters are not all of one byte; at fault is the first segment that has such.
    return decodeBase64url(body) === undefined ? BAD_PAYLOAD : BAD_SIGNATURE
  }
  const signed = bytes.slice(0, signedLength)
  const bodyEnd = decodeBase64urlAt(bytes, head.length + 1, signedLength)
  if (bodyEnd < 0) return BAD_PAYLOAD
  const markEnd = decodeBase64urlAt(bytes, signedLength + 1, text.length)
  if (markEnd < 0) return BAD_SIGNATURE
  const claims = jsonObject(bytes.subarray(head.length + 1, bodyEnd))
  if (typeof claims === 'string') return `its payload ${claims}`
  return { header, claims, signature: bytes.slice(signedLength + 1, markEnd), signed }
}

const BAD_PAYLOAD = 'its payload is not canonical base64url'
const BAD_SIGNATURE = 'its signature is not canonical base64url'

/** Tokens of one key have one header, letter by letter, so the last one is kept; frozen. */
let lastHeader: { readonly text: string; readonly header: Readonly<Record<string, unknown>> } = {
  // No segment is this.
  text: '.',
  header: {},
}

function headerOf(text: string): Readonly<Record<string, unknown>> | string {
  const bytes = decodeBase64url(text)
  if (bytes === undefined) return 'its header is not canonical base64url'
  const header = jsonObject(bytes)
  if (typeof header === 'string') return `its header ${header}`
  lastHeader = { text, header: Object.freeze(header) }
  return header
}

/** Its three segments as text, or what is wrong with it. */
function segmentsOf(
  text: string,
  charactersMax: number,
): readonly [string, string, string] | string {
  if (text === '') return 'it is empty'
  if (charactersMax < text.length) {
    return `it has ${text.length} characters, and no token has more than ${charactersMax}`
  }
  const first = text.indexOf('.')
  const second = text.indexOf('.', first + 1)
  if (second < 0 || text.includes('.', second + 1)) {
    return `a JWT has three parts separated by dots; this has ${text.split('.').length}`
  }
  return [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)]
}

/** Where payloads are written and tokens taken apart, one at a time: nothing of one stays. */
const scratch = new Uint8Array(4096)
const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * A compact JWS taken apart as bytes, whatever header and payload are: for those who do not want them
 * as JSON objects. A string says what is wrong with it.
 */
export function splitCompact(
  text: string,
):
  | { readonly [K in 'header' | 'payload' | 'signature' | 'signed']: Uint8Array<ArrayBuffer> }
  | string {
  const segments = segmentsOf(text, TOKEN_CHARACTERS_MAX)
  if (typeof segments === 'string') return segments
  const [head, body, mark] = segments
  const header = decodeBase64url(head)
  if (header === undefined) return 'its header is not canonical base64url'
  const payload = decodeBase64url(body)
  if (payload === undefined) return 'its payload is not canonical base64url'
  const signature = decodeBase64url(mark)
  if (signature === undefined) return 'its signature is not canonical base64url'
  return { header, payload, signature, signed: utf8.encode(`${head}.${body}`) }
}

/** The compact JWS again, in the one spelling that there is of it. */
export const joinCompact = ({ signed, signature }: Pick<ParsedToken, 'signature' | 'signed'>) =>
  `${new TextDecoder().decode(signed)}.${encodeBase64url(signature)}`

function jsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | string {
  if (bytes.length === 0) return 'is empty'
  try {
    const value: unknown = JSON.parse(strictUtf8.decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    return 'is not JSON'
  }
  return 'is not a JSON object'
}
