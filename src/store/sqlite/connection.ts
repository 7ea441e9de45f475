import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

export type Value = SQLInputValue

/** One connection, and the statements prepared on it so far. Everything it throws is SQLite's. */
export interface Connection {
  /** As refusals name it. */
  readonly path: string
  exec(sql: string): void
  /** Rows are tuples in the order of the columns; `Row` is the caller's word for their types. */
  all<Row extends readonly unknown[]>(sql: string, values?: readonly Value[]): Row[]
  get<Row extends readonly unknown[]>(sql: string, values?: readonly Value[]): Row | undefined
  /** How many rows it changed. */
  run(sql: string, values?: readonly Value[]): number
  inTransaction(): boolean
  close(): void
}

/** The statements differ by which filters are given; this is more than a program ever uses. */
const STATEMENTS_MAX = 256

/**
 * Opens an existing file, or memory. Never makes a file: SQLite would make it readable by others.
 *
 * `fullfsync` asks macOS to flush the drive's own cache too, without which FULL promises less there
 * than it says; elsewhere it does nothing. Memory-mapped reading stays off: a disk's read error
 * would be a signal that ends the process, where now it is a refusal.
 */
export function connect(path: string, busyTimeoutMs: number, shownAs = path): Connection {
  const database = new DatabaseSync(path === ':memory:' ? path : fileUri(path), {
    timeout: busyTimeoutMs,
    enableForeignKeyConstraints: true,
    returnArrays: true,
    defensive: true,
  })
  const connection = over(database, shownAs)
  try {
    connection.exec(`
      PRAGMA synchronous = FULL;
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
      PRAGMA recursive_triggers = ON;
      PRAGMA trusted_schema = OFF;
      PRAGMA cache_size = -16384;
      PRAGMA temp_store = MEMORY;
    `)
  } catch (failure) {
    database.close()
    throw failure
  }
  return connection
}

function over(database: DatabaseSync, path: string): Connection {
  const statements = new Map<string, StatementSync>()
  const prepared = (sql: string): StatementSync => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    if (statements.size < STATEMENTS_MAX) statements.set(sql, statement)
    return statement
  }
  return {
    path,
    exec: (sql) => database.exec(sql),
    all: <Row>(sql: string, values: readonly Value[] = []) =>
      prepared(sql).all(...values) as unknown[] as Row[],
    get: <Row>(sql: string, values: readonly Value[] = []) =>
      prepared(sql).get(...values) as unknown as Row | undefined,
    run: (sql, values = []) => Number(prepared(sql).run(...values).changes),
    inTransaction: () => database.isOpen && database.isTransaction,
    close: () => {
      if (database.isOpen) database.close()
    },
  }
}

/** `mode=rw`: read and write, but do not create (https://sqlite.org/uri.html). */
function fileUri(path: string): string {
  const slashed = /^[A-Za-z]:[\\/]/.test(path) ? `/${path.replaceAll('\\', '/')}` : path
  const escaped = slashed.replace(/[%?#]/g, (it) => encodeURIComponent(it))
  // Two slashes at the start would name a host.
  return `file:${escaped.replace(/^\/\/+/, '/')}?mode=rw`
}

/** What we got wrong ourselves: it is not refused but stops the transaction. */
export function assert(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message)
}
