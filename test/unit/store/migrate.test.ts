import { describe, expect, it } from 'vitest'
import type { Migration } from '#store/migrations/migration.ts'
import { migrations, SCHEMA_VERSION } from '#store/migrations/all.ts'
import { connect, type Connection } from '#store/sqlite/connection.ts'
import { APPLICATION_ID, bringUpToDate } from '#store/sqlite/migrate.ts'

const inMemory = (): Connection => connect(':memory:', 0)
const pragma = (db: Connection, name: string): unknown => db.get(`PRAGMA ${name}`)?.[0]
const tables = (db: Connection): unknown[] =>
  db.all<[string]>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").flat()

const step = (version: number, sql: string): Migration => ({
  version,
  name: `step ${version}`,
  sql,
})
const first = step(1, 'CREATE TABLE one (x); INSERT INTO one VALUES (1)')
const second = step(2, 'CREATE TABLE two AS SELECT x FROM one')
const broken = step(3, 'CREATE TABLE three (x); INSERT INTO nowhere VALUES (1)')

describe('the migrations', () => {
  it('are numbered from 1 without gaps, and each has a name of its own', () => {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, i) => i + 1))
    expect(new Set(migrations.map(({ name }) => name)).size).toBe(migrations.length)
    expect(SCHEMA_VERSION).toBe(migrations.length)
  })

  it('make only STRICT tables, so that no column takes what it is not for', () => {
    const db = inMemory()
    bringUpToDate(db, 'create')
    const lax = db.all(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND NOT strict AND name NOT LIKE 'sqlite_%'",
    )
    expect(lax).toEqual([])
  })
})

describe('bringUpToDate', () => {
  it('makes an empty database, and a second time does nothing', () => {
    const db = inMemory()
    bringUpToDate(db, 'create', [first])
    bringUpToDate(db, 'create', [first])
    bringUpToDate(db, 'open', [first])
    expect(db.all('SELECT x FROM one')).toEqual([[1]])
    expect([pragma(db, 'user_version'), pragma(db, 'application_id')]).toEqual([1, APPLICATION_ID])
  })

  it('goes on from the version that it finds, keeping what is there', () => {
    const db = inMemory()
    bringUpToDate(db, 'create', [first])
    db.exec('INSERT INTO one VALUES (2)')
    bringUpToDate(db, 'open', [first, second])
    expect(db.all('SELECT x FROM two ORDER BY x')).toEqual([[1], [2]])
    expect(pragma(db, 'user_version')).toBe(2)
  })

  it('undoes all steps of a run in which one fails', () => {
    const db = inMemory()
    bringUpToDate(db, 'create', [first])
    expect(() => bringUpToDate(db, 'open', [first, second, broken])).toThrow('nowhere')
    expect([tables(db), pragma(db, 'user_version')]).toEqual([['one'], 1])
    expect(db.inTransaction()).toBe(false)
  })

  it('refuses what a later program made, and leaves it', () => {
    const db = inMemory()
    bringUpToDate(db, 'create', [first, second])
    expect(() => bringUpToDate(db, 'open', [first])).toThrow('versions up to 1')
    expect(pragma(db, 'user_version')).toBe(2)
  })
})

describe('a connection', () => {
  it('is durable and careful', () => {
    const db = inMemory()
    const names = [
      'synchronous',
      'foreign_keys',
      'recursive_triggers',
      'trusted_schema',
      'mmap_size',
    ]
    expect(names.map((name) => pragma(db, name))).toEqual([2, 1, 1, 0, undefined])
  })
})
