import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { adminApi } from '#contract/admin-api.ts'
import { StreamQuery } from '#contract/feed.ts'
import type { AnyRoute } from '#contract/route.ts'
import { type OauthEndpoint, oauthPaths } from '#contract/oauth.ts'
import type { WireCall } from '#contract/transport.ts'
import type { Caller } from '#app/deps.ts'
import {
  Problem,
  type ProblemCode,
  problemDocument,
  refuse,
  rowOf,
  toProblem,
} from '#kernel/problem.ts'
import { FORM_CHARACTERS_MAX } from '#domain/oauth/form.ts'
import type { Dispatch } from './dispatch.ts'
import { type OauthAnswer, refusalAnswer } from './oauth/answer.ts'
import type { OauthCall, OauthEndpoints } from './oauth/endpoints.ts'
import type { FeedHub, FeedSink } from './feed-stream.ts'
import { mountStatus, type StatusOptions } from './status.ts'
import { mountStatusLists, type StatusListOptions } from './status-lists.ts'

/** The largest body of the admin API, bytes: a selector of 10,000 names fits. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024
/** Longer than any id, so that the contract says what is wrong with one and not the router. */
const PARAM_CHARACTERS_MAX = 512
/** A request that is not whole after this is given up, so that slow senders hold no sockets. */
const REQUEST_MS_MAX = 30_000
const KEEP_ALIVE_MS = 72_000
/** A connection on which nothing moves for longer than any answer takes is held by nobody honest. */
const SILENCE_MS_MAX = 150_000
const HANDSHAKE_MS_MAX = 10_000
/** How long others may keep the public keys; a rotation publishes a key no later than its use. */
const JWKS_SECONDS_MAX = 300

export interface HttpOptions {
  readonly dispatch: Dispatch
  /**
   * Says who calls, or refuses: `authentication-needed`, `token-refused`. `scope` is what the route
   * asks for; verifiers have a credential of their own kind.
   */
  readonly authenticate: (request: FastifyRequest, scope: AnyRoute['scope']) => Promise<Caller>
  /** The streams of the feed; without it none are served here. */
  readonly feed?: FeedStreams
  /** `/status/<credential id>`; without it, it is not served here. */
  readonly status?: StatusOptions
  readonly oauth?: OauthEndpoints
  readonly statusLists?: Omit<StatusListOptions, 'issuerPath'>
  readonly newRequestId: () => string
  readonly publicDocuments: PublicDocuments
  /**
   * Whether the authority can serve: its database answers, and it is not stopping. A code says what
   * an operator has to see to.
   */
  readonly ready: () => Promise<boolean | ProblemCode>
  readonly onFault: (fault: unknown, requestId: string) => void
  readonly trustProxy: boolean
  /** PEM, for TLS without a proxy in front. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
}

/** What anyone may read without a credential. */
export interface PublicDocuments {
  /** The path of the issuer, or empty: RFC 8414 §3 puts the well-known part before it. */
  readonly issuerPath: string
  readonly jwks: () => Promise<object>
  readonly metadata: () => Promise<object>
  readonly openapi: () => Promise<object>
}

/** Fastify in front of dispatch. Nothing outside this file knows which HTTP server it is. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: SILENCE_MS_MAX,
    forceCloseConnections: 'idle',
    trustProxy: options.trustProxy,
    routerOptions: { maxParamLength: PARAM_CHARACTERS_MAX },
    https:
      options.tls === undefined ? null : { ...options.tls, handshakeTimeout: HANDSHAKE_MS_MAX },
    return503OnClosing: false,
    genReqId: (request) => acceptedRequestId(request.headers['x-request-id'], options.newRequestId),
    // What the router itself cannot read, such as `%zz` in a path, comes past the error handler.
    frameworkErrors: (thrown, request, reply) => {
      void reply.headers(headersOf(request.id))
      void answerError(thrown, request, reply, options)
    },
  })
  // Fastify reads text/plain by itself; a body of the admin API is JSON, and is said to be.
  app.removeContentTypeParser('text/plain')
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers(headersOf(request.id))
  })
  endConnectionsWhenStopping(app)
  app.setErrorHandler((thrown, request, reply) => answerError(thrown, request, reply, options))
  app.setNotFoundHandler(answerUnknown)
  mountHealth(app, options)
  mountDocuments(app, options.publicDocuments)
  mountContract(app, options)
  if (options.feed !== undefined) mountFeed(app, options, options.feed)
  if (options.status !== undefined) mountStatus(app, options.status)
  if (options.statusLists !== undefined) {
    const { issuerPath } = options.publicDocuments
    mountStatusLists(app, { ...options.statusLists, issuerPath })
  }
  if (options.oauth !== undefined) mountOauth(app, options, options.oauth)
  return app
}

/**
 * What is answered while the server stops is the last on its connection (RFC 9112 §9.6): kept alive, it
 * would keep the process for as long as its client cares to. A connection on which nothing was asked
 * yet is cut; until Node 26, closing a server waits for those too.
 */
function endConnectionsWhenStopping(app: FastifyInstance): void {
  const silent = new Map<unknown, { destroy(): void }>()
  let isStopping = false
  app.server.on('connection', (socket) => {
    const name = nameOf(socket)
    silent.set(name, socket)
    socket.once('close', () => silent.delete(name))
  })
  app.server.on('request', ({ socket }) => silent.delete(nameOf(socket)))
  app.addHook('preClose', (done) => {
    isStopping = true
    for (const socket of silent.values()) socket.destroy()
    done()
  })
  app.addHook('onSend', (_, reply, payload, done) => {
    if (isStopping) void reply.header('connection', 'close')
    done(null, payload)
  })
}

/** The same for a connection and for the TLS within it; a Unix socket has no port, and no TLS. */
const nameOf = (socket: FastifyRequest['socket']): unknown =>
  socket.remotePort === undefined ? socket : `${socket.remoteAddress} ${socket.remotePort}`

const headersOf = (requestId: string): Record<string, string> => ({
  'x-request-id': requestId,
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
})

function mountContract(app: FastifyInstance, options: HttpOptions): void {
  for (const [operation, route] of Object.entries(adminApi)) {
    app.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        const caller = await options.authenticate(request, route.scope)
        const answer = await options.dispatch(wireCall(operation, request), caller)
        if (answer.ok) return reply.send(answer.value)
        challenge(reply, answer.problem)
        return sendProblem(reply, answer.problem.status, {
          ...answer.problem,
          instance: request.url,
        })
      },
    })
  }
}

