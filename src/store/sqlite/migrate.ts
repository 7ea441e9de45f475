import { migrations } from '#store/migrations/all.ts'
import type { Migration } from '#store/migrations/migration.ts'
import { assert, type Connection } from './connection.ts'
import { refuseEmpty, refuseForeign, refuseNewer } from './failure.ts'

/** `cred` in ASCII: how `file` and we tell our database from any other one of SQLite. */
export const APPLICATION_ID = 0x63726564

/** How often two processes may cross each other's way to the write-ahead log. */
const LOG_SWITCHES_MAX = 100

/**
 * Brings a database to this program's schema, or refuses it unchanged: `store-foreign`,
 * `store-newer`, `authority-missing` for an empty file that was to be opened and not made.
 *
 * One that is up to date is only read: a command line opens it at every command, and must neither
 * wait for a writer nor make one wait.
 */
export function bringUpToDate(
  db: Connection,
  mode: 'create' | 'open',
  steps: readonly Migration[] = migrations,
): void {
  const version = schemaVersion(db, steps.length)
  if (version === 0 && mode === 'open') refuseEmpty(db.path)
  ensureLog(db)
  if (version === steps.length) return

  db.exec('BEGIN IMMEDIATE')
  try {
    // Whoever held the lock before us may have done some of it.
    for (const { version: target, sql } of steps.slice(schemaVersion(db, steps.length))) {
      db.exec(sql)
      db.exec(`PRAGMA user_version = ${target}; PRAGMA application_id = ${APPLICATION_ID}`)
    }
    db.exec('COMMIT')
  } catch (failure) {
    if (db.inTransaction()) db.exec('ROLLBACK')
    throw failure
  }
}

/** One statement, hence one snapshot: between two, another process may have made the database. */
const IDENTITY = `SELECT application_id, user_version, EXISTS (SELECT 1 FROM sqlite_schema)
  FROM pragma_application_id, pragma_user_version`

/** 0 for an empty database; refuses what is not ours to touch. */
function schemaVersion(db: Connection, known: number): number {
  const row = db.get<[number, number, number]>(IDENTITY)
  assert(row !== undefined, 'the database does not say what it is')
  const [applicationId, version, hasTables] = row
  const isNew = applicationId === 0 && version === 0 && hasTables === 0
  if (applicationId !== APPLICATION_ID && !isNew) refuseForeign(db.path, applicationId)
  if (known < version) refuseNewer(db.path, version, known)
  return version
}

/**
 * Sees to the write-ahead log. It lasts in the file, so this asks and mostly does nothing; a file
 * brought back from a backup has none yet.
 *
 * The switch cannot wait for another process that is switching too: that would be a deadlock, so
 * SQLite says busy at once. A lock that can be waited for shows when the other is done.
 */
function ensureLog(db: Connection): void {
  for (let i = 0; i < LOG_SWITCHES_MAX; i++) {
    const journal = pragma(db, 'journal_mode')
    if (journal === 'wal' || journal === 'memory') return
    try {
      db.exec('PRAGMA journal_mode = WAL')
    } catch (failure) {
      if (i + 1 === LOG_SWITCHES_MAX) throw failure
      db.exec('BEGIN IMMEDIATE; ROLLBACK')
    }
  }
}

/** Without FULL a power cut may undo what a responder was told is done. */
export function assertDurable(db: Connection): void {
  const synchronous = pragma(db, 'synchronous')
  assert(
    synchronous === 2 || synchronous === 3,
    `synchronous is ${String(synchronous)}, below FULL`,
  )
}

const pragma = (db: Connection, name: string): unknown => db.get(`PRAGMA ${name}`)?.[0]
