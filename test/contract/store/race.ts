import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { credential } from './fixtures.ts'

/** What the threads share: how many have arrived at which round. */
export interface Race {
  readonly folder: string
  readonly arrivals: Int32Array
  readonly threads: number
  readonly rounds: number
  readonly name: number
}

const { folder, arrivals, threads, rounds, name } = workerData as Race
const problems: string[] = []
for (let round = 0; round < rounds; round++) {
  const path = join(folder, `race-${round}.db`)
  closeSync(openSync(path, 'a', 0o600))
  // All go at once, so that they meet in every step of making a database.
  Atomics.add(arrivals, 0, 1)
  while (Atomics.load(arrivals, 0) < threads * (round + 1));
  try {
    const store = openSqliteStore({ path, mode: 'create', busyTimeoutMs: 20_000 })
    await store.write((tx) => tx.insertCredentials([credential(`cred_${name}`)]))
    await store.close()
  } catch (thrown) {
    problems.push(`${round}: ${String(thrown)}`)
  }
}
parentPort?.postMessage(problems)
