import { chmodSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { refuse } from '#kernel/problem.ts'

/**
 * An exclusive transaction in an SQLite file of its own says who serves. The kernel gives it back
 * when the process ends, however it ends; a process id in a file would outlive its process.
 */
export function takeLock(file: string): () => void {
  const lock = new DatabaseSync(file)
  try {
    lock.exec('PRAGMA busy_timeout = 0')
    lock.exec('BEGIN EXCLUSIVE')
    chmodSync(file, 0o600)
  } catch {
    lock.close()
    refuse('authority-serving', 'another `credctl serve` serves this authority', {
      next: 'use it, or stop it first',
      facts: { lock: file },
    })
  }
  return () => lock.close()
}
