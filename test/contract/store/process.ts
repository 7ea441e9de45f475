import { writeSync } from 'node:fs'
import { toProblem } from '#kernel/problem.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import type { StatusPlace } from '#domain/status-list/status-list.ts'
import type { Writing } from '#store/port.ts'
import { credential, NOW } from './fixtures.ts'

/**
 * One of several processes at a database: opens it, then inserts as many credentials as it is told,
 * each with a place in a status list and in a transaction of its own, and prints each id once it is
 * committed. A refusal is printed by its code, and ends it with status 1.
 */
const [path = '', mode = 'create', name = '', count = '0'] = process.argv.slice(2)

async function nextPlace(tx: Writing, newList: string): Promise<StatusPlace> {
  const taken = await tx.takeStatusPlaces(1, NOW)
  if (taken !== undefined) return { list: taken.list, index: taken.first }
  const rest = { seed: new Uint8Array(1), expiresAt: NOW, isAbandoned: false, openedAt: NOW }
  await tx.insertStatusList({ id: newList, size: 16, taken: 0, ...rest })
  return nextPlace(tx, newList)
}

try {
  const store = openSqliteStore({
    path,
    mode: mode === 'open' ? 'open' : 'create',
    busyTimeoutMs: 20_000,
  })
  for (let i = 0; i < Number(count); i++) {
    const id = `cred_${name}_${i}`
    await store.write(async (tx) => {
      const status = await nextPlace(tx, `${name}${i}`)
      await tx.insertCredentials([credential(id, { status })])
    })
    writeSync(1, `${id}\n`)
  }
  await store.read((tx) => tx.findCredential('any'))
  await store.close()
} catch (thrown) {
  const { code, next = '' } = toProblem(thrown)
  writeSync(1, `${code}: ${next}\n`)
  if (code === 'internal') throw thrown
  process.exitCode = 1
}
