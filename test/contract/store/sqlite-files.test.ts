import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Problem } from '#kernel/problem.ts'
import type { Store } from '#store/port.ts'
import { SCHEMA_VERSION } from '#store/migrations/all.ts'
import { APPLICATION_ID } from '#store/sqlite/migrate.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { newFile, runProcess } from './files.ts'
import { auditEntry, client, credential, NOW, refusalOf } from './fixtures.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const openAt = (path: string, mode: 'create' | 'open' = 'open'): Store =>
  openSqliteStore({ path, mode, busyTimeoutMs: 0 })

/** A database with something in it, closed. */
async function madeDatabase(path: string = newFile(folder), credentials = 0): Promise<string> {
  const store = openAt(path, 'create')
  await store.write(async (tx) => {
    await tx.createAuthority({ issuer: 'http://127.0.0.1:7420', createdAt: NOW })
    await tx.insertCredentials(
      Array.from({ length: credentials }, (_, i) => credential(`cred_${i}`)),
    )
  })
  await store.close()
  return path
}

/** Works on the file behind the store's back. */
function behind<T>(path: string, work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path)
  try {
    return work(database)
  } finally {
    database.close()
  }
}

function problemOf(work: () => unknown): Problem {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown
    throw thrown
  }
  throw new Error('not refused')
}

describe('the file of a store', () => {
  it('is ours, of the newest schema, with a write-ahead log', async () => {
    const path = await madeDatabase()
    const found = behind(path, (database) =>
      ['application_id', 'user_version', 'journal_mode'].map((name) =>
        Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {}),
      ),
    )
    expect(found).toEqual([[APPLICATION_ID], [SCHEMA_VERSION], ['wal']])
  })

  it('is readable by its owner alone, and so are the files beside it', async () => {
    const path = newFile(folder)
    const store = openAt(path, 'create')
    await store.write((tx) => tx.insertClient(client('a')))
    await store.read((tx) => tx.findClient('a'))
    const modes = ['', '-wal', '-shm'].map((suffix) => statSync(path + suffix).mode & 0o777)
    expect(modes).toEqual([0o600, 0o600, 0o600])
    await store.close()
  })

  it('is one file again once the store is closed', async () => {
    const path = await madeDatabase()
    expect(['-wal', '-shm', '-journal'].filter((suffix) => existsSync(path + suffix))).toEqual([])
  })

  it.for(['a b', '100%', 'what?', 'a#b', 'é', "it's"])('may be called %s', async (name) => {
    const path = join(folder, name)
    writeFileSync(path, '', { mode: 0o600 })
    await madeDatabase(path)
    expect(statSync(path).size).toBeGreaterThan(0)
    const store = openAt(path)
    expect(await store.read((tx) => tx.authority())).toBeDefined()
    await store.close()
  })

  it('keeps what was written when it is opened again, in either mode', async () => {
    const path = await madeDatabase()
    for (const mode of ['open', 'create'] as const) {
      const store = openAt(path, mode)
      expect(await store.read((tx) => tx.authority())).toBeDefined()
      await store.close()
    }
  })

  it('gets its log back where a copy came without one', async () => {
    const path = await madeDatabase()
    const copy = join(folder, 'copy.db')
    behind(path, (database) => database.exec(`VACUUM INTO '${copy}'`))
    const store = openAt(copy)
    expect(await store.read((tx) => tx.authority())).toBeDefined()
    await store.close()
    expect(behind(copy, (it) => it.prepare('PRAGMA journal_mode').get())).toEqual({
      journal_mode: 'wal',
    })
  })
})

