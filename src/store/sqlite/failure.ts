import { Problem, type ProblemCode, refuse } from '#kernel/problem.ts'

interface Refusal {
  readonly code: ProblemCode
  readonly says: string
  readonly next: string
}

const busy: Refusal = {
  code: 'store-busy',
  says: 'another process has held the database for longer than this one may wait',
  next: 'try again; if it stays so, look for a backup or another credctl that hangs',
}
/** `replaceSqlite` has taken the feed away, and the database that it brings is not there yet. */
const replacing: Refusal = {
  code: 'store-busy',
  says: 'a restore is replacing the database',
  next: 'try again; if it stays so, the restore was cut short: run credctl restore FILE again',
}
const full: Refusal = {
  code: 'store-full',
  says: 'there is no space left for the database; nothing was changed',
  next: 'free space on its disk, then run the same command again',
}
const denied: Refusal = {
  code: 'store-denied',
  says: 'the database may not be read and written by this user',
  next: 'run as the user who owns the data folder, or mend the permissions of the folder and its files',
}
const unopened: Refusal = {
  ...denied,
  says: 'the database, or a file beside it, is missing or may not be opened by this user',
}
const failing: Refusal = {
  code: 'store-denied',
  says: 'the disk failed to read or write the database',
  next: 'look at the system log for errors of the disk or the mount before anything else is written',
}
const corrupt: Refusal = {
  code: 'store-corrupt',
  says: 'the database is damaged, or is no database',
  next: 'keep the file as it is for examination, and bring back the last good copy: credctl restore FILE',
}

/** By primary result code (https://sqlite.org/rescode.html). What is not here is our own fault. */
const refusals: Readonly<Record<number, Refusal>> = {
  3: denied, // SQLITE_PERM
  5: busy, // SQLITE_BUSY
  6: busy, // SQLITE_LOCKED
  8: denied, // SQLITE_READONLY
  10: failing, // SQLITE_IOERR
  11: corrupt, // SQLITE_CORRUPT
  13: full, // SQLITE_FULL
  14: unopened, // SQLITE_CANTOPEN
  15: busy, // SQLITE_PROTOCOL: the write-ahead log's locks were contended for too long
  23: denied, // SQLITE_AUTH
  26: corrupt, // SQLITE_NOTADB
}

/** Extended codes that say more than their primary one. */
const extended: Readonly<Record<number, Refusal>> = {
  4874: full, // SQLITE_IOERR_SHMSIZE: the shared-memory file could not grow
  8202: corrupt, // SQLITE_IOERR_DATA: a checksum does not hold
  8458: corrupt, // SQLITE_IOERR_CORRUPTFS
}

/**
 * The one place where SQLite's errors become ours. What SQLite did not throw, and what is no state of
 * the world (a broken constraint, a wrong statement), comes back as it is.
 */
export function fromSqlite(thrown: unknown, path: string): unknown {
  const errcode = errcodeOf(thrown)
  if (errcode === undefined) return thrown
  const isReplaced = /^no such table: (?:main\.)?feed$/.test((thrown as Error).message)
  const refusal = isReplaced ? replacing : (extended[errcode] ?? refusals[errcode & 0xff])
  if (refusal === undefined) return thrown
  return new Problem(refusal.code, `${refusal.says}: ${path}`, {
    next: refusal.next,
    facts: { path, sqliteCode: errcode },
    cause: thrown,
  })
}

const errcodeOf = (thrown: unknown): number | undefined =>
  thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number'
    ? thrown.errcode
    : undefined

export const refuseEmpty = (path: string): never =>
  refuse('authority-missing', `no authority was made in ${path}: the file is empty`, {
    next: 'run `credctl init`; if there was an authority, bring it back: credctl restore FILE',
    facts: { path },
  })

export const refuseForeign = (path: string, applicationId: number): never =>
  refuse('store-foreign', `${path} is the database of another program; nothing was changed`, {
    next: 'name the data folder of an authority with --data-dir, or choose an empty one',
    facts: { path, applicationId },
  })

export const refuseNewer = (path: string, version: number, known: number): never =>
  refuse(
    'store-newer',
    `${path} has schema version ${version} and this program knows versions up to ${known}; nothing was changed`,
    {
      next: 'run the release that wrote it, or a later one; schemas only go forward',
      facts: { path, version, known },
    },
  )
