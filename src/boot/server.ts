import { readFileSync, rmSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import {
  authenticateBearer,
  authenticateVerifier,
  isTokenLike,
  isVerifierCredential,
  localVerifier,
} from '#app/authenticate.ts'
import { showAuthority } from '#app/authority.ts'
import type { Caller, Deps } from '#app/deps.ts'
import { ensureKey, jwks } from '#app/keys.ts'
import { purgeStep } from '#app/purge.ts'
import { createStatusLists } from '#app/status-lists.ts'
import { isClockStepped } from '#app/stepped-clock.ts'
import { newId } from '#kernel/identifier.ts'
import { type ProblemCode, refuse } from '#kernel/problem.ts'
import { createHttp, type HttpOptions } from '#server/http.ts'
import { metadata, openApi } from '#server/documents.ts'
import { createOauthEndpoints, type OauthEndpoints } from '#server/oauth/endpoints.ts'
import { snapshotLines } from '#server/feed-snapshot.ts'
import { statusOptions } from '#server/status.ts'
import type { FaultLog, OpenAuthority } from './authority.ts'
import { deflate, gzip } from './compress.ts'
import { confirmClock, startFeed } from './feed-service.ts'
import { takeLock } from './lock.ts'
import { systemClock, systemEntropy } from './system.ts'

export interface ServeOptions {
  /** `HOST:PORT`; port 0 takes a free one. */
  readonly listen?: string
  readonly tlsCertFile?: string
  readonly tlsKeyFile?: string
  readonly behindProxy: boolean
  /** The operator says that the clock is right. */
  readonly confirmClock: boolean
}

/** What the readiness line says. */
export interface Serving {
  readonly url: string
  readonly issuer: string
  readonly pid: number
}

export interface RunningServer {
  readonly serving: Serving
  /** Stops taking requests, answers those under way, and gives everything back. */
  stop(): Promise<void>
}

export interface ServeContext {
  readonly local: Caller
  readonly onFault: FaultLog
  readonly warn: (line: string) => void
  /** Has the authority's clock run on from a time, where it is behind it. */
  readonly runOnFrom: (timeMicros: number) => void
}

/** When all that came in together has been read: the moment at which one transaction serves it. */
const endOfTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Unix sockets have room for about this many bytes of path. */
const SOCKET_PATH_BYTES_MAX = 103

/**
 * Serves an authority over HTTP and, for the same user on the same host, over `serve.sock`.
 * Refusals: `authority-serving`, `listen-refused`, `usage-invalid`.
 */
export async function startServer(
  authority: OpenAuthority,
  options: ServeOptions,
  { local, onFault, warn, runOnFrom }: ServeContext,
): Promise<RunningServer> {
  const { deps, files } = authority
  const { issuer } = await showAuthority(deps)
  const address = listenAddress(options.listen, issuer)
  const tls = tlsOf(options)
  refuseBareNetwork(address, { tls: tls !== undefined, behindProxy: options.behindProxy })
  const release = takeLock(files.lock)
  let stopping = false
  await confirmClock(authority, { isConfirmed: options.confirmClock, runOnFrom })
  const feed = startFeed(authority, onFault)
  // Others keep the key set for a while, so the key is in it before it signs a list.
  await ensureKey(deps, 'status')
  const oauth = createOauthEndpoints(deps, { endOfTick, onFault })
  const shared: Omit<HttpOptions, 'authenticate' | 'trustProxy'> = {
    dispatch: authority.dispatch,
    newRequestId: () => newId('req', systemClock.now(), systemEntropy),
    publicDocuments: publicDocuments(authority, issuer),
    ready: async () => !stopping && (await readiness(authority)),
    feed: {
      hub: feed.hub,
      snapshot: (caller, incarnation) => snapshotLines(deps, caller, incarnation),
    },
    status: statusOptions(deps, issuer),
    oauth,
    statusLists: { lists: createStatusLists(deps, deflate), gzip, now: () => deps.clock.now() },
    onFault,
  }
  const network = createHttp({
    ...shared,
    ...(tls === undefined ? {} : { tls }),
    trustProxy: options.behindProxy,
    authenticate: authenticateOverNetwork(deps, issuer, options),
  })
  const socket = createHttp({
    ...shared,
    status: statusOptions(deps, issuer, local),
    trustProxy: false,
    authenticate: async () => ({ ...local, origin: { ...local.origin, transport: 'socket' } }),
  })
  try {
    await network.listen(address).catch((failure: unknown) => refuseListen(address, failure))
    const socketPath = await listenOnSocket(socket, files.socket, warn)
    const bound = network.addresses()[0] as { readonly port: number } | undefined
    const endPurge = keepPurging(authority, oauth, onFault)
    const shownHost = address.host.includes(':') ? `[${address.host}]` : address.host
    const url = `${tls === undefined ? 'http' : 'https'}://${shownHost}:${bound?.port ?? address.port}`
    return {
      serving: { url, issuer, pid: process.pid },
      async stop() {
        if (stopping) return
        stopping = true
        endPurge()
        // Before the server, which would wait for streams that never end.
        await feed.stop()
        await Promise.all([network.close(), socket.close()])
        if (socketPath !== undefined) rmSync(socketPath, { force: true })
        await oauth.settle(true).catch((fault: unknown) => onFault(fault, 'stop'))
        await authority.close()
        release()
      },
    }
  } catch (failure) {
    await feed.stop()
    await Promise.all([network.close(), socket.close()])
    release()
    throw failure
  }
}

/** By the network a caller is who his credential says; only a verifier may be nobody, and only here. */
const authenticateOverNetwork =
  (
    deps: Deps,
    issuer: string,
    { behindProxy }: Pick<ServeOptions, 'behindProxy'>,
  ): HttpOptions['authenticate'] =>
  async (request, scope) => {
    const { authorization, host, 'user-agent': userAgent } = request.headers
    const origin = { transport: 'http', ip: request.ip, ...userAgentOf(userAgent) } as const
    const isForFeed = scope === 'feed:follow'
    if (isVerifierCredential(authorization) || (isForFeed && !isTokenLike(authorization))) {
      const isLocal = !behindProxy && isFromLoopback(request.socket.remoteAddress, host)
      if (authorization === undefined && isLocal) return localVerifier(origin)
      return authenticateVerifier(deps, authorization, origin)
    }
    return authenticateBearer(deps, issuer, authorization, origin)
  }

const publicDocuments = (
  { deps }: OpenAuthority,
  issuer: string,
): HttpOptions['publicDocuments'] => ({
  issuerPath: new URL(issuer).pathname.replace(/\/$/, ''),
  jwks: () => jwks(deps),
  metadata: () => metadata(issuer),
  openapi: () => openApi(issuer, deps.version),
})

const PURGE_EVERY_MS = 10_000
const PURGE_PAUSE_MS = 50

/** Purges in small steps with pauses between them, for as long as the server runs. */
function keepPurging(
  { deps }: OpenAuthority,
  oauth: OauthEndpoints,
  onFault: FaultLog,
): () => void {
  let timer: NodeJS.Timeout | undefined
  let isOver = false
  const step = async (): Promise<void> => {
    let hasMore = false
    try {
      await oauth.settle()
      hasMore = await purgeStep(deps)
    } catch (fault) {
      onFault(fault, 'purge')
    }
    if (!isOver) wait(hasMore ? PURGE_PAUSE_MS : PURGE_EVERY_MS)
  }
  const wait = (delayMs: number): void => {
    timer = setTimeout(() => void step(), delayMs)
    timer.unref()
  }
  wait(PURGE_EVERY_MS)
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}

async function readiness({ deps }: OpenAuthority): Promise<boolean | ProblemCode> {
  try {
    const isRestored = await deps.store.read(async (tx) => (await tx.divergence()) !== undefined)
    if (isRestored) return 'authority-restored'
    return isClockStepped(deps) ? 'clock-stepped' : true
  } catch {
    return false
  }
}

/**
 * Whether the other end is on this machine, by its address and not by what it says of itself. A page
 * in a browser here may be anybody's, and reaches us under a name of its own (DNS rebinding).
 */
function isFromLoopback(remoteAddress: string | undefined, host: string | undefined): boolean {
  const address = remoteAddress?.replace(/^::ffff:/, '') ?? ''
  const name = host?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') ?? ''
  return LOOPBACK.test(address) && LOOPBACK.test(name)
}

const userAgentOf = (value: string | undefined): { userAgent?: string } =>
  value === undefined ? {} : { userAgent: value.slice(0, 200) }

interface Address {
  readonly host: string
  readonly port: number
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/

function listenAddress(listen: string | undefined, issuer: string): Address {
  if (listen === undefined) {
    const { hostname, port, protocol } = new URL(issuer)
    const host = hostname.replace(/^\[|\]$/g, '')
    const fallback = protocol === 'https:' ? 443 : 80
    return { host: LOOPBACK.test(host) ? host : '127.0.0.1', port: Number(port || fallback) }
  }
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(listen)
  const port = Number(match?.[3])
  if (match === null || 65_535 < port) {
    return refuse('usage-invalid', `--listen takes HOST:PORT, not ${listen}`, {
      next: 'for example --listen 127.0.0.1:7420, or port 0 for a free one',
    })
  }
  return { host: match[1] ?? (match[2] === '' ? '127.0.0.1' : (match[2] ?? '')), port }
}

/** Tokens would cross the network in the clear, and whoever reads one has it. */
function refuseBareNetwork(
  { host }: Address,
  { tls, behindProxy }: { tls: boolean; behindProxy: boolean },
): void {
  if (tls || behindProxy || LOOPBACK.test(host)) return
  refuse('listen-refused', `${host} is not loopback, and without TLS tokens would be readable`, {
    next: 'give --tls-cert and --tls-key, or --behind-proxy if a proxy in front ends TLS',
    facts: { host },
  })
}

function tlsOf({
  tlsCertFile,
  tlsKeyFile,
}: ServeOptions): { cert: Buffer; key: Buffer } | undefined {
  if (tlsCertFile === undefined && tlsKeyFile === undefined) return undefined
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    return refuse('usage-invalid', '--tls-cert and --tls-key go together', {
      next: 'give both, or neither',
    })
  }
  const pair = { cert: readPem(tlsCertFile), key: readPem(tlsKeyFile) }
  try {
    createSecureContext(pair)
  } catch (failure) {
    const { code = 'error' } = failure as NodeJS.ErrnoException
    refuse('usage-invalid', `${tlsCertFile} and ${tlsKeyFile} cannot be used (${code})`, {
      next: 'give a certificate chain and its private key, both in PEM and without a passphrase',
    })
  }
  return pair
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (failure) {
    const code = (failure as NodeJS.ErrnoException).code ?? 'error'
    return refuse('usage-invalid', `${file} cannot be read (${code})`, { next: 'give a PEM file' })
  }
}

function refuseListen({ host, port }: Address, failure: unknown): never {
  const { code } = failure as NodeJS.ErrnoException
  const why = code === 'EADDRINUSE' ? 'another program has it' : (code ?? 'it failed')
  return refuse('authority-serving', `cannot listen on ${host}:${port}: ${why}`, {
    next: 'stop the other program, or give another address with --listen',
    facts: { host, port, cause: code ?? null },
  })
}

async function listenOnSocket(
  socket: ReturnType<typeof createHttp>,
  path: string,
  warn: (line: string) => void,
): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined
  if (SOCKET_PATH_BYTES_MAX < Buffer.byteLength(path)) {
    warn(`${path} is too long for a socket; local commands will open the database directly`)
    return undefined
  }
  // We hold the lock, so whatever socket is there belongs to nobody.
  rmSync(path, { force: true })
  const before = process.umask(0o177)
  try {
    await socket.listen({ path })
  } finally {
    process.umask(before)
  }
  return path
}
