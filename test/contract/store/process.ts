import { writeSync } from 'node:fs'
import { toProblem } from '#kernel/problem.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { credential } from './fixtures.ts'

/**
 * One of several processes at a database: opens it, then inserts as many credentials as it is told,
 * each in a transaction of its own, and prints each id once it is committed. A refusal is printed by
 * its code, and ends it with status 1.
 */
const [path = '', mode = 'create', name = '', count = '0'] = process.argv.slice(2)

try {
  const store = openSqliteStore({
    path,
    mode: mode === 'open' ? 'open' : 'create',
    busyTimeoutMs: 20_000,
  })
  for (let i = 0; i < Number(count); i++) {
    const id = `cred_${name}_${i}`
    await store.write((tx) => tx.insertCredentials([credential(id)]))
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
