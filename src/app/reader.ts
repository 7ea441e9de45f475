import type { Selector } from '#domain/revocation/revocation.ts'
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

/** Of a list as long as this, what goes over all of it takes a good part of a second. */
const LONG_MIN = 50_000

/** Lets everybody else have a turn between two pieces of work that go over a whole selector. */
export const restBetween = async ({ clock }: Deps, { tokens }: Selector): Promise<void> => {
  if (LONG_MIN < (tokens?.length ?? 0)) await clock.sleep(0)
}
