import { Problem } from '#kernel/problem.ts'
import type { Store, Writing } from '#store/port.ts'

/** One transaction takes no more than this many, so that other writers get their turn. */
const GROUP_MAX = 256

export interface GroupCommit<G> {
  /**
   * Does `work` in a transaction that it shares with others, and answers once that is durable. A work
   * that throws a `Problem` fails alone, and what it wrote before stays: it refuses first and writes
   * then. Anything else it throws undoes the transaction, and each is tried again in one of its own.
   */
  submit<T>(work: (tx: Writing, ground: G) => Promise<T>): Promise<T>
}

interface Item<G> {
  readonly work: (tx: Writing, ground: G) => Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
}

type Outcome = { readonly value: unknown } | { readonly problem: Problem }

/**
 * Group commit: whatever comes in while the last transaction was being made durable shares the next
 * one, so that one wait for the disk serves many. `ground` is read first, once for all of them.
 */
export function createGroupCommit<G>(
  store: Store,
  ground: (tx: Writing) => Promise<G>,
  endOfTick: () => Promise<void>,
): GroupCommit<G> {
  const queue: Item<G>[] = []
  let isRunning = false
  const run = async (): Promise<void> => {
    await endOfTick()
    while (0 < queue.length) {
      await commit(store, ground, queue.splice(0, GROUP_MAX))
      await endOfTick()
    }
    isRunning = false
  }
  return {
    submit: <T>(work: Item<G>['work'] & ((tx: Writing, ground: G) => Promise<T>)) =>
      new Promise<T>((resolve, reject) => {
        queue.push({ work, resolve: resolve as Item<G>['resolve'], reject })
        if (isRunning) return
        isRunning = true
        void run()
      }),
  }
}

async function commit<G>(
  store: Store,
  ground: (tx: Writing) => Promise<G>,
  group: readonly Item<G>[],
): Promise<void> {
  let outcomes: Outcome[]
  try {
    outcomes = await store.write(async (tx) => {
      const shared = await ground(tx)
      const done: Outcome[] = []
      for (const { work } of group) done.push(await attempt(tx, shared, work))
      return done
    })
  } catch (thrown) {
    if (thrown instanceof Problem || group.length === 1) {
      for (const { reject } of group) reject(thrown)
      return
    }
    for (const item of group) await commit(store, ground, [item])
    return
  }
  for (const [i, { resolve, reject }] of group.entries()) {
    const outcome = outcomes[i]
    if (outcome !== undefined && 'value' in outcome) resolve(outcome.value)
    else reject(outcome?.problem)
  }
}

async function attempt<G>(tx: Writing, ground: G, work: Item<G>['work']): Promise<Outcome> {
  try {
    return { value: await work(tx, ground) }
  } catch (thrown) {
    if (thrown instanceof Problem) return { problem: thrown }
    throw thrown
  }
}
