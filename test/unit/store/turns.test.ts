import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type Connection } from '#store/sqlite/connection.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import { takingTurns, transact } from '#store/sqlite/turns.ts'

let folder = ''
let db: Connection
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  const path = join(folder, 'a.db')
  closeSync(openSync(path, 'a', 0o600))
  db = connect(path, 0)
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x TEXT) STRICT')
})
afterEach(() => {
  db.close()
  rmSync(folder, { recursive: true })
})

const count = (): unknown => db.get('SELECT count(*) FROM t')?.[0]

describe('takingTurns', () => {
  it('runs one after the other, in order, whatever becomes of each', async () => {
    const turn = takingTurns()
    const log: string[] = []
    const work = (name: string, fails: boolean) => async () => {
      log.push(`${name} begins`)
      for (let i = 0; i < 20; i++) await Promise.resolve()
      log.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    }
    const all = await Promise.allSettled([
      turn(work('a', false)),
      turn(work('b', true)),
      turn(work('c', false)),
    ])
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  })
})

describe('transact', () => {
  const insert = (value: string, before?: Promise<unknown>) =>
    transact(
      db,
      'BEGIN IMMEDIATE',
      ({ use }) => use,
      async (use) => {
        use().run('INSERT INTO t VALUES (?)', [value])
        await before
      },
    )

  it('commits, and leaves no transaction open', async () => {
    await insert('a')
    expect([count(), db.inTransaction()]).toEqual([1, false])
  })

  it('stops work that waits for what is none of its own calls, and rolls it back', async () => {
    const never = new Promise(() => {})
    await expect(insert('a', never)).rejects.toThrow('awaited something other')
    expect([count(), db.inTransaction()]).toEqual([0, false])
    await insert('b')
    expect(count()).toBe(1)
  })

  it('lets long work pass that goes on calling', async () => {
    await transact(
      db,
      'BEGIN IMMEDIATE',
      ({ use }) => use,
      async (use) => {
        for (let i = 0; i < 500; i++) {
          for (let j = 0; j < 100; j++) await Promise.resolve()
          use().run('INSERT INTO t VALUES (?)', [`${i}`])
        }
      },
    )
    expect(count()).toBe(500)
  })

  it('refuses store-full when the disk is, and changes nothing', async () => {
    db.exec('PRAGMA max_page_count = 8')
    const full = insert('x'.repeat(100_000))
    await expect(full).rejects.toMatchObject({ code: 'store-full' })
    expect([count(), db.inTransaction()]).toEqual([0, false])
    await insert('small')
    expect(count()).toBe(1)
  })

  it('refuses store-busy while another connection writes', async () => {
    const other = connect(db.path, 0)
    other.exec('BEGIN IMMEDIATE')
    await expect(insert('a')).rejects.toMatchObject({ code: 'store-busy' })
    other.close()
    await insert('a')
    expect(count()).toBe(1)
  })
})

describe('a transaction inside another of the same store', () => {
  it.for(['read', 'write'] as const)('is a fault and not a hang: %s', async (kind) => {
    const store = openSqliteStore({ path: ':memory:', mode: 'create' })
    const nested = store.write(() => store[kind](async () => 'inner'))
    await expect(nested).rejects.toThrow('awaited something other')
    expect(await store.write(async () => 'goes on')).toBe('goes on')
    await store.close()
  })
})
