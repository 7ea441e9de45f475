import { backup, DatabaseSync } from 'node:sqlite'
import { refuse } from '#kernel/problem.ts'
import { connect } from './connection.ts'
import { fromSqlite } from './failure.ts'

/** Pages between which writers get their turn: about half a megabyte. */
const PAGES_PER_STEP = 128

/**
 * Copies a live database, whole and consistent, into an existing empty file; nobody has to stop.
 * Refusals as for opening a store.
 */
export async function backupSqlite(
  source: string,
  target: string,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  try {
    const database = new DatabaseSync(source, { readOnly: true })
    try {
      await backup(database, target, {
        rate: PAGES_PER_STEP,
        progress: ({ totalPages, remainingPages }) =>
          onProgress(totalPages - remainingPages, totalPages),
      })
    } finally {
      database.close()
    }
  } catch (thrown) {
    throw fromSqlite(thrown, source)
  }
}

/** Reads every page and index: a copy that is damaged is found out now, and not when it is needed. */
export function assertWhole(path: string): void {
  let findings: readonly (readonly [string])[]
  try {
    const db = connect(path, 0)
    try {
      findings = db.all<readonly [string]>('PRAGMA quick_check(5)')
    } finally {
      db.close()
    }
  } catch (thrown) {
    throw fromSqlite(thrown, path)
  }
  const [first] = findings
  if (findings.length === 1 && first?.[0] === 'ok') return
  refuse('store-corrupt', `${path} is damaged: ${first?.[0] ?? 'it cannot be checked'}`, {
    next: 'take another backup',
    facts: { path },
  })
}

/**
 * Takes a database out of use for good, also for processes that hold it open: they keep the file when
 * it is renamed, and what they wrote there would be acknowledged and lost.
 *
 * `move` runs while nobody else can write. Afterwards the file is a record to look at.
 */
export function retireSqlite(path: string, busyTimeoutMs: number, move: () => void): void {
  try {
    const db = connect(path, busyTimeoutMs)
    try {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      db.exec('BEGIN EXCLUSIVE')
      db.exec('ALTER TABLE feed RENAME TO feed_before_restore')
      move()
      db.exec('COMMIT')
    } finally {
      db.close()
    }
  } catch (thrown) {
    throw fromSqlite(thrown, path)
  }
}