/** What the feed's two streams are made of. */
export interface FeedStreams {
  readonly hub: FeedHub
  readonly snapshot: (caller: Caller, incarnation: string) => Promise<AsyncIterable<Uint8Array>>
}

/** The answers that go on and on, so that they are no part of the contract's calls. */
function mountFeed(
  app: FastifyInstance,
  options: HttpOptions,
  { hub, snapshot }: FeedStreams,
): void {
  // HEAD of an endless answer would be one that never ends either.
  const route = { method: 'GET', exposeHeadRoute: false } as const
  app.route({
    ...route,
    url: STREAM_PATH,
    handler: async (request, reply) => {
      const caller = await options.authenticate(request, 'feed:follow')
      const { incarnation, after } = streamQuery(request)
      const listener = await hub.admit(caller, { incarnation, after })
      const { sink, closed } = hijacked(reply, 'text/event-stream')
      void closed.then(() => hub.leave(listener))
      hub.join(listener, sink)
    },
  })
  app.route({
    ...route,
    url: SNAPSHOT_PATH,
    handler: async (request, reply) => {
      const caller = await options.authenticate(request, 'feed:follow')
      const lines = await snapshot(caller, streamQuery(request).incarnation)
      return reply.type('application/jsonl').send(ReadableStream.from(lines))
    },
  })
}

const STREAM_PATH = '/v1/feed'
const SNAPSHOT_PATH = '/v1/feed/snapshot'

/** Where a stream goes on from: what the protocol of events says, else what was asked for. */
function streamQuery({ query, headers }: FastifyRequest): z.output<ReturnType<typeof StreamQuery>> {
  const last = headers['last-event-id']
  const given = last === undefined || last === '' ? {} : { after: last }
  const parsed = StreamQuery().safeParse({ ...(query as object), ...given })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  return refuse('request-invalid', `query.${issue?.path.join('.')}: ${issue?.message}`, {
    next: 'give ?incarnation=, and Last-Event-ID or &after= as the position of the last entry',
  })
}

/**
 * Takes the socket out of Fastify's and Node's hands once the answer has begun: no chunks around what
 * is written, so that one buffer serves all. The end of such an answer is the end of its connection.
 */
