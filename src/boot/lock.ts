import { chmodSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Problem, refuse } from '#kernel/problem.ts'
import { fromSqlite } from '#store/sqlite/failure.ts'

/**
 * An exclusive transaction in an SQLite file of its own says who serves. The kernel gives it back
 * when the process ends, however it ends; a process id in a file would outlive its process.
 */
export function takeLock(file: string): () => void {
  const lock = opened(file)
  try {
    lock.exec('PRAGMA busy_timeout = 0')
    lock.exec('BEGIN EXCLUSIVE')
    chmodSync(file, 0o600)
  } catch (failure) {
    lock.close()
    const problem = fromSqlite(failure, file)
    if (!(problem instanceof Problem) || problem.code !== 'store-busy') throw problem
    refuse('authority-serving', 'another `credctl serve` serves this authority', {
      next: 'use it, or stop it first',
      facts: { lock: file },
    })
  }
  return () => lock.close()
}

function opened(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file)
  } catch (failure) {
    throw fromSqlite(failure, file)
  }
}
