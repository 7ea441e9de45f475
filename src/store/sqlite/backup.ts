import { backup, DatabaseSync } from 'node:sqlite'
import { Problem, refuse } from '#kernel/problem.ts'
import { connect, type Connection } from './connection.ts'
import { fromSqlite } from './failure.ts'

/** Pages between which writers get their turn: about half a megabyte. */
const PAGES_PER_STEP = 128

/**
 * Copies a live database, whole and of one instant, into an existing empty file, which needs no other
 * beside it; nobody has to stop. Refusals as for opening a store.
 */
export async function backupSqlite(
  source: string,
  target: string,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  await copyPages(source, target, onProgress)
  // It was copied as one that has a log, and whoever looked into it would make one.
  reading(target, target, 0, (db) => db.exec('PRAGMA journal_mode = DELETE'))
}

async function copyPages(
  source: string,
  target: string,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<void> {
  try {
    const database = new DatabaseSync(source, { readOnly: true })
    try {
      // One snapshot for all of it: else every write of somebody else makes it begin anew.
      database.exec('BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1')
      await backup(database, target, {
        rate: PAGES_PER_STEP,
        progress: ({ totalPages, remainingPages }) =>
          onProgress(totalPages - remainingPages, totalPages),
      })
    } finally {
      database.close()
    }
  } catch (thrown) {
    const problem = fromSqlite(thrown, source)
    const isTargets = problem instanceof Problem && problem.code === 'store-full'
    throw isTargets ? fromSqlite(thrown, target) : problem
  }
}

/**
 * Reads every page and index: a copy that is damaged is found out now, and not when it is needed.
 * Refusals name it as `shownAs`.
 */
export function assertWhole(path: string, shownAs: string = path): void {
  const findings = reading(path, shownAs, 0, (db) =>
    db.all<readonly [string]>('PRAGMA quick_check(5)'),
  )
  const [first] = findings
  if (findings.length === 1 && first?.[0] === 'ok') return
  refuse('store-corrupt', `${shownAs} is damaged: ${first?.[0] ?? 'it cannot be checked'}`, {
    next: 'take another backup',
    facts: { path: shownAs },
  })
}

/** What the feed is called between the end of one database and the beginning of the next. */
const RETIRED = 'feed_before_restore'

/**
 * How far the feed of a database has come, whatever its schema, and also where a restore was cut
 * short; `undefined` where it holds none. Refusals as for opening a store.
 */
export const feedPosition = (path: string, busyTimeoutMs: number): number | undefined =>
  reading(path, path, busyTimeoutMs, (db) => {
    const name = feedName(db)
    return name === undefined
      ? undefined
      : db.get<readonly [number]>(`SELECT position FROM ${name}`)?.[0]
  })

const feedName = (db: Connection): string | undefined =>
  db.get<readonly [string]>(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('feed', '${RETIRED}')`,
  )?.[0]

function reading<T>(
  path: string,
  shownAs: string,
  busyTimeoutMs: number,
  work: (db: Connection) => T,
): T {
  try {
    const db = connect(path, busyTimeoutMs, shownAs)
    try {
      return work(db)
    } finally {
      db.close()
    }
  } catch (thrown) {
    throw fromSqlite(thrown, shownAs)
  }
}

export interface Replacement {
  /** The database in use. */
  readonly live: string
  /** What it is to hold from now on. */
  readonly by: string
  /** An empty file, for what it held. */
  readonly aside: string
}

/**
 * Gives a database another content, in its own file. Whoever has it open goes on with the new content:
 * were the file replaced, they would write to one that nobody reads, and the last of them to leave
 * would remove the write-ahead log of its successor, which has the same name.
 *
 * What was there is copied aside while nobody can write. Then its feed is put away, so that nothing is
 * written that would be lost; cut short from there on, the database refuses everything until it is
 * replaced again. Refusals: those of opening a store; `store-corrupt` also where it holds no feed.
 */
export async function replaceSqlite(
  { live, by, aside }: Replacement,
  busyTimeoutMs: number,
): Promise<void> {
  try {
    const db = connect(live, busyTimeoutMs)
    try {
      await retire(db, live, aside)
      await overwrite(db, live, by)
      // Synced as this connection demands it; the one that copied has settings of its own.
      db.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } finally {
      db.close()
    }
  } catch (thrown) {
    throw fromSqlite(thrown, live)
  }
}

async function retire(db: Connection, live: string, aside: string): Promise<void> {
  db.exec('BEGIN IMMEDIATE')
  try {
    const name = feedName(db) ?? refuse('store-corrupt', `${live} holds no feed`)
    await backupSqlite(live, aside)
    if (name !== RETIRED) db.exec(`ALTER TABLE ${name} RENAME TO ${RETIRED}`)
    db.exec('COMMIT')
  } catch (failure) {
    if (db.inTransaction()) db.exec('ROLLBACK')
    throw failure
  }
}

/** How often somebody may be found writing, which without a feed is all in vain and soon over. */
const OVERWRITES_MAX = 100

async function overwrite(db: Connection, live: string, by: string): Promise<void> {
  for (let i = 1; ; i++) {
    try {
      return await copyPages(by, live)
    } catch (failure) {
      if (i === OVERWRITES_MAX || !isBusy(failure)) {
        db.exec(`ALTER TABLE ${RETIRED} RENAME TO feed`)
        throw failure
      }
      // Copying does not wait for whoever writes; to take the lock does.
      db.exec('BEGIN IMMEDIATE; ROLLBACK')
    }
  }
}

/** Node reports a target that is busy as "not an error", with the result code 0. */
const isBusy = (failure: unknown): boolean =>
  (failure instanceof Problem && failure.code === 'store-busy') ||
  (failure as { readonly errcode?: unknown }).errcode === 0
