import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { z } from 'zod'
import type { Caller, Deps } from '#app/deps.ts'
import { PURGE_STEP_ROWS, purgeStep } from '#app/purge.ts'
import type { Connecting, Local, Target } from '#cli/kit.ts'
import { connect } from '#client/connect.ts'
import { type Admin, adminApi } from '#contract/admin-api.ts'
import type { Transport, WireCall } from '#contract/transport.ts'
import { tiers } from '#domain/client/client.ts'
import { newId } from '#kernel/identifier.ts'
import { refuse } from '#kernel/problem.ts'
import {
  createAuthority,
  embeddedTransport,
  type OpenAuthority,
  openAuthority,
  refuseMissing,
} from './authority.ts'
import { type HttpTarget, httpTransport } from './http-transport.ts'
import { ISSUER_DEFAULT, issuerOf } from './issuer.ts'
import { authorityFiles, dataDirectory, type Environment } from './paths.ts'
import { systemClock, systemEntropy } from './system.ts'
import { VERSION } from './version.ts'

/** What has to be given back when the command is over. */
export type Dispose = (close: () => Promise<void>) => void

/** The administrator of the machine: whoever may open the data folder. */
export function localCaller(): Caller {
  return {
    actor: `local:${userName()}`,
    scopes: 'all',
    origin: { transport: 'embedded' },
  }
}

/** A container may run as a user that no password file knows. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid-${process.getuid?.() ?? 'unknown'}`
  }
}

export const newRequestId = (): string => newId('req', systemClock.now(), systemEntropy)

export async function connectTo(
  target: Target,
  env: Environment,
  {
    onDispose,
    warn,
    ...connecting
  }: Connecting & { onDispose: Dispose; warn: (line: string) => void },
): Promise<Admin> {
  const transport =
    target.kind === 'remote'
      ? remoteTransport(target, env, warn)
      : await localTransport(dataDirectory(env, target.dataDir), env, onDispose)
  return connect(adminApi, transport, newRequestId, {
    retry: { clock: systemClock, entropy: systemEntropy },
    ...connecting,
  })
}

/** The whole name: 127.example.com is somebody else's. */
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/

type Remote = Extract<Target, { kind: 'remote' }>

function remoteTransport(
  target: Remote,
  env: Environment,
  warn: (line: string) => void,
): Transport {
  const to = remoteTarget(target)
  const token = env['CREDCTL_TOKEN']
  if (token === undefined || token === '') return httpTransport(to)
  if (isBare(to.url)) {
    warn('your token crosses the network in the clear: the server URL is not https')
  }
  return httpTransport({ ...to, token })
}

/** Whether what is sent there can be read on its way. */
export const isBare = (server: string): boolean => {
  const { protocol, hostname } = new URL(server)
  return protocol === 'http:' && !LOOPBACK.test(hostname)
}

/** Whether nobody but this very machine answers there, and needs no certificate to. */
export const isPlainLoopback = (server: string): boolean => {
  const url = URL.parse(server)
  return url?.protocol === 'http:' && LOOPBACK.test(url.hostname)
}

/** A server as it is named, without any credential. Refusal: `usage-invalid`. */
export function remoteTarget({ server, caCert }: Remote): HttpTarget {
  const url = URL.parse(server)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return refuse('usage-invalid', '--server takes an http or https URL', {
      next: 'for example --server https://auth.example.com',
    })
  }
  if (url.username !== '' || url.password !== '') {
    return refuse('usage-invalid', '--server must not hold a user or password', {
      next: 'set CREDCTL_TOKEN to a token of the authority',
    })
  }
  return {
    url: server,
    userAgent: `credctl/${VERSION}`,
    ...(caCert === undefined ? {} : { caCertFile: caCert }),
  }
}

/** The `serve.sock` of a folder, where somebody serves. Refusal: `authority-missing`. */
export async function servedTarget(directory: string): Promise<HttpTarget | undefined> {
  const { database, socket } = authorityFiles(directory)
  if (!existsSync(database)) refuseMissing(directory)
  if (!existsSync(socket)) return undefined
  if (!(await (await import('./socket.ts')).socketAnswers(socket))) return undefined
  return { url: 'http://localhost', socketPath: socket, userAgent: `credctl/${VERSION}` }
}

