import { decodeProblem } from './problem-answer.ts'
import { type Answer, ask, type Call, type HttpClient, type Receiver } from './http.ts'
import { createLineReader } from './lines.ts'
import { createSseReader } from './sse.ts'
import type { Position } from '#domain/feed/position.ts'
import type { Acknowledgement, Jwk, SyncQuestion } from '#verifier/protocol.ts'

/** What did not come to anything, and why. */
export interface Failure {
  readonly isFailure: true
  readonly reason: string
  /** 0 where there was no answer. */
  readonly status: number
  /** Where the authority refused: its code, and whether asking again may help. */
  readonly code?: string
}

export const isFailure = (value: object): value is Failure => 'isFailure' in value

interface SyncAnswer {
  readonly head: string
  readonly feedKeys: readonly Jwk[]
}

export interface Snapshot {
  readonly head: string
  readonly entries: readonly string[]
}

export interface StreamReceiver {
  opened(): void
  entry(text: string): void
  head(text: string): void
  /** Who acknowledges waits a random part of so many milliseconds before. */
  spread(ms: number): void
  /** `status` 410: below the floor. */
  closed(failure: Failure): void
}

/** What is sent to one address at a time, and fails by itself. */
export type Errand = 'sync' | 'fetch' | 'stream'

/** The authority's side of the feed, over HTTP. Nothing here rejects; nothing of an answer is believed. */
export interface Authority {
  readonly url: string
  /**
   * The next of its addresses is used from now on, unless what failed was sent to another one than is
   * used now. Questions and streams fail side by side, and two steps among two addresses are none.
   */
  nextUrl(failed: Errand): void
  sync(question: SyncQuestion): Promise<SyncAnswer | Failure>
  acknowledge(acknowledgement: Acknowledgement): Promise<undefined | Failure>
  entries(after: Position): Promise<readonly string[] | Failure>
  snapshot(): Promise<Snapshot | Failure>
  /** Answers what closes the stream; then nothing of it is told any more. */
  stream(after: Position, receiver: StreamReceiver): () => void
  /** Lets go of connections, all of them. */
  reset(): void
}

/**
 * How long an answer may take, milliseconds. The core gives up about as soon; a later one would be
 * worth nothing. Of a stream, its beginning counts.
 */
export const patience = { sync: 2_500, call: 5_000, snapshot: 30_000 }

export interface AuthorityOptions {
  readonly urls: readonly string[]
  readonly incarnation: string
  readonly msMax: typeof patience
  readonly snapshotBytesMax?: number
}

const ANSWER_BYTES_MAX = 256 * 1024
const ENTRIES_BYTES_MAX = 256 * 1024 * 1024
const SNAPSHOT_BYTES_MAX = 1024 * 1024 * 1024
/** No entry is longer than 8 Mi characters, and JSON about it is short. */
const ENTRY_CHARACTERS_MAX = 9 * 1024 * 1024
const SPREAD_MS_MAX = 1000

export function createAuthority(
  client: HttpClient,
  { urls, incarnation, msMax, snapshotBytesMax = SNAPSHOT_BYTES_MAX }: AuthorityOptions,
): Authority {
  let at = 0
  const usedBy: Record<Errand, number> = { sync: 0, fetch: 0, stream: 0 }
  const use = (errand: Errand): void => {
    usedBy[errand] = at
  }
  const urlOf = (path: string, query: Readonly<Record<string, string>> = {}): string => {
    const search = new URLSearchParams(query).toString()
    return `${urls[at] ?? ''}/v1/feed${path}${search === '' ? '' : `?${search}`}`
  }
  const post = (path: string, content: unknown, ms: number): Promise<Answer> => {
    const body = JSON.stringify(content)
    const call: Call = { method: 'POST', url: urlOf(path), accept: JSON_TYPES, body, msMax: ms }
    return ask(client, call, ANSWER_BYTES_MAX)
  }

  return {
    get url() {
      return urls[at] ?? ''
    },
    nextUrl(failed) {
      if (usedBy[failed] === at) at = (at + 1) % urls.length
    },
    async sync(question) {
      use('sync')
      const answer = await post('/sync', question, msMax.sync)
      return parsed(answer, ({ head, feedKeys }) =>
        typeof head === 'string' && isJwks(feedKeys) ? { head, feedKeys } : undefined,
      )
    },
    async acknowledge(acknowledgement) {
      const answer = await post('/acknowledge', acknowledgement, msMax.call)
      const taken = parsed(answer, () => ({ isTaken: true }))
      return isFailure(taken) ? taken : undefined
    },
    async entries(after) {
      use('fetch')
      const url = urlOf('/entries', { after: String(after), incarnation })
      const call: Call = { method: 'GET', url, accept: JSON_TYPES, msMax: msMax.call }
      const answer = await ask(client, call, ENTRIES_BYTES_MAX)
      return parsed(answer, ({ entries }) => (isTexts(entries) ? entries : undefined))
    },
    snapshot() {
      use('fetch')
      const url = urlOf('/snapshot', { incarnation })
      const accept = 'application/jsonl'
      const call: Call = { method: 'GET', url, accept, msMax: msMax.snapshot }
      return readSnapshot(client, call, snapshotBytesMax)
    },
    stream: (after, receiver) => {
      use('stream')
      const call: Call = {
        method: 'GET',
        url: urlOf('', { incarnation }),
        accept: 'text/event-stream',
        headers: { 'last-event-id': String(after), 'cache-control': 'no-store' },
        msMax: msMax.call,
        isStream: true,
      }
      return openStream(client, call, receiver)
    },
    reset: () => client.reset(),
  }
}