function hijacked(
  reply: FastifyReply,
  type: string,
): { readonly sink: FeedSink; readonly closed: Promise<void> } {
  const { raw } = reply.hijack()
  const { socket } = raw
  const closed = new Promise<void>((resolve) => {
    if (socket === null || socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
  raw.useChunkedEncodingByDefault = false
  raw.writeHead(200, {
    ...headersOf(reply.request.id),
    'content-type': type,
    'x-accel-buffering': 'no',
  })
  raw.flushHeaders()
  socket?.setNoDelay(true)
  const sink: FeedSink = {
    write: (bytes) => void socket?.write(bytes),
    backlogBytes: () => socket?.writableLength ?? 0,
    drained: async () => {
      if (socket === null || socket.destroyed) return false
      if (!socket.writableNeedDrain) return true
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
      return !socket.destroyed
    },
    end: () => void raw.end(),
    destroy: () => void socket?.destroy(),
  }
  return { sink, closed }
}

const wireCall = (operation: string, request: FastifyRequest): WireCall => ({
  operation,
  params: request.params as Record<string, string>,
  query: request.query as Record<string, string>,
  body: request.body ?? {},
  requestId: request.id,
  ...idempotencyOf(request.headers['idempotency-key']),
})

const idempotencyOf = (given: string | string[] | undefined): { idempotencyKey?: string } =>
  typeof given === 'string' ? { idempotencyKey: given } : {}

/**
 * The OAuth endpoints take forms and nothing else, and answer in the words of their RFCs, also where it
 * is Fastify that refuses.
 */
function mountOauth(app: FastifyInstance, options: HttpOptions, endpoints: OauthEndpoints): void {
  const { issuerPath } = options.publicDocuments
  const send = (reply: FastifyReply, { status, headers, body }: OauthAnswer): FastifyReply =>
    reply
      .status(status)
      .headers({ pragma: 'no-cache', ...headers })
      .send(body)
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    const form = { parseAs: 'string', bodyLimit: FORM_CHARACTERS_MAX } as const
    scope.addContentTypeParser(FORM_TYPE, form, (_, body, done) => done(null, body))
    scope.setErrorHandler((thrown, request, reply) => {
      const problem = foreseen(thrown)
      if (problem.code === 'internal') options.onFault(thrown, request.id)
      return send(reply, refusalAnswer(problem))
    })
    for (const [endpoint, path] of Object.entries(oauthPaths)) {
      for (const url of new Set([path, `${issuerPath}${path}`])) {
        scope.post(url, async (request, reply) => {
          const call = oauthCall(endpoint as OauthEndpoint, request)
          return send(reply, await endpoints.answer(call))
        })
      }
    }
  })
}

const FORM_TYPE = 'application/x-www-form-urlencoded'

function oauthCall(endpoint: OauthEndpoint, request: FastifyRequest): OauthCall {
  const { headers, id, ip, raw, url } = request
  const userAgent = headers['user-agent']?.slice(0, 200)
  const at = url.indexOf('?')
  return {
    endpoint,
    query: at === -1 ? '' : url.slice(at + 1),
    body: typeof request.body === 'string' ? request.body : '',
    authorizations: authorizationsOf(raw.rawHeaders),
    accept: headers.accept ?? '',
    origin: {
      transport: request.socket.remoteAddress === undefined ? 'socket' : 'http',
      ...(request.socket.remoteAddress === undefined ? {} : { ip }),
      ...(userAgent === undefined ? {} : { userAgent }),
    },
    requestId: id,
  }
}

/** Every one of them: of several, Node itself shows only the first. */
const authorizationsOf = (rawHeaders: readonly string[]): string[] =>
  rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === 'authorization' && i % 2 === 1)

function mountHealth(app: FastifyInstance, { ready }: HttpOptions): void {
  app.get('/livez', async () => ({ status: 'ok' }))
  app.get('/readyz', async (_, reply) => {
    const state = await ready()
    if (state === true) return reply.send({ status: 'ok' })
    const reason = state === false ? {} : { reason: state }
    return reply.status(503).send({ status: 'unavailable', ...reason })
  })
}

function mountDocuments(app: FastifyInstance, documents: PublicDocuments): void {
  const publish = (url: string, secondsMax: number, document: () => Promise<object>) =>
    app.get(url, async (_, reply) =>
      reply.header('cache-control', `public, max-age=${secondsMax}`).send(await document()),
    )
  publish('/.well-known/jwks.json', JWKS_SECONDS_MAX, documents.jwks)
  publish('/.well-known/oauth-authorization-server', JWKS_SECONDS_MAX, documents.metadata)
  publish('/.well-known/openid-configuration', JWKS_SECONDS_MAX, documents.metadata)
  if (documents.issuerPath !== '') {
    publish(`${documents.issuerPath}/.well-known/jwks.json`, JWKS_SECONDS_MAX, documents.jwks)
    const metadata = `/.well-known/oauth-authorization-server${documents.issuerPath}`
    publish(metadata, JWKS_SECONDS_MAX, documents.metadata)
    // OpenID Connect Discovery §4 puts the well-known part behind the path, RFC 8414 §5 before it.
    for (const url of [
      `${documents.issuerPath}/.well-known/openid-configuration`,
      `/.well-known/openid-configuration${documents.issuerPath}`,
    ]) {
      publish(url, JWKS_SECONDS_MAX, documents.metadata)
    }
    publish(`${documents.issuerPath}/openapi.json`, JWKS_SECONDS_MAX, documents.openapi)
  }
  publish('/openapi.json', JWKS_SECONDS_MAX, documents.openapi)
}

