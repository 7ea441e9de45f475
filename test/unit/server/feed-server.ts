import { randomBytes } from 'node:crypto'
import { get, request, type IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'
import { embeddedTransport, openAuthority, type ServingDeps } from '#boot/authority.ts'
import { type RunningServer, startServer } from '#boot/server.ts'
import { connect } from '#client/connect.ts'
import { type Admin, adminApi } from '#contract/admin-api.ts'
import { parseToken } from '#domain/credential/token.ts'
import { HEAD_CHARACTERS_MAX, type HeadClaims } from '#domain/feed/head.ts'
import type { Deps } from '#app/deps.ts'
import { type DataFolder, dataFolder } from '../boot/data-folder.ts'
import { LOCAL } from '../world.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- a test states what it expects by its matchers
type Json = any

/** The real server on a real port over a real file, and plain sockets that speak to it. */
export interface FeedServer {
  readonly home: DataFolder
  readonly url: string
  readonly deps: Deps
  readonly admin: Admin
  readonly server: RunningServer
  readonly alarms: string[]
  readonly faults: unknown[]
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Answered>
  /** A new incarnation that has synced. */
  readonly sync: (more?: object, options?: CallOptions) => Promise<Synced>
  readonly follow: (incarnation: string, options?: FollowOptions) => Promise<Stream>
}

export interface CallOptions {
  readonly body?: unknown
  readonly authorization?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

interface FollowOptions extends CallOptions {
  readonly after?: number
  readonly lastEventId?: number
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: Json
}

export interface Synced extends Answered {
  readonly incarnation: string
  readonly claims: HeadClaims
}

export interface FeedEvent {
  readonly event: string
  readonly id: number | undefined
  readonly data: string
}

export interface Stream {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Of a refusal. */
  readonly body: () => Promise<Json>
  /** All that came so far. */
  readonly events: FeedEvent[]
  /** Resolves with what `pick` answers, as soon as it answers something. */
  readonly until: <T>(pick: (events: readonly FeedEvent[]) => T | undefined) => Promise<T>
  readonly ended: Promise<'ended' | 'cut'>
  readonly response: IncomingMessage
  readonly close: () => void
}

export interface ServerOptions {
  readonly serving?: ServingDeps
  readonly behindProxy?: boolean
  readonly confirmClock?: boolean
  readonly runOnFrom?: (timeMicros: number) => void
  /** An authority that is there already. */
  readonly home?: DataFolder
}

export async function feedServer(options: ServerOptions = {}): Promise<FeedServer> {
  const home = options.home ?? (await dataFolder())
  const alarms: string[] = []
  const faults: unknown[] = []
  const onFault = (fault: unknown): void => void faults.push(fault)
  const authority = openAuthority(home.data, {}, onFault, {
    alarm: (code) => alarms.push(code),
    ...options.serving,
  })
  const { behindProxy = false, confirmClock = false, runOnFrom = () => undefined } = options
  const server = await startServer(
    authority,
    { listen: '127.0.0.1:0', behindProxy, confirmClock },
    { local: LOCAL, onFault, warn: () => undefined, runOnFrom },
  )
  onTestFinished(() => server.stop())
  const { url } = server.serving
  const admin = connect(
    adminApi,
    embeddedTransport(authority.dispatch, LOCAL),
    () => `req_${randomBytes(8).toString('hex')}`,
  )
  const call: FeedServer['call'] = (method, path, more) => calling(`${url}${path}`, method, more)
  return {
    home,
    url,
    deps: authority.deps,
    admin,
    server,
    alarms,
    faults,
    call,
    async sync(more = {}, calls = {}) {
      const incarnation = randomBytes(16).toString('base64url')
      const question = { ...introduction(incarnation), ...more }
      const answered = await call('POST', '/v1/feed/sync', { ...calls, body: question })
      const claims = answered.status === 200 ? claimsOf(answered.body.head) : ({} as HeadClaims)
      return { ...answered, incarnation: question.incarnation, claims }
    },
    follow: (incarnation, more = {}) => following(url, incarnation, more),
  }
}

export const introduction = (incarnation: string) => ({
  nonce: randomBytes(32).toString('base64url'),
  incarnation,
  name: 'api-1',
  audiences: ['https://api.example.com'],
  mode: 'standard',
})

export function claimsOf(head: string): HeadClaims {
  const parsed = parseToken(head, HEAD_CHARACTERS_MAX)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed.claims as unknown as HeadClaims
}

const headersOf = ({ authorization, headers = {} }: CallOptions): Record<string, string> => ({
  ...headers,
  ...(authorization === undefined ? {} : { authorization }),
})

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string
  return text
}

function calling(url: string, method: string, options: CallOptions = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = { ...headersOf(options), 'content-type': 'application/json' }
    const sent = request(url, { method, headers, agent: false }, (response) => {
      const { statusCode = 0, headers: told } = response
      textOf(response).then((text) => {
        const isJson = String(told['content-type']).includes('json') && !url.includes('snapshot?')
        const body: Json = isJson && text !== '' ? JSON.parse(text) : undefined
        resolve({ status: statusCode, headers: told, text, body })
      }, reject)
    })
    sent.on('error', reject)
    sent.end(options.body === undefined ? undefined : JSON.stringify(options.body))
  })
}

function following(url: string, incarnation: string, options: FollowOptions): Promise<Stream> {
  const after = options.after === undefined ? '' : `&after=${options.after}`
  const last = options.lastEventId
  return new Promise((resolve, reject) => {
    const sent = get(
      `${url}/v1/feed?incarnation=${incarnation}${after}`,
      {
        agent: false,
        headers: {
          ...headersOf(options),
          ...(last === undefined ? {} : { 'last-event-id': String(last) }),
        },
      },
      (response) => resolve(streamOf(response)),
    )
    sent.on('error', reject)
    onTestFinished(() => void sent.destroy())
  })
}

function streamOf(response: IncomingMessage): Stream {
  const { statusCode = 0, headers } = response
  const events: FeedEvent[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  const ended = new Promise<'ended' | 'cut'>((resolve) => {
    response.once('end', () => resolve('ended'))
    response.once('error', () => resolve('cut'))
    response.once('close', () => resolve('cut'))
  })
  if (statusCode === 200) {
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n\n')
      rest = parts.pop() ?? ''
      events.push(...parts.map(eventOf))
      for (const look of waiting) look()
    })
  }
  return {
    status: statusCode,
    headers,
    body: async () => JSON.parse(await textOf(response)),
    events,
    until: (pick) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = pick(events)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        void ended.then(() => reject(new Error('the stream ended before')))
        look()
      }),
    ended,
    response,
    close: () => void response.destroy(),
  }
}

function eventOf(text: string): FeedEvent {
  const fields = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf(': ')
      return [line.slice(0, at), line.slice(at + 2)] as const
    }),
  )
  const id = fields.get('id')
  return {
    event: fields.get('event') ?? '',
    id: id === undefined ? undefined : Number(id),
    data: fields.get('data') ?? '',
  }
}

export const entriesOf = (events: readonly FeedEvent[]): FeedEvent[] =>
  events.filter(({ event }) => event === 'entry')

/** The newest head of a stream whose position is at least this. */
export const headAt =
  (position: number) =>
  (events: readonly FeedEvent[]): HeadClaims | undefined => {
    const heads = events.filter(({ event }) => event === 'head').map(({ data }) => claimsOf(data))
    return heads.find((head) => position <= head.position)
  }