const JSON_TYPES = 'application/json, application/problem+json'

function parsed<T extends object>(
  { status, body }: Answer,
  read: (document: Readonly<Record<string, unknown>>) => T | undefined,
): T | Failure {
  if (status === 0) return { isFailure: true, status, reason: body }
  if (status !== 200) return refusalOf({ status, body })
  const document = jsonObject(body)
  const value = document === undefined ? undefined : read(document)
  return value ?? { isFailure: true, status, reason: `it answered ${FOREIGN}` }
}

const FOREIGN = 'not as an authority of ours does'

function refusalOf({ status, body }: Answer): Failure {
  const problem = decodeProblem(body)
  if (problem === undefined) {
    return { isFailure: true, status, reason: `it answered ${status}, and ${FOREIGN}` }
  }
  return { isFailure: true, status, code: problem.code, reason: problem.detail }
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string')

const isJwks = (value: unknown): value is readonly Jwk[] =>
  Array.isArray(value) &&
  value.every(
    (one: unknown) =>
      typeof one === 'object' &&
      one !== null &&
      Object.values(one).every((member) => typeof member === 'string'),
  )

/** An answer that is no stream of ours: its beginning, which may say why. */
function refusalReader(status: () => number): Pick<Receiver, 'took'> & { failure(): Failure } {
  let body = ''
  const decoder = new TextDecoder()
  return {
    took(chunk) {
      body += decoder.decode(chunk, { stream: true })
      return body.length <= ANSWER_BYTES_MAX
    },
    failure: () => refusalOf({ status: status(), body }),
  }
}

/** `{ "head": … }`, then an entry a line. */
function readSnapshot(
  client: HttpClient,
  call: Call,
  bytesMax: number,
): Promise<Snapshot | Failure> {
  return new Promise((resolve) => {
    const lines: string[] = []
    const reader = createLineReader((line) => lines.push(line), ENTRY_CHARACTERS_MAX)
    let bytes = 0
    let status = 0
    const refusal = refusalReader(() => status)
    client.send(call, {
      opened(code) {
        status = code
        return true
      },
      took(chunk) {
        if (status !== 200) return refusal.took(chunk)
        bytes += chunk.length
        return bytes <= bytesMax && reader.push(chunk)
      },
      ended() {
        if (status !== 200) return resolve(refusal.failure())
        const rest = reader.rest()
        resolve(snapshotOf(rest === '' ? lines : [...lines, rest]))
      },
      failed: (reason) => resolve({ isFailure: true, status: 0, reason }),
    })
  })
}

function snapshotOf([first = '', ...entries]: readonly string[]): Snapshot | Failure {
  const head = jsonObject(first)?.['head']
  return typeof head === 'string'
    ? { head, entries }
    : { isFailure: true, status: 200, reason: `it answered ${FOREIGN}` }
}

function openStream(client: HttpClient, call: Call, receiver: StreamReceiver): () => void {
  let isClosed = false
  const reader = createSseReader((event, data) => {
    // What came in one piece with whatever it was closed over.
    if (isClosed) return
    if (event === 'entry') receiver.entry(data)
    else if (event === 'head') receiver.head(data)
    else if (event === 'spread') receiver.spread(spreadOf(data))
  }, ENTRY_CHARACTERS_MAX)
  let status = 0
  const refusal = refusalReader(() => status)
  const giveUp = client.send(call, {
    opened(code, contentType) {
      status = code
      if (code !== 200) return true
      if (!contentType.startsWith('text/event-stream')) return false
      receiver.opened()
      return true
    },
    took: (chunk) => (status === 200 ? reader.push(chunk) : refusal.took(chunk)),
    ended() {
      const failure: Failure =
        status === 200 ? { isFailure: true, status, reason: 'the stream ended' } : refusal.failure()
      receiver.closed(failure)
    },
    failed: (reason) => receiver.closed({ isFailure: true, status: 0, reason }),
  })
  return () => {
    isClosed = true
    giveUp()
  }
}

/** It is not signed, so it moves nothing but a pause, and that by a second at most. */
function spreadOf(data: string): number {
  const ms = Number(data)
  return 0 <= ms ? Math.min(ms, SPREAD_MS_MAX) : 0
}