function acceptedRequestId(given: string | string[] | undefined, make: () => string): string {
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : make()
}

/** No such path (404), or not by this method (405, with those that there are: RFC 9110 §15.5.6). */
function answerUnknown(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { method, url } = request
  const allowed = methodsAt(url.split('?')[0] ?? '')
  const next = 'read /openapi.json for what is served'
  const problem =
    allowed.length === 0
      ? new Problem('route-unknown', `nothing is served at ${url.slice(0, 200)}`, { next })
      : new Problem('method-unknown', `${url.slice(0, 200)} does not take ${method}`, {
          next,
          facts: { allowed },
        })
  if (0 < allowed.length) void reply.header('allow', allowed.join(', '))
  problem.requestId = request.id
  return sendProblem(reply, rowOf(problem.code).status, problemDocument(problem, url))
}

const GET_PATHS = [
  STREAM_PATH,
  SNAPSHOT_PATH,
  '/livez',
  '/readyz',
  '/.well-known/jwks.json',
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/openapi.json',
]

function methodsAt(path: string): string[] {
  const methods = new Set<string>()
  for (const route of Object.values(adminApi)) {
    const pattern = route.path.replaceAll('.', String.raw`\.`).replaceAll(/:\w+/g, '[^/]+')
    if (new RegExp(`^${pattern}$`).test(path)) methods.add(route.method)
  }
  if (GET_PATHS.includes(path)) methods.add('GET')
  if (Object.values(oauthPaths).some((one) => one === path)) methods.add('POST')
  if (/^\/oauth\/status-lists(?:\/[^/]+)?$/.test(path)) methods.add('GET').add('OPTIONS')
  if (/^\/status\/[^/]+$/.test(path)) methods.add('GET').add('POST')
  if (methods.has('GET')) methods.add('HEAD')
  return [...methods].sort()
}

/** What Fastify refuses by itself, in the words of the one table. */
const FASTIFY_REFUSALS: Readonly<Record<string, (message: string) => Problem>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    new Problem('body-too-large', `a request body has at most ${BODY_BYTES_MAX} bytes`),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    new Problem('media-type-unsupported', 'send the body as application/json'),
  FST_ERR_CTP_EMPTY_JSON_BODY: () =>
    new Problem('request-invalid', 'the body is empty; send a JSON object'),
  FST_ERR_CTP_INVALID_JSON_BODY: () => new Problem('request-invalid', 'the body is not JSON'),
}

function answerError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { onFault }: HttpOptions,
): FastifyReply {
  const problem = foreseen(thrown)
  problem.requestId = request.id
  if (problem.code === 'internal') onFault(thrown, request.id)
  challenge(reply, problem)
  return sendProblem(reply, rowOf(problem.code).status, problemDocument(problem, request.url))
}

function foreseen(thrown: unknown): Problem {
  const code = (thrown as { code?: unknown } | null)?.code
  const known = typeof code === 'string' ? FASTIFY_REFUSALS[code] : undefined
  if (known !== undefined) return known(String(code))
  const status = Number((thrown as { statusCode?: unknown } | null)?.statusCode)
  if (400 <= status && status < 500 && !(thrown instanceof Problem)) {
    return new Problem('request-invalid', 'the request cannot be read')
  }
  return toProblem(thrown)
}

/** RFC 6750 §3: how to authenticate, and no error code where no credentials were sent. */
function challenge(reply: FastifyReply, { code, facts }: Pick<Problem, 'code' | 'facts'>): void {
  const name = 'www-authenticate'
  if (code === 'authentication-needed') void reply.header(name, 'Bearer')
  if (code === 'token-refused') void reply.header(name, 'Bearer error="invalid_token"')
  if (code === 'scope-insufficient') {
    const scope = String(facts['scope'])
    void reply.header(name, `Bearer error="insufficient_scope", scope="${scope}"`)
  }
}

const sendProblem = (reply: FastifyReply, status: number, document: object): FastifyReply =>
  reply.status(status).type('application/problem+json').send(document)
