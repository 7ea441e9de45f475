import type { Store } from '#store/port.ts'
import { connect, type Connection } from './connection.ts'
import { fromSqlite } from './failure.ts'
import { assertDurable, bringUpToDate } from './migrate.ts'
import { readingOn, writingOn } from './transaction.ts'
import { takingTurns, transact } from './turns.ts'

const BUSY_TIMEOUT_MS = 5000

export interface SqliteStoreOptions {
  /** A file that exists (this room makes none), or `:memory:`. */
  readonly path: string
  /** `create` makes the tables in an empty file; `open` refuses one. */
  readonly mode: 'create' | 'open'
  /** How refusals name the file, where it stands for another one; its path unless told. */
  readonly shownAs?: string
  /** How long to wait for another process's transaction; 5000 unless told. */
  readonly busyTimeoutMs?: number
}

/**
 * A store in one SQLite file: one connection that writes, and one that reads beside it.
 *
 * Refusals: `authority-missing` (an empty file, mode `open`), `store-corrupt`, `store-foreign`,
 * `store-newer`, `store-denied` (also for a file that is not there), `store-busy`, `store-full`.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  const { path, shownAs = path, busyTimeoutMs = BUSY_TIMEOUT_MS } = options
  const writer = refusing(shownAs, () => opened(options, busyTimeoutMs))
  const writerTurn = takingTurns()

  // A database in memory belongs to its connection: a second one would see another, empty one.
  let reader: Connection | undefined = path === ':memory:' ? writer : undefined
  const readerTurn = reader === undefined ? takingTurns() : writerTurn

  return {
    read: (work) =>
      readerTurn(() => {
        reader ??= refusing(shownAs, () => connectedToRead(path, busyTimeoutMs, shownAs))
        return transact(reader, 'BEGIN DEFERRED', readingOn, work)
      }),
    write: (work) => writerTurn(() => transact(writer, 'BEGIN IMMEDIATE', writingOn, work)),
    // The writer goes last: the last to close folds the log into the file, which a reader may not.
    close: () =>
      readerTurn(async () => {
        if (reader !== writer) reader?.close()
        return path === ':memory:' ? writer.close() : writerTurn(async () => writer.close())
      }),
  }
}

function opened({ path, mode, shownAs }: SqliteStoreOptions, busyTimeoutMs: number): Connection {
  const db = connect(path, busyTimeoutMs, shownAs)
  try {
    bringUpToDate(db, mode)
    assertDurable(db)
    return db
  } catch (failure) {
    db.close()
    throw failure
  }
}

function connectedToRead(path: string, busyTimeoutMs: number, shownAs: string): Connection {
  const db = connect(path, busyTimeoutMs, shownAs)
  // Lists read on and on and come back to nothing, so most of a large cache would only be memory.
  db.exec('PRAGMA query_only = ON; PRAGMA cache_size = -4096')
  return db
}

function refusing<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    throw fromSqlite(thrown, path)
  }
}
