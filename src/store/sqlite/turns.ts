import { assert, type Connection } from './connection.ts'
import { fromSqlite } from './failure.ts'

/** Runs what it is given one after the other, in the order given, whatever becomes of each. */
export function takingTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work)
    last = result.then(nothing, nothing)
    return result
  }
}

const nothing = (): void => {}

/** One transaction under way. */
export interface Turn {
  /** The connection, for one call; asserts that the transaction has not ended. */
  readonly use: () => Connection
}

interface Progress {
  over: boolean
  calls: number
}

/**
 * Between one call of `tx` and the next, `work` may let this many microtasks pass. Code that awaits
 * nothing but `tx` needs a few for each function between.
 */
const IDLE_TURNS_MAX = 10_000

/** Begins, works, commits; what is thrown on the way rolls back and goes on, as a refusal of ours. */
export async function transact<Tx, T>(
  db: Connection,
  begin: 'BEGIN DEFERRED' | 'BEGIN IMMEDIATE',
  on: (turn: Turn) => Tx,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const progress: Progress = { over: false, calls: 0 }
  try {
    db.exec(begin)
    const tx = on({
      use: () => {
        assert(!progress.over, 'a transaction was used after its end')
        progress.calls++
        return db
      },
    })
    const result = await Promise.race([work(tx), stalled(progress)])
    progress.over = true
    db.exec('COMMIT')
    return result
  } catch (thrown) {
    progress.over = true
    // A full disk may have rolled back already.
    if (db.inTransaction()) db.exec('ROLLBACK')
    throw fromSqlite(thrown, db.path)
  }
}

/**
 * Rejects when `work` awaits something other than `tx`: a network, a timer, or another transaction of
 * this very store, which waits for this one to end and so would hang for ever. All calls here settle
 * within microtasks, so whoever lets thousands pass without one is waiting for something else.
 */
async function stalled(progress: Progress): Promise<never> {
  let calls = progress.calls
  for (let idle = 0; idle < IDLE_TURNS_MAX; idle++) {
    await Promise.resolve()
    if (progress.over) return new Promise<never>(nothing)
    if (calls !== progress.calls) {
      calls = progress.calls
      idle = 0
    }
  }
  throw new Error('a transaction awaited something other than its own calls')
}
