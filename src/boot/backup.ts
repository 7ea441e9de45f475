import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Caller } from '#app/deps.ts'
import { type Reopened, reopen } from '#app/restore.ts'
import { showAuthority } from '#app/authority.ts'
import { epochOf } from '#domain/feed/position.ts'
import { newId } from '#kernel/identifier.ts'
import { formatInstant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { assertWhole, backupSqlite, retireSqlite } from '#store/sqlite/backup.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { auditEntry } from '#app/record.ts'
import { depsOf, makeFolder, openAuthority, refuseMissing } from './authority.ts'
import { readKeyEncryptionKey } from './key-encryption-key.ts'
import { takeLock } from './lock.ts'
import { authorityFiles, type AuthorityFiles, type Environment } from './paths.ts'
import { systemClock, systemEntropy } from './system.ts'

const BUSY_MS_MAX = 10_000

export interface BackedUp {
  readonly file: string
  readonly bytes: number
  readonly issuer: string
  readonly position: number
}

/** Copies the database of a running authority into a new file that only its owner can read. */
export async function backUp(
  directory: string,
  file: string,
  env: Environment,
  { caller, onProgress }: { caller: Caller; onProgress: (done: number, total: number) => void },
): Promise<BackedUp> {
  const files = authorityFiles(directory)
  if (!existsSync(files.database)) refuseMissing(directory)
  makeEmpty(file)
  try {
    await backupSqlite(files.database, file, onProgress)
    assertWhole(file)
  } catch (failure) {
    rmSync(file, { force: true })
    throw failure
  }
  sync(file)
  const authority = openAuthority(directory, env, () => undefined)
  const { deps } = authority
  try {
    const { issuer, position } = await showAuthority(deps)
    const requestId = newId('req', systemClock.now(), systemEntropy)
    const deed = { action: 'authority.backup', target: `authority:${issuer}` }
    const entry = auditEntry(deps, { caller, requestId }, deed, 'ok', { detail: { file } })
    await deps.store.write((tx) => tx.appendAudit(entry))
    return { file, bytes: statSync(file).size, issuer, position }
  } finally {
    await authority.close()
  }
}

export interface Restored extends Reopened {
  readonly dataDir: string
  /** Where the database that was there before is kept. */
  readonly replaced?: string
}

/**
 * Puts a backup in the place of the database, under a new epoch. The backup is checked and reopened
 * beside the old database first; only then, and while nobody can write, do the two change places.
 * Refusals: `authority-serving`, `store-corrupt`, `store-foreign`, `store-newer`, `key-locked`.
 */
export async function restore(
  directory: string,
  file: string,
  env: Environment,
  caller: Caller,
): Promise<Restored> {
  const files = authorityFiles(directory)
  if (!existsSync(file)) {
    refuse('request-invalid', `there is no file ${file}`, { next: 'name the backup to restore' })
  }
  makeFolder(directory)
  readKeyEncryptionKey(files.keyEncryptionKey, env)
  const release = takeLock(files.lock)
  const copy = `${files.database}.restoring`
  try {
    removeDatabase(copy)
    copyFileSync(file, copy)
    chmodSync(copy, 0o600)
    assertWhole(copy)
    const epochAbove = await epochReached(files.database)
    const reopened = await reopenCopy(copy, files, env, { caller, epochAbove })
    sync(copy)
    const replaced = swap(copy, files)
    return { ...reopened, dataDir: directory, ...(replaced === undefined ? {} : { replaced }) }
  } finally {
    removeDatabase(copy)
    release()
  }
}

async function reopenCopy(
  path: string,
  files: AuthorityFiles,
  env: Environment,
  { caller, epochAbove }: { caller: Caller; epochAbove: number },
): Promise<Reopened> {
  const store = openSqliteStore({ path, mode: 'open', busyTimeoutMs: 0 })
  try {
    const requestId = newId('req', systemClock.now(), systemEntropy)
    return await reopen(depsOf(store, files, env), { caller, requestId }, epochAbove)
  } finally {
    // The last to close folds the write-ahead log into the file, which can then be moved alone.
    await store.close()
  }
}

/** How far the database that is replaced had come; 0 where it cannot be read, or is not there. */
async function epochReached(path: string): Promise<number> {
  if (!existsSync(path)) return 0
  try {
    const store = openSqliteStore({ path, mode: 'open', busyTimeoutMs: BUSY_MS_MAX })
    try {
      return epochOf((await store.read((tx) => tx.feed())).position)
    } finally {
      await store.close()
    }
  } catch {
    return 0
  }
}

function swap(copy: string, files: AuthorityFiles): string | undefined {
  const { database, directory } = files
  const stamp = formatInstant(systemClock.now()).replaceAll(/[-:.]/g, '')
  const aside = `${database}.replaced-${stamp}`
  if (!existsSync(database)) {
    renameSync(copy, database)
    sync(directory)
    return undefined
  }
  const move = (): void => {
    renameSync(database, aside)
    for (const end of ['-wal', '-shm']) {
      if (existsSync(database + end)) renameSync(database + end, aside + end)
    }
    renameSync(copy, database)
    sync(directory)
  }
  try {
    retireSqlite(database, BUSY_MS_MAX, move)
  } catch (failure) {
    // A database too damaged to be opened holds nobody's writes; it only has to make room.
    if (existsSync(aside)) throw failure
    move()
  }
  return aside
}

function removeDatabase(path: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
}

function makeEmpty(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (failure) {
    const { code = 'error' } = failure as NodeJS.ErrnoException
    const why = code === 'EEXIST' ? 'it exists already, and is never written over' : code
    refuse('request-invalid', `${file} cannot be written: ${why}`, {
      next: `name a new file in a folder that you can write, not ${dirname(file)} if that is not one`,
      facts: { file },
    })
  }
}

/** Down to the disk: a file's bytes, or a folder's names. */
function sync(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