/** The authority of a folder, in this very process. */
export const openHere = (directory: string, env: Environment): OpenAuthority =>
  openAuthority(directory, env, (fault, where) => {
    if (env['CREDCTL_DEBUG']) process.stderr.write(`fault in ${where}: ${describe(fault)}\n`)
  })

/** Through `serve.sock` where somebody serves, else straight to the database. */
async function localTransport(
  directory: string,
  env: Environment,
  onDispose: Dispose,
): Promise<Transport> {
  const served = await servedTarget(directory)
  if (served !== undefined) return httpTransport(served)
  const authority = openHere(directory, env)
  const transport = embeddedTransport(authority.dispatch, localCaller())
  let rows = 0
  onDispose(async () => {
    // No server sweeps here, so whoever adds a little also takes as much away, after its answer.
    await purgeSome(authority.deps, rows)
    await authority.close()
  })
  // One call is sooner parsed than a parser for it compiled; a list is parsed a thousand times.
  return (call) => {
    const isList = call.operation.startsWith('list')
    if (isList) favourMemory()
    z.config({ jitless: !isList })
    if (call.idempotencyKey !== undefined) rows += rowsOf(call)
    return transport(call)
  }
}

/**
 * A list may be a million rows long, and what is read is dropped at once. Left to itself the engine
 * lets its heap grow rather than collect; this costs a twentieth of the speed and a third of the memory.
 */
function favourMemory(): void {
  process.getBuiltinModule('node:v8').setFlagsFromString('--optimize-for-size')
}

/** How many rows a mutation may add; one that issues says it. */
const rowsOf = ({ body }: WireCall): number =>
  Math.max(1, Number((body as { readonly count?: unknown } | null)?.count ?? 1))

/** What cannot be swept now is swept another time; the command itself has succeeded. */
export async function purgeSome(deps: Deps, rows: number): Promise<void> {
  try {
    // Every tier goes past every row.
    for (let done = 0; done < rows * tiers.length; done += PURGE_STEP_ROWS) {
      if (!(await purgeStep(deps))) return
    }
  } catch {
    // Said above.
  }
}

export const describe = (fault: unknown): string =>
  fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)

/** What only the machine that holds the data folder can do. */
export function localOf(target: Target, env: Environment, warn: (line: string) => void): Local {
  if (target.kind === 'remote') {
    return refuse(
      'usage-invalid',
      'this works on the machine of the authority, not over --server',
      {
        next: 'run it there, or leave out --server and the context',
      },
    )
  }
  const dataDir = dataDirectory(env, target.dataDir)
  return {
    dataDir,
    init: ({ issuer }) =>
      createAuthority(dataDir, issuerOf(issuer ?? ISSUER_DEFAULT), env, localCaller()),
    backup: async (file, onProgress) =>
      (await import('./backup.ts')).backUp(dataDir, file, env, {
        caller: localCaller(),
        onProgress,
      }),
    restore: async (file) =>
      (await import('./backup.ts')).restore(dataDir, file, env, localCaller()),
    adopt: async () => (await import('./backup.ts')).adopt(dataDir, env, localCaller()),
    async serve({ listen, tlsCert, tlsKey, behindProxy, confirmClock }, onReady) {
      const { startServer } = await import('./server.ts')
      const { createAlarm } = await import('./feed-service.ts')
      const { servingClock, steadyMicros } = await import('./serving-clock.ts')
      const onFault = (fault: unknown, where: string): void => {
        process.stderr.write(`fault in ${where}: ${describe(fault)}\n`)
      }
      const clock = servingClock()
      const alarm = createAlarm(
        authorityFiles(dataDir).clockStepped,
        (line) => process.stderr.write(`${line}\n`),
        () => systemClock.now(),
      )
      const authority = openAuthority(dataDir, env, onFault, { clock, steadyMicros, alarm })
      const stopped = signalled()
      const running = await startServer(
        authority,
        {
          behindProxy,
          confirmClock,
          ...(listen === undefined ? {} : { listen }),
          ...(tlsCert === undefined ? {} : { tlsCertFile: tlsCert }),
          ...(tlsKey === undefined ? {} : { tlsKeyFile: tlsKey }),
        },
        { local: localCaller(), onFault, warn, runOnFrom: (micros) => clock.runOnFrom(micros) },
      )
      await onReady(running.serving)
      await stopped
      await running.stop()
    },
  }
}

const signalled = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
