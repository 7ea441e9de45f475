import { chmodSync, closeSync, existsSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { initAuthority } from '#app/authority.ts'
import type { Caller, Deps } from '#app/deps.ts'
import { lazyConditions, lazyForeignIssuers, lazyIdentityTokens } from './foreign-issuers.ts'
import type { Transport } from '#contract/transport.ts'
import { defaultPolicy } from '#domain/policy/policy.ts'
import { newId } from '#kernel/identifier.ts'
import { refuse } from '#kernel/problem.ts'
import { createDispatch, type Dispatch } from '#server/dispatch.ts'
import { createOperations } from '#server/operations.ts'
import { recordScopeRefusal } from '#server/scope-refusal.ts'
import { createNodeSigner } from '#signer/node-signer.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import type { Store } from '#store/port.ts'
import { ensureKeyEncryptionKey, readKeyEncryptionKey } from './key-encryption-key.ts'
import { type AuthorityFiles, authorityFiles, type Environment } from './paths.ts'
import { keepPosition, watchingPosition } from './position-file.ts'
import { systemClock, systemEntropy } from './system.ts'
import { VERSION } from './version.ts'
import { watchingFeed } from './watched-feed.ts'

/** Another process holds the database at most for its own transaction; this is many of those. */
const BUSY_MS_MAX = 10_000

export interface OpenAuthority {
  readonly deps: Deps
  readonly dispatch: Dispatch
  readonly files: AuthorityFiles
  /** Where whoever serves this authority in another way reports what nobody foresaw. */
  readonly onFault: FaultLog
  /** Tells of every commit of this process that appended to the feed. */
  onFeedMoved(listener: () => void): void
  close(): Promise<void>
}

/** What only a server has beside what every command has. */
export type ServingDeps = Partial<Pick<Deps, 'clock' | 'steadyMicros' | 'alarm'>>

export type FaultLog = (fault: unknown, where: string) => void

/** Opens the authority of a data folder, or refuses `authority-missing`. */
export function openAuthority(
  directory: string,
  env: Environment,
  onFault: FaultLog,
  serving: ServingDeps = {},
): OpenAuthority {
  const files = authorityFiles(directory)
  if (!existsSync(files.database)) refuseMissing(directory)
  const opened = openSqliteStore({ path: files.database, mode: 'open', busyTimeoutMs: BUSY_MS_MAX })
  const kept = watchingPosition(opened, files.position, systemClock)
  const listeners: (() => void)[] = []
  const store = watchingFeed(kept, () => {
    for (const listener of listeners) listener()
  })
  const deps = { ...depsOf(store, files, env), ...serving }
  const dispatch = createDispatch(createOperations(deps), {
    onScopeRefused: (call, caller, problem) => recordScopeRefusal(deps, call, caller, problem),
    onFault: (fault, call) => onFault(fault, `${call.operation} ${call.requestId}`),
  })
  return {
    deps,
    dispatch,
    files,
    onFault,
    onFeedMoved: (listener) => void listeners.push(listener),
    close: () => store.close(),
  }
}

export const refuseMissing = (directory: string): never =>
  refuse('authority-missing', `there is no authority in ${directory}`, {
    next: 'run `credctl init` to make one, or name one with --data-dir, --server or a context',
    facts: { dataDir: directory },
  })

export function depsOf(store: Store, files: AuthorityFiles, env: Environment): Deps {
  let key: Uint8Array | undefined
  const signer = createNodeSigner(() => (key ??= readKeyEncryptionKey(files.keyEncryptionKey, env)))
  return {
    store,
    signer,
    clock: systemClock,
    entropy: systemEntropy,
    policy: defaultPolicy,
    foreignIssuers: lazyForeignIssuers(),
    identityTokens: lazyIdentityTokens(),
    conditions: lazyConditions,
    version: VERSION,
  }
}

export interface Initialised {
  readonly issuer: string
  readonly dataDir: string
  readonly keyId: string
}

/**
 * Makes an authority: the folder 0700, the key-encryption key and the database 0600, the first
 * signing key. Cut short at any point it can be run again; run on a whole one it refuses.
 */
export async function createAuthority(
  directory: string,
  issuer: string,
  env: Environment,
  caller: Caller,
): Promise<Initialised> {
  const files = authorityFiles(directory)
  makeFolder(directory)
  refuseShared(directory)
  ensureKeyEncryptionKey(files.keyEncryptionKey, env, systemEntropy)
  makeFile(files.database)
  const store = openSqliteStore({
    path: files.database,
    mode: 'create',
    busyTimeoutMs: BUSY_MS_MAX,
  })
  try {
    const requestId = newId('req', systemClock.now(), systemEntropy)
    const deps = depsOf(store, files, env)
    const { keyId } = await initAuthority(deps, { caller, requestId }, issuer, directory)
    // A position that lies there is that of an authority which is no more.
    rmSync(files.position, { force: true })
    keepPosition(files.position, await store.read((tx) => tx.feed()))
    return { issuer, dataDir: directory, keyId }
  } finally {
    await store.close()
  }
}

/** Makes a folder and those above it, open to nobody else. */
export function makeFolder(directory: string): void {
  try {
    if (makeBelow(directory)) chmodSync(directory, 0o700)
  } catch (failure) {
    refuseUnwritable(directory, failure)
  }
}

/** Whoever can write in the folder can put files of his own in the place of ours. */
function refuseShared(directory: string): void {
  const { mode } = statSync(directory)
  if (process.platform === 'win32' || (mode & 0o022) === 0) return
  refuse(
    'store-denied',
    `others can write in ${directory}, and so could replace the authority in it`,
    {
      next: 'name a folder of its own with --data-dir; one that is not there is made as it has to be',
      facts: { path: directory },
    },
  )
}

/**
 * Makes what is missing of a path; whether the last of it was. Node's own `recursive` never returns
 * where a parent is there and yet reports ENOENT, as /proc does.
 */
function makeBelow(directory: string): boolean {
  try {
    mkdirSync(directory, { mode: 0o700 })
    return true
  } catch (failure) {
    const { code } = failure as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(directory).isDirectory()) return false
    const parent = dirname(directory)
    if (code !== 'ENOENT' || existsSync(parent) || parent === directory) throw failure
    makeBelow(parent)
    // Once more from the top: another process may have made it since, and that is as good.
    return makeBelow(directory)
  }
}

/** Makes the file before SQLite does, so that it is never readable by others, not for an instant. */
function makeFile(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600))
    chmodSync(file, 0o600)
  } catch (failure) {
    refuseUnwritable(file, failure)
  }
}

const refuseUnwritable = (path: string, failure: unknown): never =>
  refuse(
    'store-denied',
    `${path} cannot be written (${(failure as NodeJS.ErrnoException).code ?? 'error'})`,
    { next: 'name another folder with --data-dir, or mend its permissions', facts: { path } },
  )

/**
 * Carries calls to an authority in this very process. What goes in passes through JSON as on a wire;
 * what comes out has been made anew by the contract's schemas, which leave nothing that JSON would
 * change, and a million rows need not be written and read once more.
 */
export function embeddedTransport(dispatch: Dispatch, caller: Caller): Transport {
  return (call) => dispatch(JSON.parse(JSON.stringify(call)) as typeof call, caller)
}
