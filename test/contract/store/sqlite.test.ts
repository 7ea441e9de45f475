import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { newFile } from './files.ts'
import { storeContract } from './suite.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

storeContract('SQLite, in a file', async () =>
  openSqliteStore({ path: newFile(folder), mode: 'create' }),
)
storeContract('SQLite, in memory', async () =>
  openSqliteStore({ path: ':memory:', mode: 'create' }),
)
