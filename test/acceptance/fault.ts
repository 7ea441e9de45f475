import { writeFileSync } from 'node:fs'
import { DatabaseSync, StatementSync } from 'node:sqlite'

/**
 * Loaded into the program before it starts (`node --import fault.ts?…`): it stands between the program
 * and node:sqlite, and changes nothing in either. Its query says what goes wrong:
 *
 * - `kill=N`: SIGKILL at the N-th point, counted from 1. A point is before each statement, and one more
 *   is after each COMMIT, when all is done and nobody has been told.
 * - `within=write`: only points in transactions that write are counted, their BEGIN and COMMIT included.
 * - `pages=N`: no connection may grow its database beyond N pages: the disk is full.
 * - `report=FILE`: at the end the points that were passed are written there, as JSON.
 */
const given = new URL(import.meta.url).searchParams
const killAt = Number(given.get('kill') ?? Infinity)
const isWriteOnly = given.get('within') === 'write'
const pages = given.get('pages')
const report = given.get('report')

const points: string[] = []
let isWriting = false

function pass(point: string): void {
  if (isWriteOnly && !isWriting) return
  points.push(point)
  if (points.length < killAt) return
  process.kill(process.pid, 'SIGKILL')
  // The signal may take a moment to arrive; not one more statement is run meanwhile.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
}

function around<T>(sql: string, run: () => T): T {
  if (sql === 'BEGIN IMMEDIATE') isWriting = true
  pass(sql)
  const result = run()
  if (sql === 'COMMIT') pass('after COMMIT')
  if (sql === 'COMMIT' || sql === 'ROLLBACK') isWriting = false
  return result
}

// oxlint-disable-next-line typescript/unbound-method -- it is called with its own `this` below
const { exec } = DatabaseSync.prototype
const limited = new WeakSet<DatabaseSync>()
DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
  if (pages !== null && !limited.has(this)) {
    limited.add(this)
    exec.call(this, `PRAGMA max_page_count = ${pages}`)
  }
  around(sql, () => exec.call(this, sql))
}

for (const name of ['run', 'get', 'all'] as const) {
  const original = StatementSync.prototype[name] as (...values: unknown[]) => unknown
  const wrapped = function (this: StatementSync, ...values: unknown[]): unknown {
    return around(this.sourceSQL, () => original.apply(this, values))
  }
  Object.defineProperty(StatementSync.prototype, name, { value: wrapped })
}

if (report !== null) process.on('exit', () => writeFileSync(report, JSON.stringify(points)))
