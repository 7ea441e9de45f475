import { createHmac } from 'node:crypto'
import { thumbprint } from '#domain/client/thumbprint.ts'
import { signingInput } from '#domain/credential/token.ts'
import type { FeedBodies, KeyBody, RevokeBody } from '#domain/feed/body.ts'
import {
  advance,
  epochEntry,
  type FeedEntry,
  feedOrigin,
  type FeedState,
  nextEntry,
} from '#domain/feed/entry.ts'
import { HEAD_TYPE, type HeadClaims, headClaims } from '#domain/feed/head.ts'
import { createLiveState } from '#domain/feed/live-state.ts'
import type { LiveState } from '#domain/feed/live.ts'
import { ORIGIN, type Position } from '#domain/feed/position.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import type { FeedRecord } from '#domain/feed/record.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Jwk } from '#verifier/protocol.ts'
import type { VerifySignature } from '#verifier/signature.ts'

export const ISSUER = 'https://authority.test'
export const AUDIENCE = 'https://api.test'
export const SECOND = 1_000_000
/** Where the authority's time begins. */
export const T0 = 1_800_000_000 * SECOND

export const RECORD_HASH = 'r'.repeat(43)

/** A key pair of a quick scheme: the verifier is handed its signatures as a capability. */
export const jwkOf = (kid: string, mark = kid): Jwk => ({
  kty: 'EC',
  crv: 'P-256',
  x: `x-${mark}`,
  y: 'y',
  alg: 'ES256',
  use: 'sig',
  kid,
})

const mac = (jwk: Jwk, signed: Uint8Array | string): Buffer =>
  createHmac('sha256', jwk['x'] ?? '')
    .update(signed)
    .digest()

/** Counts how often it was asked, so that tests see what was remembered. */
export function quickSignatures(): { verify: VerifySignature; count: number } {
  const counter = {
    count: 0,
    verify: ((jwk, { signed, signature }) => {
      counter.count++
      return mac(jwk, signed).equals(signature)
    }) as VerifySignature,
  }
  return counter
}

export function sign(jwk: Jwk, typ: string, claims: object, header: object = {}): string {
  const kid = jwk['kid'] ?? ''
  return signed(jwk, signingInput({ typ, alg: 'ES256', kid, ...header }, claims))
}

/** Whatever header and payload are. */
export const signTexts = (jwk: Jwk, header: string, payload: string | Uint8Array): string =>
  signed(jwk, `${segment(header)}.${segment(payload)}`)

const segment = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url')

const signed = (jwk: Jwk, input: string): string => `${input}.${encodeBase64url(mac(jwk, input))}`

export const endorsementOf = (
  by: Jwk,
  next: Jwk,
  change: object = {},
  header: object = {},
): string =>
  sign(
    by,
    'feed-key+jwt',
    { iss: ISSUER, kid: next['kid'], jkt: thumbprint(next), ...change },
    header,
  )

export interface Entry {
  readonly entry: FeedEntry
  readonly text: string
  readonly record: FeedRecord
}

/** An authority as plain as can be: a log in memory, and what it would say of it. */
export class Authority {
  state: FeedState = feedOrigin(T0)
  readonly log: Entry[] = []
  live: LiveState = createLiveState()
  /** Its clock, microseconds. */
  clockMicros = T0
  feedKey = jwkOf('key_feed1')
  floor: Position = ORIGIN
  heartbeat = 1000
  limits = { strict: 10, standard: 30, relaxed: 300 }
  maxTtl = 3600
  #ids = 0

  constructor() {
    this.key('key_feed1', { purpose: 'feed' })
    this.key('key_a')
  }

  newId(prefix: string): string {
    return `${prefix}_${String(++this.#ids).padStart(22, '0')}`
  }

  append<O extends keyof FeedBodies>(op: O, body: FeedBodies[O], untilSeconds?: number): Position {
    return this.#push(nextEntry(this.state, op, body, { untilSeconds }))
  }

  #push(entry: FeedEntry): Position {
    const text = new TextDecoder().decode(entry.bytes)
    const record = readRecord(text)
    if (typeof record === 'string') throw new Error(`${record}: ${text}`)
    this.state = advance(entry, this.#tick())
    this.live.apply(record, entry.bytes)
    this.log.push({ entry, text, record })
    return entry.position
  }

  #tick(): number {
    return Math.max(this.state.timeMicros + 1, this.clockMicros)
  }

  epoch(): Position {
    return this.#push(epochEntry(this.state))
  }

  key(id: string, about: Partial<KeyBody> = {}): Position {
    return this.append('key', {
      id,
      purpose: 'token',
      algorithm: 'ES256',
      state: 'active',
      jwk: about.jwk ?? jwkOf(id),
      ...about,
    })
  }

  /** Revokes; the cut is its own position unless it is said. */
  revoke(
    selector: RevokeBody['selector'],
    about: Partial<RevokeBody> & { readonly until?: number } = {},
  ): string {
    const { until, ...body } = about
    const id = body.id ?? this.newId('rev')
    this.append(
      'revoke',
      {
        id,
        selector,
        cut: (this.state.position + 1) as Position,
        published: Math.floor(this.clockMicros / 1000),
        reason: 'other',
        record: RECORD_HASH,
        ...body,
      },
      until,
    )
    return id
  }

  unblock(id: string, until?: number): Position {
    return this.append('unblock', { id, cut: (this.state.position + 1) as Position }, until)
  }

  lift(id: string): Position {
    return this.append('lift', { id })
  }

  headClaims(about: Partial<HeadClaims> = {}): HeadClaims {
    this.state = { ...this.state, timeMicros: this.#tick() }
    const { heartbeat, limits, maxTtl, floor } = this
    const digest = this.live.digest(this.state.timeMicros)
    const claims = headClaims(this.state, {
      iss: ISSUER,
      digest,
      heartbeat,
      limits,
      maxTtl,
      floor,
    })
    return { ...claims, ...about }
  }

  head(about: Partial<HeadClaims> = {}, header: object = {}): string {
    return sign(this.feedKey, HEAD_TYPE, this.headClaims(about), header)
  }

  texts(after: number, before = Infinity): string[] {
    return this.log
      .filter(({ record }) => after < record.position && record.position <= before)
      .map(({ text }) => text)
  }

  /** The entries in force, and a head over them. */
  snapshot(): { head: string; entries: string[] } {
    const head = this.head()
    const inForce = new Set<number>(this.live.positions())
    const entries = this.log
      .filter(({ record }) => inForce.has(record.position))
      .map(({ text }) => text)
    return { head, entries }
  }

  claims(about: Record<string, unknown> = {}): Record<string, unknown> {
    const seconds = Math.floor(this.clockMicros / SECOND)
    const id = this.newId('cred')
    return {
      iss: ISSUER,
      sub: 'ann',
      aud: AUDIENCE,
      client_id: 'bot',
      jti: id,
      iat: seconds,
      exp: seconds + 600,
      scope: 'deploy:prod read',
      sid: `sess_${id}`,
      feed_seq: this.state.position,
      root_seq: this.state.position,
      root_iat: seconds,
      ...about,
    }
  }

  token(about: Record<string, unknown> = {}, header: object = {}, jwk = jwkOf('key_a')): string {
    return sign(jwk, 'at+jwt', this.claims(about), header)
  }
}
