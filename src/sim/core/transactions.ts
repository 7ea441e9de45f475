import type { Chance } from '#sim/chance.ts'
import { Problem } from '#kernel/problem.ts'
import type { Database, Transaction } from './database.ts'
import type { EventHeap } from './heap.ts'

/**
 * What a transaction does next: another statement, or one that takes a lock first. Between any two
 * of them other transactions do theirs.
 */
export type Statement = 'next' | 'feed-row' | 'list-shared' | 'list-exclusive'
export type Statements<T> = Generator<Statement, T, undefined>

export interface Work<T> {
  readonly run: (tx: Transaction) => Statements<T>
  /** It is durable; `version` is its place in the order of commits. Called in the same instant. */
  readonly committed?: (result: T, version: number) => void
  /** Its caller hears of it, unless the node crashed in between. */
  readonly done: (result: T | Problem) => void
}

export interface Pace {
  /** From one statement to the next, microseconds. */
  readonly statementMicros: number
  /** How many statements take much longer, and how long at most. */
  readonly slowRatio: number
  readonly slowMicrosMax: number
}

interface Running {
  readonly node: number
  readonly tx: Transaction
  readonly statements: Statements<unknown>
  readonly work: Work<unknown>
  state: 'running' | 'committing' | 'committed' | 'aborted'
  result: unknown
}

/**
 * Runs transactions statement by statement, each statement an event of its own: so two of them are
 * interleaved in every way in which a database may interleave them. A crash of their node leaves
 * what was committed, and nothing else.
 */
export class Transactions {
  readonly #database: Database
  readonly #heap: EventHeap
  readonly #kind: number
  readonly #chance: Chance
  readonly #pace: () => Pace
  readonly #committed: () => void
  readonly #running = new Set<Running>()

  constructor(
    database: Database,
    heap: EventHeap,
    options: {
      readonly kind: number
      readonly chance: Chance
      readonly pace: () => Pace
      /** Called after every commit, when its own caller knows of it. */
      readonly committed: () => void
    },
  ) {
    this.#database = database
    this.#heap = heap
    this.#kind = options.kind
    this.#chance = options.chance
    this.#pace = options.pace
    this.#committed = options.committed
  }

  begin<T>(node: number, work: Work<T>): void {
    const tx = this.#database.begin()
    const running: Running = {
      node,
      tx,
      statements: work.run(tx),
      work: work as Work<unknown>,
      state: 'running',
      result: undefined,
    }
    this.#running.add(running)
    this.#later(running)
  }

  /** The next statement of a transaction has its turn. */
  step(value: unknown): void {
    const running = value as Running
    if (running.state === 'aborted') return
    if (running.state === 'committing') this.#commit(running)
    else if (running.state === 'committed') this.#finish(running, running.result)
    else this.#advance(running)
  }

  /** Whoever ran on this node is gone; what was committed stays, and nobody is told. */
  crash(node: number): void {
    for (const running of this.#running) if (running.node === node) this.#abort(running)
  }

  #advance(running: Running): void {
    try {
      const { done, value } = running.statements.next()
      if (done === true) {
        running.result = value
        running.state = 'committing'
        this.#later(running)
      } else if (this.#hasLock(running, value)) this.#later(running)
    } catch (thrown) {
      if (!(thrown instanceof Problem)) throw thrown
      this.#abort(running)
      running.work.done(thrown)
    }
  }

  #hasLock(running: Running, statement: Statement): boolean {
    if (statement === 'next') return true
    const { feedRow, list } = this.#database
    const lock = statement === 'feed-row' ? feedRow : list
    return lock.take(running, statement === 'list-shared', () => this.#later(running))
  }

  #commit(running: Running): void {
    const version = running.tx.commit()
    this.#release(running)
    running.state = 'committed'
    running.work.committed?.(running.result, version)
    this.#committed()
    this.#later(running)
  }

  #finish(running: Running, result: unknown): void {
    this.#running.delete(running)
    running.work.done(result)
  }

  #abort(running: Running): void {
    const hasLocks = running.state !== 'committed'
    running.state = 'aborted'
    this.#running.delete(running)
    if (hasLocks) this.#release(running)
  }

  #release(running: Running): void {
    this.#database.feedRow.release(running)
    this.#database.list.release(running)
  }

  #later(running: Running): void {
    const { statementMicros, slowRatio, slowMicrosMax } = this.#pace()
    const chance = this.#chance
    const micros = chance.happens(slowRatio)
      ? chance.between(statementMicros, slowMicrosMax)
      : chance.between(1, 2 * statementMicros)
    this.#heap.push(this.#heap.nowMicros + micros, this.#kind, running.node, 0, running)
  }
}
