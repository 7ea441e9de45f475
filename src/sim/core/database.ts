import { nextTimeMicros } from '#domain/feed/authority-time.ts'
import type { FeedBodies } from '#domain/feed/body.ts'
import {
  advance,
  epochEntry,
  epochIsFull,
  type FeedEntry,
  type FeedOp,
  feedOrigin,
  type FeedState,
  nextEntry,
} from '#domain/feed/entry.ts'
import { ORIGIN, type Position } from '#domain/feed/position.ts'
import type { Key } from '#domain/keys/key.ts'
import type { Incarnation } from '#domain/proof/proof.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { refuse } from '#kernel/problem.ts'
import type { SimCredential } from './credentials.ts'

/** What is committed: all that survives a crash. */
export interface Rows {
  feed: FeedState
  readonly entries: FeedEntry[]
  /** The authority time at which each entry was appended, microseconds. */
  readonly entryMicros: number[]
  floor: Position
  readonly revocations: Map<string, Revocation>
  readonly credentials: Map<string, SimCredential>
  /** Disabled clients. */
  readonly disabled: Set<string>
  readonly keys: Map<string, Key>
  readonly incarnations: Map<string, Incarnation>
  /** What was answered to a request, by its id: the revocation that it made. */
  readonly replies: Map<string, string>
  policyVersion: number
}

const emptyRows = (timeMicros: number): Rows => ({
  feed: feedOrigin(timeMicros),
  entries: [],
  entryMicros: [],
  floor: ORIGIN,
  revocations: new Map(),
  credentials: new Map(),
  disabled: new Set(),
  keys: new Map(),
  incarnations: new Map(),
  replies: new Map(),
  policyVersion: 1,
})

/** Rows are replaced and never changed in place, so a copy of the tables is a copy of everything. */
const copyOf = (rows: Rows): Rows => ({
  ...rows,
  entries: [...rows.entries],
  entryMicros: [...rows.entryMicros],
  revocations: new Map(rows.revocations),
  credentials: new Map(rows.credentials),
  disabled: new Set(rows.disabled),
  keys: new Map(rows.keys),
  incarnations: new Map(rows.incarnations),
  replies: new Map(rows.replies),
})

/** The newest place of the feed as it is kept outside the database, where a restore cannot reach it. */
export interface Beside {
  readonly position: Position
  readonly chain: Uint8Array
  readonly timeMicros: number
}

/**
 * One database in memory. READ COMMITTED: every read sees what is committed at that moment, and what
 * its own transaction has written. It knows two locks: that of the feed's row, and that of lists.
 */
export class Database {
  rows: Rows
  beside: Beside
  /** Counts commits: the order in which things became true. */
  version = 0
  readonly feedRow = new Lock()
  readonly list = new Lock()
  #backup: Rows | undefined

  constructor(timeMicros: number) {
    this.rows = emptyRows(timeMicros)
    this.beside = this.rows.feed
  }

  begin(): Transaction {
    return new Transaction(this)
  }

  backUp(): void {
    this.#backup = copyOf(this.rows)
  }

  /** Puts the backup in the place of everything; answers whether there was one. */
  restore(): boolean {
    if (this.#backup === undefined) return false
    this.rows = copyOf(this.#backup)
    return true
  }

  /** Whether what is kept beside the database has seen more than the database knows. */
  get wasRestored(): boolean {
    const { position, chain } = this.beside
    if (this.rows.feed.position < position) return true
    return this.rows.feed.position === position && !equalBytes(this.rows.feed.chain, chain)
  }

  /** Written after a commit, and only forwards. */
  keepBeside(): void {
    if (this.beside.position < this.rows.feed.position) this.beside = this.rows.feed
  }
}

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/** One holder alone, or any number that share it; whoever comes first is served first. */
export class Lock {
  readonly #holders = new Set<object>()
  #isShared = false
  readonly #waiting: { readonly who: object; readonly isShared: boolean; resume: () => void }[] = []

  /** Whether it is held now; if not, `resume` is called when it is. */
  take(who: object, isShared: boolean, resume: () => void): boolean {
    if (this.#holders.has(who)) return true
    if (this.#waiting.length === 0 && this.#isFree(isShared)) {
      this.#grant(who, isShared)
      return true
    }
    this.#waiting.push({ who, isShared, resume })
    return false
  }

  release(who: object): void {
    const at = this.#waiting.findIndex((one) => one.who === who)
    if (0 <= at) this.#waiting.splice(at, 1)
    this.#holders.delete(who)
    for (let next = this.#waiting[0]; next !== undefined && this.#isFree(next.isShared);) {
      this.#waiting.shift()
      this.#grant(next.who, next.isShared)
      next.resume()
      next = this.#waiting[0]
    }
  }

  #isFree(isShared: boolean): boolean {
    return this.#holders.size === 0 || (isShared && this.#isShared)
  }

  #grant(who: object, isShared: boolean): void {
    this.#holders.add(who)
    this.#isShared = isShared
  }
}

type Table = 'revocations' | 'credentials' | 'keys' | 'incarnations'
type Row<T extends Table> = Rows[T] extends Map<string, infer R> ? R : never

/** What one transaction has written so far; nobody else sees it before its commit. */
export class Transaction {
  readonly #database: Database
  /** Made when something is written: most transactions write one thing, or nothing. */
  #entries: { readonly entry: FeedEntry; readonly timeMicros: number }[] | undefined
  readonly #tables: Partial<Record<Table, Map<string, unknown>>> = {}
  #changes: ((rows: Rows) => void)[] | undefined
  #feed: FeedState | undefined

