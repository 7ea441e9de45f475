import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { showAuthority } from '#app/authority.ts'
import type { Caller } from '#app/deps.ts'
import { auditEntry } from '#app/record.ts'
import { type Reopened, reopen } from '#app/restore.ts'
import type { FeedState } from '#domain/feed/entry.ts'
import { epochOf, type Position } from '#domain/feed/position.ts'
import { newId } from '#kernel/identifier.ts'
import { formatInstant } from '#kernel/instant.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { assertWhole, backupSqlite, feedPosition, replaceSqlite } from '#store/sqlite/backup.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { depsOf, makeFolder, openAuthority, refuseMissing } from './authority.ts'
import { readKeyEncryptionKey } from './key-encryption-key.ts'
import { takeLock } from './lock.ts'
import { authorityFiles, type AuthorityFiles, type Environment } from './paths.ts'
import { keepPosition, readPosition } from './position-file.ts'
import { systemClock, systemEntropy } from './system.ts'

const BUSY_MS_MAX = 10_000

export interface BackedUp {
  readonly file: string
  readonly bytes: number
  readonly issuer: string
  /** How far the feed had come in the copy. */
  readonly position: number
}

/**
 * Copies the database of a running authority into a new file that only its owner can read, and records
 * that. What fails leaves no file. Refusals: those of opening the authority, `request-invalid`.
 */
