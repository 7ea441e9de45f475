import { readFileSync } from 'node:fs'
import type { Dispatcher } from 'undici'
import { type AdminApi, adminApi } from '#contract/admin-api.ts'
import type { Transport, WireAnswer, WireCall } from '#contract/transport.ts'
import { type Facts, isProblemCode, type ProblemDocument, refuse } from '#kernel/problem.ts'

export interface HttpTarget {
  readonly url: string
  /** A Unix socket of `serve`; its peer is the local administrator and needs no token. */
  readonly socketPath?: string
  /** Never in argv, never in an error: only in the header. */
  readonly token?: string
  readonly caCertFile?: string
  /** How long one answer may take from beginning to end, however it trickles; two minutes unless told. */
  readonly answerMsMax?: number
  readonly userAgent: string
}

const CONNECT_MS_MAX = 10_000
/** A revocation of a million tokens takes seconds; nothing honest takes minutes. */
const ANSWER_MS_MAX = 120_000
/** The largest page of a list, 10,000 credentials with all that they may carry, is less than this. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024

/** Carries calls over HTTP with undici, which is loaded only when the first call is made. */
export function httpTransport(target: HttpTarget): Transport {
  let dispatcher: Promise<Dispatcher> | undefined
  return async (call) => {
    dispatcher ??= createDispatcher(target)
    return send(await dispatcher, target, call)
  }
}

export async function createDispatcher({
  socketPath,
  caCertFile,
  url,
}: HttpTarget): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent } = await import('undici')
  const connect = {
    timeout: CONNECT_MS_MAX,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(caCertFile === undefined ? {} : { ca: readCertificate(caCertFile) }),
  }
  const limits = {
    headersTimeout: ANSWER_MS_MAX,
    bodyTimeout: ANSWER_MS_MAX,
    maxResponseSize: ANSWER_BYTES_MAX,
    connect,
  }
  if (socketPath !== undefined || url.startsWith('http:')) return new Agent(limits)
  // Behind a proxy the connection to the authority is not `connect`'s, and trusts what it is told here.
  return new EnvHttpProxyAgent({ ...limits, requestTls: connect })
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return refuse('usage-invalid', `the CA certificate file ${file} cannot be read`, {
      next: 'give a PEM file with --ca-cert',
    })
  }
}

async function send(
  dispatcher: Dispatcher,
  target: HttpTarget,
  call: WireCall,
): Promise<WireAnswer> {
  const { request } = await import('undici')
  const route = adminApi[call.operation as keyof AdminApi]
  const path = route.path.replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(call.params[name] ?? ''),
  )
  const url = new URL(target.url)
  url.pathname = url.pathname.replace(/\/$/, '') + path
  url.search = new URLSearchParams(call.query).toString()
  const hasBody = route.method === 'POST' || route.method === 'PATCH'
  let status: number
  let text: string
  try {
    const response = await request(url, {
      dispatcher,
      method: route.method,
      signal: AbortSignal.timeout(target.answerMsMax ?? ANSWER_MS_MAX),
      headers: {
        accept: 'application/json, application/problem+json',
        'user-agent': target.userAgent,
        'x-request-id': call.requestId,
        ...(call.idempotencyKey === undefined ? {} : { 'idempotency-key': call.idempotencyKey }),
        ...(hasBody ? { 'content-type': 'application/json' } : {}),
        ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
      },
      ...(hasBody ? { body: JSON.stringify(call.body) } : {}),
    })
    status = response.statusCode
    text = await response.body.text()
  } catch (failure) {
    return unreachable(target, reasonOf(failure))
  }
  return answerOf(target, status, text)
}

function answerOf(target: HttpTarget, status: number, text: string): WireAnswer {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return unreachable(target, `it answered ${status} with something that is not JSON`)
  }
  if (200 <= status && status < 300) return { ok: true, value }
  if (isProblemCode((value as { code?: unknown } | null)?.code)) {
    return { ok: false, problem: value as ProblemDocument }
  }
  return unreachable(target, `it answered ${status}, and not as an authority of ours does`)
}

/** `facts` are for whoever has to know more than that. */
export const unreachable = (
  target: Pick<HttpTarget, 'url' | 'socketPath'>,
  why: string,
  facts: Facts = {},
): never =>
  refuse('authority-unreachable', `no answer from the authority at ${shown(target)}: ${why}`, {
    next: 'check the URL and that `credctl serve` runs there, then try again',
    facts: { server: shown(target), ...facts },
  })

/** The address without user info, query or fragment, any of which might hold a secret. */
function shown({ socketPath, url }: Pick<HttpTarget, 'url' | 'socketPath'>): string {
  if (socketPath !== undefined) return socketPath
  const { origin, pathname } = new URL(url)
  return origin + (pathname === '/' ? '' : pathname)
}

/** The system's word for what went wrong; the message itself may quote what we sent. */
export function reasonOf(failure: unknown): string {
  const name = nameOf(failure)
  return typeof name === 'string' ? (REASONS[name] ?? name) : 'the connection failed'
}

function nameOf(failure: unknown): unknown {
  const {
    code,
    cause,
    name: kind,
  } = failure as Error & {
    readonly code?: unknown
    readonly cause?: { readonly code?: unknown }
  }
  return typeof code === 'string' ? code : (cause?.code ?? kind)
}

/** Whether anything may have been sent: where there was no connection, nothing was. */
export const mayHaveBeenSent = (failure: unknown): boolean => {
  const name = String(nameOf(failure))
  return !UNCONNECTED.includes(name) && !/CERT|TLS|LEAF/.test(name)
}

const UNCONNECTED = ['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  ENOENT: 'nothing listens there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'it took too long to answer',
  UND_ERR_BODY_TIMEOUT: 'it took too long to answer',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'it answered with more than any answer holds',
  TimeoutError: 'it took too long to answer',
  Error: 'the connection failed',
  TypeError: 'the connection failed',
  UND_ERR_SOCKET: 'the connection was cut',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; give its CA with --ca-cert',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate chain is self-signed; give the CA with --ca-cert',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified; give its CA with --ca-cert',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}