  constructor(database: Database) {
    this.#database = database
  }

  get version(): number {
    return this.#database.version
  }

  /** For reading what nobody writes in the same transaction. */
  get rows(): Rows {
    return this.#database.rows
  }

  feed(): FeedState {
    return this.#feed ?? this.#database.rows.feed
  }

  find<T extends Table>(table: T, id: string): Row<T> | undefined {
    const rows = this.#database.rows[table] as unknown as ReadonlyMap<string, Row<T>>
    const mine = this.#tables[table] as ReadonlyMap<string, Row<T>> | undefined
    return mine?.get(id) ?? rows.get(id)
  }

  all<T extends Table>(table: T): Row<T>[] {
    const rows = this.#database.rows[table] as unknown as ReadonlyMap<string, Row<T>>
    const mine = this.#tables[table] as ReadonlyMap<string, Row<T>> | undefined
    if (mine === undefined) return [...rows.values()]
    return [...new Map([...rows, ...mine]).values()]
  }

  put<T extends Table>(table: T, id: string, row: Row<T>): void {
    this.#tables[table] ??= new Map()
    this.#tables[table].set(id, row)
  }

  /**
   * `UPDATE … SET`, or an upsert: what it sets is set in the row as it is when it is written, so that
   * two transactions that set different columns do not undo each other.
   */
  update<T extends Table>(
    table: T,
    id: string,
    set: (row: Row<T> | undefined) => Row<T> | undefined,
  ): void {
    this.change((rows) => {
      const into = rows[table] as unknown as Map<string, Row<T>>
      const next = set(into.get(id))
      if (next !== undefined) into.set(id, next)
    })
  }

  change(change: (rows: Rows) => void): void {
    this.#changes ??= []
    this.#changes.push(change)
  }

  /** `UPDATE feed SET time = greatest(time + 1 µs, clock) RETURNING …`; its row must be locked. */
  tick(clockMicros: number): FeedState {
    const state = this.feed()
    this.#feed = { ...state, timeMicros: nextTimeMicros(state, clockMicros) }
    return this.#feed
  }

  /** Appends one entry; the feed's row must be locked. A full epoch is succeeded first. */
  append<O extends FeedOp>(
    clockMicros: number,
    op: O,
    draft: (place: { readonly position: Position; readonly timeMicros: number }) => {
      readonly body: FeedBodies[O]
      readonly untilSeconds?: number | undefined
    },
  ): Position {
    if (epochIsFull(this.feed())) this.appendEntry(clockMicros, epochEntry(this.feed()))
    const state = this.feed()
    const timeMicros = nextTimeMicros(state, clockMicros)
    const position = (state.position + 1) as Position
    const { body, untilSeconds } = draft({ position, timeMicros })
    const entry = nextEntry(state, op, body, { untilSeconds })
    if (entry.position !== position) refuse('internal', 'an entry stands where it should not')
    this.#take(entry, timeMicros)
    return position
  }

  appendEntry(clockMicros: number, entry: FeedEntry): void {
    this.#take(entry, nextTimeMicros(this.feed(), clockMicros))
  }

  #take(entry: FeedEntry, timeMicros: number): void {
    this.#entries ??= []
    this.#entries.push({ entry, timeMicros })
    this.#feed = advance(entry, timeMicros)
  }

  /** Makes it durable, all at once; answers the place of this commit in the order of commits. */
  commit(): number {
    const { rows } = this.#database
    for (const table of Object.keys(this.#tables) as Table[]) {
      const into = rows[table] as Map<string, unknown>
      for (const [id, row] of this.#tables[table] ?? []) into.set(id, row)
    }
    for (const change of this.#changes ?? []) change(rows)
    for (const { entry, timeMicros } of this.#entries ?? []) {
      rows.entries.push(entry)
      rows.entryMicros.push(timeMicros)
    }
    if (this.#feed !== undefined) rows.feed = this.#feed
    return ++this.#database.version
  }
}
