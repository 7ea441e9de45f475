import { randomBytes } from 'node:crypto'
import { get, type IncomingMessage, request } from 'node:http'
import { onTestFinished } from 'vitest'
import { parseToken } from '#domain/credential/token.ts'
import { HEAD_CHARACTERS_MAX, type HeadClaims } from '#domain/feed/head.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- a test states what it expects by its matchers
type Json = any

/** Plain sockets that speak to a server's feed. */
export interface FeedClient {
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

export function feedClient(url: string): FeedClient {
  const call: FeedClient['call'] = (method, path, more) => calling(`${url}${path}`, method, more)
  return {
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

const introduction = (incarnation: string) => ({
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

/** The newest head of a stream, once its position is at least this. */
export const headAt =
  (position: number) =>
  (events: readonly FeedEvent[]): HeadClaims | undefined => {
    const last = events.findLast(({ event }) => event === 'head')
    const head = last === undefined ? undefined : claimsOf(last.data)
    return head !== undefined && position <= head.position ? head : undefined
  }