describe('opening refuses, and changes nothing:', () => {
  it.for(['open', 'create'] as const)('a file that is not there (mode %s)', (mode) => {
    const path = join(folder, 'none.db')
    expect(problemOf(() => openAt(path, mode)).code).toBe('store-denied')
    expect(existsSync(path)).toBe(false)
  })

  it('an empty file, where it was not to be made', () => {
    const path = newFile(folder)
    const problem = problemOf(() => openAt(path))
    expect([problem.code, problem.next]).toEqual([
      'authority-missing',
      expect.stringContaining('credctl init'),
    ])
    expect(statSync(path).size).toBe(0)
  })

  it.for([
    ['a text', Buffer.from('dear diary, this is no database; '.repeat(400))],
    ['zeros', Buffer.alloc(8192)],
    ['a short text', Buffer.from('hello')],
  ] as const)('what is no database: %s', ([, bytes]) => {
    const path = join(folder, 'text.db')
    writeFileSync(path, bytes)
    for (const mode of ['open', 'create'] as const) {
      const problem = problemOf(() => openAt(path, mode))
      expect([problem.code, problem.next]).toEqual([
        'store-corrupt',
        expect.stringContaining('credctl restore'),
      ])
    }
    expect(readFileSync(path)).toEqual(bytes)
  })

  it.for([
    ['tables and no name', 'CREATE TABLE theirs (x)'],
    ['another name', 'PRAGMA application_id = 7; CREATE TABLE theirs (x)'],
    ['another name and nothing else', 'PRAGMA application_id = 7'],
    ['a version of its own', 'PRAGMA user_version = 1'],
  ] as const)('the database of another program: %s', ([, sql]) => {
    const path = newFile(folder)
    behind(path, (database) => database.exec(sql))
    const before = readFileSync(path)
    for (const mode of ['open', 'create'] as const) {
      expect(problemOf(() => openAt(path, mode)).code).toBe('store-foreign')
    }
    expect(readFileSync(path)).toEqual(before)
  })

  it('a database that is newer than the program, naming both versions', async () => {
    const path = await madeDatabase()
    behind(path, (it) => it.exec('PRAGMA user_version = 99; CREATE TABLE later (x)'))
    const before = readFileSync(path)
    for (const mode of ['open', 'create'] as const) {
      const problem = problemOf(() => openAt(path, mode))
      expect(problem.code).toBe('store-newer')
      expect(problem.message).toContain('schema version 99')
      expect(problem.facts).toEqual({ path, version: 99, known: SCHEMA_VERSION })
    }
    expect(readFileSync(path)).toEqual(before)
  })

  it('a file that was cut short', async () => {
    const path = await madeDatabase(newFile(folder), 2000)
    truncateSync(path, statSync(path).size / 2)
    expect(problemOf(() => openAt(path)).code).toBe('store-corrupt')
  })

  it('a page that was overwritten, when it is read', async () => {
    const path = await madeDatabase(newFile(folder), 2000)
    const bytes = readFileSync(path)
    // The tables' own description is in the first half.
    bytes.fill(0xa5, bytes.length / 2)
    writeFileSync(path, bytes)
    const store = openAt(path)
    const read = store.read((tx) => tx.listCredentials({}, { limit: 5000 }))
    expect(await refusalOf(read)).toBe('store-corrupt')
    await store.close()
  })
})

describe('a database that another connection holds', () => {
  it('is opened and read without waiting, and its writes are refused when time is up', async () => {
    const path = await madeDatabase()
    const holder = new DatabaseSync(path)
    holder.exec('BEGIN IMMEDIATE')
    const store = openAt(path)
    expect(await store.read((tx) => tx.authority())).toBeDefined()
    expect(await refusalOf(store.write((tx) => tx.insertClient(client('a'))))).toBe('store-busy')
    holder.exec('ROLLBACK')
    holder.close()
    await store.write((tx) => tx.insertClient(client('a')))
    await store.close()
  })

  it('shows a reader its snapshot while another process writes', async () => {
    const path = await madeDatabase()
    const store = openAt(path)
    const seen = await store.read(async (tx) => {
      const before = await tx.findClient('a')
      behind(path, (database) =>
        database.exec(
          "INSERT INTO client VALUES ('a', 'low', '', '', '', '[]', 'enabled', '{}', 0)",
        ),
      )
      return [before, await tx.findClient('a')]
    })
    expect(seen).toEqual([undefined, undefined])
    expect(await store.read((tx) => tx.findClient('a'))).toBeDefined()
    await store.close()
  })
})

describe('the audit log in the database', () => {
  it.for([
    "UPDATE audit SET outcome = 'ok'",
    'DELETE FROM audit',
    "INSERT OR REPLACE INTO audit SELECT n, id, 0, '', '', '', '', '', '', '', 0, '' FROM audit",
    "REPLACE INTO audit SELECT NULL, id, 0, '', '', '', '', '', '', '', 0, '' FROM audit",
  ])('refuses %s', async (sql) => {
    const path = await madeDatabase()
    const store = openAt(path)
    await store.write((tx) => tx.appendAudit(auditEntry('aud_1')))
    await store.close()
    expect(() => behind(path, (database) => database.exec(sql))).toThrow('append only')
    const again = openAt(path)
    const { items } = await again.read((tx) => tx.listAudit({}, { limit: 9 }))
    expect(items).toEqual([auditEntry('aud_1')])
    await again.close()
  })
})

/** File modes mean nothing to the superuser, so it steps down. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

describe.runIf(process.platform !== 'win32')('permissions', () => {
  it.for([
    ['a file that may only be read', 0o700, 0o400],
    ['a file that may not be read', 0o700, 0o000],
    ['a folder that may not be entered', 0o000, 0o600],
    ['a folder in which nothing may be made', 0o500, 0o600],
  ] as const)('refuse %s', async ([, folderMode, fileMode]) => {
    const path = await madeDatabase()
    if (isRoot) for (const it of [folder, path]) chownSync(it, NOBODY, NOBODY)
    chmodSync(path, fileMode)
    chmodSync(folder, folderMode)
    const { lines, status } = await runProcess(
      [path, 'open', 'a', '1'],
      isRoot ? { uid: NOBODY } : {},
    )
    chmodSync(folder, 0o700)
    expect(lines).toEqual([expect.stringMatching(/^store-denied: .*permissions/)])
    expect(status).toBe(1)
  })
})
