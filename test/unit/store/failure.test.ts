import { describe, expect, it } from 'vitest'
import { Problem, rowOf } from '#kernel/problem.ts'
import { fromSqlite } from '#store/sqlite/failure.ts'

const thrown = (errcode: number): Error =>
  Object.assign(new Error('from SQLite'), { code: 'ERR_SQLITE_ERROR', errcode })

describe('fromSqlite', () => {
  it.for([
    [5, 'SQLITE_BUSY', 'store-busy'],
    [261, 'SQLITE_BUSY_RECOVERY', 'store-busy'],
    [6, 'SQLITE_LOCKED', 'store-busy'],
    [15, 'SQLITE_PROTOCOL', 'store-busy'],
    [13, 'SQLITE_FULL', 'store-full'],
    [4874, 'SQLITE_IOERR_SHMSIZE', 'store-full'],
    [3, 'SQLITE_PERM', 'store-denied'],
    [8, 'SQLITE_READONLY', 'store-denied'],
    [1032, 'SQLITE_READONLY_DBMOVED', 'store-denied'],
    [14, 'SQLITE_CANTOPEN', 'store-denied'],
    [10, 'SQLITE_IOERR', 'store-denied'],
    [266, 'SQLITE_IOERR_READ', 'store-denied'],
    [11, 'SQLITE_CORRUPT', 'store-corrupt'],
    [26, 'SQLITE_NOTADB', 'store-corrupt'],
    [8458, 'SQLITE_IOERR_CORRUPTFS', 'store-corrupt'],
  ] as const)('%i (%s) is %s', ([errcode, , code]) => {
    const cause = thrown(errcode)
    const problem = fromSqlite(cause, '/data/a.db')
    expect(problem).toBeInstanceOf(Problem)
    expect(problem).toMatchObject({
      code,
      cause,
      facts: { path: '/data/a.db', sqliteCode: errcode },
    })
    expect((problem as Problem).message).toContain('/data/a.db')
    expect((problem as Problem).next).toMatch(/./)
  })

  it('says that busy and full may be tried again, and the others may not', () => {
    const retries = [5, 13, 8, 11].map(
      (it) => rowOf((fromSqlite(thrown(it), '') as Problem).code).retry,
    )
    expect(retries).toEqual([true, true, undefined, undefined])
  })

  it('passes on what is our own fault, and what is not of SQLite', () => {
    const faults = [thrown(19), thrown(2067), thrown(1), new Error('other'), 'text', undefined]
    expect(faults.map((it) => fromSqlite(it, ''))).toEqual(faults)
    const problem = new Problem('plan-drift', 'ours')
    expect(fromSqlite(problem, '')).toBe(problem)
  })
})
