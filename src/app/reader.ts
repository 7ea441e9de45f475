import type { Reading } from '#store/port.ts'
import type { Deps } from './deps.ts'

/** Runs a piece of reading: within a transaction that is under way, or each in one of its own. */
export type Reader = <T>(work: (tx: Reading) => Promise<T>) => Promise<T>

export const within =
  (tx: Reading): Reader =>
  (work) =>
    work(tx)

/**
 * Each piece in a transaction of its own, and between two of them everybody else has a turn: a database
 * in the same process answers without one, and while a million rows are looked at in one go nobody is
 * given a head. What is read so is no snapshot.
 */
export function beside({ store, clock }: Deps): Reader {
  let isFirst = true
  return async (work) => {
    if (!isFirst) await clock.sleep(0)
    isFirst = false
    return store.read(work)
  }
}