export async function backUp(
  directory: string,
  file: string,
  env: Environment,
  { caller, onProgress }: { caller: Caller; onProgress: (done: number, total: number) => void },
): Promise<BackedUp> {
  const authority = openAuthority(directory, env, () => undefined)
  const { deps, files } = authority
  try {
    const { issuer } = await showAuthority(deps)
    makeEmpty(file)
    try {
      // A name that begins like a URI is a name nevertheless.
      const path = resolve(file)
      await backupSqlite(files.database, path, onProgress)
      assertWhole(path, file)
      const position = feedPosition(path, 0) ?? 0
      sync(path)
      sync(dirname(path))
      const requestId = newId('req', systemClock.now(), systemEntropy)
      const deed = { action: 'authority.backup', target: `authority:${issuer}` }
      const entry = auditEntry(deps, { caller, requestId }, deed, 'ok', { detail: { file } })
      await deps.store.write((tx) => tx.appendAudit(entry))
      return { file, bytes: statSync(file).size, issuer, position }
    } catch (failure) {
      removeDatabase(file)
      throw failure
    }
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
 * beside the old database first, and only then takes its place, while nobody can write.
 *
 * Refusals: `authority-serving`, `request-invalid`, `store-corrupt`, `store-foreign`, `store-newer`,
 * `authority-missing` (an empty file), `key-locked`, `store-busy`, `store-full`.
 */
export async function restore(
  directory: string,
  file: string,
  env: Environment,
  caller: Caller,
): Promise<Restored> {
  const files = authorityFiles(directory)
  refuseItself(file, files)
  readKeyEncryptionKey(files.keyEncryptionKey, env)
  const wasThere = existsSync(directory)
  makeFolder(directory)
  try {
    return await restoreLocked(file, files, env, caller)
  } catch (failure) {
    if (!wasThere) removeFolder(files)
    throw failure
  }
}

/**
 * Takes the database that lies there, an older one than was in use, under a new epoch.
 * Refusals: `authority-missing`, `authority-serving`, `key-locked`, `store-busy`.
 */
export async function adopt(
  directory: string,
  env: Environment,
  caller: Caller,
): Promise<Restored> {
  const files = authorityFiles(directory)
  if (!existsSync(files.database)) refuseMissing(directory)
  readKeyEncryptionKey(files.keyEncryptionKey, env)
  const release = takeLock(files.lock)
  try {
    const authority = openAuthority(directory, env, () => undefined)
    try {
      const requestId = newId('req', systemClock.now(), systemEntropy)
      const reopened = await reopen(authority.deps, { caller, requestId }, epochKept(files))
      return { ...reopened, dataDir: directory }
    } finally {
      await authority.close()
    }
  } finally {
    release()
  }
}

/** The epoch of the file beside the database: it may have seen more than any database that is left. */
function epochKept({ position }: AuthorityFiles): number {
  const kept = readPosition(position)
  return kept === undefined ? 0 : epochOf(kept.position)
}

async function restoreLocked(
  file: string,
  files: AuthorityFiles,
  env: Environment,
  caller: Caller,
): Promise<Restored> {
  const { database, directory } = files
  const release = takeLock(files.lock)
  const copy = `${database}.restoring`
  const aside = `${database}.replacing`
  try {
    removeDatabase(copy)
    removeDatabase(aside)
    takeIn(file, copy)
    assertWhole(copy, file)
    const epochAbove = Math.max(epochReached(database), epochKept(files))
    const { feed, ...reopened } = await reopenCopy({ copy, file }, files, env, {
      caller,
      epochAbove,
    })
    sync(copy)
    const replaced = await replace(files, copy, aside)
    keepPosition(files.position, feed)
    return { ...reopened, dataDir: directory, ...(replaced === undefined ? {} : { replaced }) }
  } finally {
    removeDatabase(copy)
    removeDatabase(aside)
    release()
  }
}

async function reopenCopy(
  { copy, file }: { readonly copy: string; readonly file: string },
  files: AuthorityFiles,
  env: Environment,
  { caller, epochAbove }: { caller: Caller; epochAbove: number },
): Promise<Reopened & { readonly feed: FeedState }> {
  const store = openSqliteStore({ path: copy, mode: 'open', shownAs: file, busyTimeoutMs: 0 })
  try {
    if ((await store.read((tx) => tx.authority())) === undefined) {
      refuse('store-foreign', `${file} holds no authority`, {
        next: 'name a file that `credctl backup` made',
        facts: { file },
      })
    }
    const requestId = newId('req', systemClock.now(), systemEntropy)
    const reopened = await reopen(depsOf(store, files, env), { caller, requestId }, epochAbove)
    return { ...reopened, feed: await store.read((tx) => tx.feed()) }
  } finally {
    // The last to close folds the write-ahead log into the file, which can then be moved alone.
    await store.close()
  }
}

/** How far the database that is replaced had come; 0 where that cannot be known, or it is not there. */
function epochReached(path: string): number {
  if (!existsSync(path)) return 0
  try {
    const position = feedPosition(path, BUSY_MS_MAX)
    return position === undefined ? 0 : epochOf(position as Position)
  } catch (failure) {
    if (isBeyondReading(failure)) return 0
    throw failure
  }
}

/** Too damaged to be read by anyone; a database that is merely busy or forbidden is not. */
const isBeyondReading = (failure: unknown): boolean =>
  failure instanceof Problem && failure.code === 'store-corrupt'

async function replace(
  { database, directory }: AuthorityFiles,
  copy: string,
  aside: string,
): Promise<string | undefined> {
  const stamp = formatInstant(systemClock.now()).replaceAll(/[-:.]/g, '')
  const kept = `${database}.replaced-${stamp}`
  if (existsSync(database)) {
    try {
      makeEmpty(aside)
      await replaceSqlite({ live: database, by: copy, aside }, BUSY_MS_MAX)
      sync(aside)
      renameSync(aside, kept)
      sync(directory)
      return kept
    } catch (failure) {
      if (!isBeyondReading(failure)) throw failure
    }
  }
  // Nobody can have written to what cannot be read. Its log goes with it: it fits no other database.
  const wasThere = existsSync(database)
  for (const end of ['', '-wal', '-shm']) {
    if (existsSync(database + end)) renameSync(database + end, kept + end)
  }
  renameSync(copy, database)
  sync(directory)
  return wasThere ? kept : undefined
}

/** A log beside the backup holds the latest of it, as where somebody copied a whole folder. */
function takeIn(file: string, copy: string): void {
  try {
    copyFileSync(file, copy)
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${copy}-wal`)
    for (const end of ['', '-wal']) if (existsSync(copy + end)) chmodSync(copy + end, 0o600)
  } catch (failure) {
    const { code = 'error' } = failure as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      refuse('store-full', `there is no space left for a copy of ${file} in ${dirname(copy)}`, {
        next: 'free space on its disk, then run the same command again',
        facts: { file },
      })
    }
    refuse('request-invalid', `${file} cannot be read: ${code}`, {
      next: 'name the backup to restore',
      facts: { file },
    })
  }
}

function refuseItself(file: string, { database }: AuthorityFiles): void {
  if (!existsSync(file)) {
    refuse('request-invalid', `there is no file ${file}`, { next: 'name the backup to restore' })
  }
  if (!existsSync(database) || realpathSync(file) !== realpathSync(database)) return
  refuse('request-invalid', `${file} is the database itself, and no backup of it`, {
    next: 'name the backup to restore',
    facts: { file },
  })
}

/** With everything that SQLite may have laid beside it. */
function removeDatabase(path: string): void {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(path + end, { force: true })
}

/** A folder that was made for nothing; whatever somebody else has put into it meanwhile stays. */
function removeFolder({ directory, lock }: AuthorityFiles): void {
  rmSync(lock, { force: true })
  try {
    rmdirSync(directory)
  } catch {
    // It is not empty, or not ours to remove; an empty folder harms nobody.
  }
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
