import type { Position } from '#domain/feed/position.ts'
import { decodeBase64url, encodeBase64url } from '#kernel/base64url.ts'
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
  }
}

const utf8 = new TextEncoder()

/** `header.payload`: the text that is signed (RFC 7515 §5.1). */
export const signingInput = (header: JwsHeader, claims: object): string =>
  `${segment(header)}.${segment(claims)}`

const segment = (value: object): string => encodeBase64url(utf8.encode(JSON.stringify(value)))

/** A token taken apart; nothing of it is believed yet. */
export interface ParsedToken {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signature: Uint8Array
  /** The bytes that were signed. */
  readonly signed: Uint8Array
}

/**
 * Takes a compact JWS apart (RFC 7515 §7.1), strictly; a string says what is wrong with it. Each
 * segment must be its bytes' only spelling, since some libraries let others pass.
 */
export function parseToken(
  text: string,
  charactersMax: number = TOKEN_CHARACTERS_MAX,
): ParsedToken | string {
  if (text === '') return 'it is empty'
  if (charactersMax < text.length) {
    return `it has ${text.length} characters, and no token has more than ${charactersMax}`
  }
  const segments = text.split('.')
  const [head = '', payload = '', mark = ''] = segments
  if (segments.length !== 3) {
    return `a JWT has three parts separated by dots; this has ${segments.length}`
  }
  const header = jsonSegment(head)
  if (typeof header === 'string') return `its header ${header}`
  const claims = jsonSegment(payload)
  if (typeof claims === 'string') return `its payload ${claims}`
  const signature = decodeBase64url(mark)
  if (signature === undefined) return 'its signature is not canonical base64url'
  return { header, claims, signature, signed: utf8.encode(`${head}.${payload}`) }
}

function jsonSegment(text: string): Readonly<Record<string, unknown>> | string {
  if (text === '') return 'is empty'
  const bytes = decodeBase64url(text)
  if (bytes === undefined) return 'is not canonical base64url'
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>
    }
  } catch {
    return 'is not JSON'
  }
  return 'is not a JSON object'
}
