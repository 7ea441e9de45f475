import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { signingInput } from '#domain/credential/token.ts'
import type { FeedBodies } from '#domain/feed/body.ts'
import {
  type FeedEntry,
  type FeedOp,
  feedOrigin,
  type FeedState,
  nextEntry,
} from '#domain/feed/entry.ts'
import { HEAD_TYPE, headClaims } from '#domain/feed/head.ts'
import { createLiveState } from '#domain/feed/live-state.ts'
import { ORIGIN, type Position } from '#domain/feed/position.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { encodeBase64url } from '#kernel/base64url.ts'

export const ISSUER = 'https://auth.test'
export const AUDIENCE = 'https://api.test'

interface SigningKey {
  readonly kid: string
  readonly jwk: Readonly<Record<string, string>>
  readonly privateKey: KeyObject
}

function newKey(kid: string): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty = '', crv = '', x = '', y = '' } = publicKey.export({ format: 'jwk' })
  return { kid, privateKey, jwk: { kty, crv, x, y, alg: 'ES256', use: 'sig', kid } }
}

const textOf = ({ bytes }: FeedEntry): string => new TextDecoder().decode(bytes)

function signed({ kid, privateKey }: SigningKey, typ: string, claims: object): string {
  const input = signingInput({ typ, alg: 'ES256', kid }, claims)
  const signature = sign('sha256', Buffer.from(input), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${encodeBase64url(signature)}`
}

/**
 * The authority's side of the feed on a real socket, with real keys, chains and digests, and with
 * everything in it that may go wrong: requests can be held, refused, answered with something else.
 */
export interface TestAuthority {
  readonly url: string
  readonly feedKey: SigningKey
  readonly requests: { readonly path: string; readonly headers: IncomingMessage['headers'] }[]
  readonly acknowledged: Readonly<Record<string, unknown>>[]
  readonly questions: Readonly<Record<string, unknown>>[]
  /** The position that the feed has reached. */
  readonly position: () => Position
  /** Handles a request in the authority's place where it answers `true`. */
  /** Where it is set, requests wait for it before they are looked at. */
  gate: Promise<void> | undefined
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined
  /** What a head's claims are beside where the feed stands. */
  limits: { strict: number; standard: number; relaxed: number }
  floor: Position
  append<O extends FeedOp>(op: O, body: FeedBodies[O]): FeedEntry
  revoke(selector: object, more?: object): string
  issue(claims?: object): string
  head(nonce?: string): string
  /** Writes a head to every stream; done at every entry too. */
  beat(): void
  /** Every open stream. */
  readonly streams: Set<ServerResponse>
  readonly connections: () => number
  /** Cuts every connection. */
  cut(): void
  /** Takes no connection any more. */
  stop(): Promise<void>
  /** Listens again where it did. */
  restart(): Promise<void>
}

export async function testAuthority({
  listen,
}: { readonly listen?: (handler: RequestListener) => Server } = {}): Promise<TestAuthority> {
  const feedKey = newKey('key_feed')
  const tokenKey = newKey('key_token')
  let state: FeedState = feedOrigin(0)
  const entries: FeedEntry[] = []
  const live = createLiveState()
  const streams = new Set<ServerResponse>()
  const sockets = new Set<Socket>()
  let lastMicros = 0
  let revocations = 0

  const timeMicros = (): number => {
    lastMicros = Math.max(Math.floor(Date.now() * 1000), lastMicros + 1)
    return lastMicros
  }
  const handler: RequestListener = (request, response) => void handle(request, response)
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    authority.requests.push({ path: pathname, headers: request.headers })
    let body = ''
    for await (const chunk of request) body += String(chunk)
    await authority.gate
    if (authority.intercept?.(request, response) === true) return
    const json = (value: unknown, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(value))
    }
    const after = Number(request.headers['last-event-id'] ?? searchParams.get('after') ?? ORIGIN)
    const since = entries.filter(({ position }) => after < position)
    switch (pathname) {
      case '/v1/feed/sync': {
        const question = JSON.parse(body) as Record<string, string>
        authority.questions.push(question)
        return json({ head: authority.head(question['nonce']), feedKeys: [feedKey.jwk] })
      }
      case '/v1/feed/acknowledge': {
        const acknowledgement = JSON.parse(body) as Record<string, unknown>
        authority.acknowledged.push(acknowledgement)
        return json({ position: acknowledgement['position'] })
      }
      case '/v1/feed/entries':
        if (after < authority.floor) return json({ code: 'feed-compacted', detail: 'gone' }, 410)
        return json({ entries: since.map(textOf), floor: authority.floor, more: false })
      case '/v1/feed/snapshot': {
        const lines = [JSON.stringify({ head: authority.head() })]
        const inForce = new Set<number>(live.positions())
        for (const entry of entries) if (inForce.has(entry.position)) lines.push(textOf(entry))
        response.writeHead(200, { 'content-type': 'application/jsonl' })
        return void response.end(`${lines.join('\n')}\n`)
      }
      case '/v1/feed':
        if (after < authority.floor) return json({ code: 'feed-compacted', detail: 'gone' }, 410)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (const entry of since) response.write(eventOf(entry))
        response.write(`event: head\ndata: ${authority.head()}\n\n`)
        streams.add(response)
        response.on('close', () => streams.delete(response))
        return
      default:
        return json({ code: 'route-unknown', detail: pathname }, 404)
    }
  }

  const server = (listen ?? createServer)(handler)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const authority: TestAuthority = {
    url: `${listen === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    feedKey,
    requests: [],
    acknowledged: [],
    questions: [],
    position: () => state.position,
    gate: undefined,
    intercept: undefined,
    limits: { strict: 10, standard: 30, relaxed: 300 },
    floor: ORIGIN,
    append(op, body) {
      const entry = nextEntry(state, op, body)
      const record = readRecord(textOf(entry))
      if (typeof record === 'string') throw new Error(record)
      state = { position: entry.position, chain: entry.chain, timeMicros: timeMicros() }
      entries.push(entry)
      live.apply(record, entry.bytes)
      for (const stream of streams) stream.write(eventOf(entry))
      authority.beat()
      return entry
    },
    revoke(selector, more = {}) {
      const id = `rev_${++revocations}`
      const cut = (state.position + 1) as Position
      const published = Math.floor(Date.now())
      const record = encodeBase64url(new Uint8Array(32))
      const reason = 'testing'
      authority.append('revoke', { id, selector, cut, published, reason, record, ...more })
      return id
    },
    issue(claims = {}) {
      const now = Math.floor(Date.now() / 1000)
      const root = { root_seq: state.position, root_iat: now }
      return signed(tokenKey, 'at+jwt', {
        iss: ISSUER,
        sub: 'bot',
        aud: AUDIENCE,
        client_id: 'bot',
        jti: `cred_${Math.floor(timeMicros())}`,
        iat: now,
        exp: now + 600,
        scope: 'read write',
        sid: 'ses_1',
        feed_seq: state.position,
        ...root,
        ...claims,
      })
    },
    head(nonce) {
      const micros = timeMicros()
      const claims = headClaims(
        { ...state, timeMicros: micros },
        {
          iss: ISSUER,
          digest: live.digest(micros),
          heartbeat: 1000,
          limits: authority.limits,
          maxTtl: 3600,
          floor: authority.floor,
          ...(nonce === undefined ? {} : { nonce }),
        },
      )
      return signed(feedKey, HEAD_TYPE, claims)
    },
    beat() {
      for (const stream of streams) stream.write(`event: head\ndata: ${authority.head()}\n\n`)
    },
    streams,
    connections: () => sockets.size,
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    async stop() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        authority.cut()
      })
    },
    restart: () => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve)),
  }
  const beats = setInterval(() => authority.beat(), 1000)
  onTestFinished(async () => {
    clearInterval(beats)
    server.close()
    authority.cut()
  })
  for (const { kid, jwk, purpose } of [
    { ...feedKey, purpose: 'feed' },
    { ...tokenKey, purpose: 'token' },
  ]) {
    authority.append('key', { id: kid, purpose, algorithm: 'ES256', state: 'active', jwk })
  }
  return authority
}

/** Resolves when a condition holds. */
export const until = (holds: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (holds()) resolve()
      else setTimeout(look, 2)
    }
    look()
  })

const eventOf = (entry: FeedEntry): string =>
  `id: ${entry.position}\nevent: entry\ndata: ${textOf(entry)}\n\n`
