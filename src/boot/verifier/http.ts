import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface Call {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly accept: string
  readonly headers?: Readonly<Record<string, string>>
  /** JSON. */
  readonly body?: string
  /** Until the head of the answer is there, and, unless it is a stream, the whole of it. */
  readonly msMax: number
  readonly isStream?: true
}

/** What a call comes to; exactly one of `ended` and `failed` is called, and nothing after it. */
export interface Receiver {
  /** The head of the answer. `false` ends the call here, as failed. */
  opened(status: number, contentType: string): boolean
  /** The next bytes; `false` as above. */
  took(chunk: Uint8Array): boolean
  ended(): void
  /** Why, in the system's word for it; never with anything that we sent. */
  failed(reason: string): void
}

export interface HttpClient {
  /** Sends, and answers what gives the call up; then nothing of the receiver is called any more. */
  send(call: Call, receiver: Receiver): () => void
  /** Lets go of connections that may be dead, those that are used too. */
  reset(): void
}

export interface HttpOptions {
  readonly credential: string | undefined
  readonly ca: string | undefined
  readonly userAgent: string
}

/** One for the stream, one for what is asked beside it, and a few for what comes together. */
const SOCKETS_MAX = 8

/**
 * HTTP by Node's own client, over connections that are kept. No socket of it keeps the process alive:
 * who waits for an answer holds a timer of his own.
 */
export function createHttpClient({ credential, ca, userAgent }: HttpOptions): HttpClient {
  const always = {
    'user-agent': userAgent,
    ...(credential === undefined ? {} : { authorization: `Bearer ${credential}` }),
  }
  const agents = (): Agents => ({
    'http:': new HttpAgent({ keepAlive: true, maxSockets: SOCKETS_MAX }),
    'https:': new HttpsAgent({
      keepAlive: true,
      maxSockets: SOCKETS_MAX,
      ...(ca === undefined ? {} : { ca }),
    }),
  })
  let kept = agents()
  return {
    send: (call, receiver) => sendOnce(call, receiver, { agents: kept, always, isSecond: false }),
    reset() {
      for (const agent of Object.values(kept)) agent.destroy()
      kept = agents()
    },
  }
}

interface Agents {
  readonly 'http:': HttpAgent
  readonly 'https:': HttpsAgent
}

interface Sending {
  readonly agents: Agents
  readonly always: Readonly<Record<string, string>>
  readonly isSecond: boolean
}

function sendOnce(call: Call, receiver: Receiver, sending: Sending): () => void {
  const request = begin(call, sending)
  let isOver = false
  let giveUpSecond: (() => void) | undefined
  const end = (): boolean => {
    if (isOver) return false
    isOver = true
    clearTimeout(timer)
    return true
  }
  const fail = (reason: string): void => {
    if (!end()) return
    request.destroy()
    receiver.failed(reason)
  }
  const timer = setTimeout(() => {
    fail('it took too long to answer')
    dropIdle(sending.agents)
  }, call.msMax)
  timer.unref()
  request.on('socket', (socket: Duplex & { unref?(): void }) => socket.unref?.())
  request.on('error', (failure: NodeJS.ErrnoException) => {
    // A connection that was kept may have been closed while we sent; nothing was answered, then.
    const isStale = request.reusedSocket && failure.code === 'ECONNRESET' && !sending.isSecond
    if (!isStale) return fail(reasonOf(failure))
    if (end()) giveUpSecond = sendOnce(call, receiver, { ...sending, isSecond: true })
  })
  request.on('response', (response) => {
    if (call.isStream) clearTimeout(timer)
    receive(response, { receiver, end, fail })
  })
  request.end(call.body)
  return () => {
    if (end()) request.destroy()
    giveUpSecond?.()
  }
}

function begin(call: Call, { agents, always }: Sending): ClientRequest {
  const { method, accept, body, headers } = call
  const url = new URL(call.url)
  const content =
    body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
  const options = { method, headers: { accept, ...always, ...content, ...headers } }
  return url.protocol === 'https:'
    ? httpsRequest(url, { ...options, agent: agents['https:'] })
    : httpRequest(url, { ...options, agent: agents['http:'] })
}

/** Where one connection has gone silent, those that lie idle may have as well. */
function dropIdle(agents: Agents): void {
  const idle: readonly HttpAgent['freeSockets'][] = [
    agents['http:'].freeSockets,
    agents['https:'].freeSockets,
  ]
  for (const sockets of idle.flatMap(Object.values<Socket[] | undefined>)) {
    for (const socket of sockets ?? []) socket.destroy()
  }
}

function receive(
  response: IncomingMessage,
  {
    receiver,
    end,
    fail,
  }: {
    readonly receiver: Receiver
    readonly end: () => boolean
    readonly fail: (reason: string) => void
  },
): void {
  response.on('error', (failure: NodeJS.ErrnoException) => fail(reasonOf(failure)))
  response.on('close', () => fail('the connection was cut'))
  const { statusCode = 0, headers } = response
  if (!receiver.opened(statusCode, headers['content-type'] ?? '')) {
    return fail(`it answered ${statusCode}, and not as an authority of ours does`)
  }
  response.on('data', (chunk: Uint8Array) => {
    if (!receiver.took(chunk)) fail('it answered with more than any answer holds')
  })
  response.on('end', () => {
    if (end()) receiver.ended()
  })
}

/** The system's word; the message itself may quote what we sent. */
function reasonOf({ code, name }: NodeJS.ErrnoException): string {
  return code ?? name
}

/** Whole answers, as text. `status` 0: none, and `body` says why. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** Sends, and waits for all of the answer. */
export function ask(client: HttpClient, call: Call, bytesMax: number): Promise<Answer> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = []
    let status = 0
    let bytes = 0
    client.send(call, {
      opened(code) {
        status = code
        return true
      },
      took(chunk) {
        chunks.push(chunk)
        bytes += chunk.length
        return bytes <= bytesMax
      },
      ended: () => resolve({ status, body: Buffer.concat(chunks).toString('utf8') }),
      failed: (reason) => resolve({ status: 0, body: reason }),
    })
  })
}
