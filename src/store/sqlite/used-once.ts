import type { Instant } from '#kernel/instant.ts'
import type { Connection } from './connection.ts'

/** Whether this is its first use; from now on it is not. */
export const useOnce = (db: Connection, hash: Uint8Array, until: Instant): boolean =>
  db.run('INSERT INTO used_once (hash, until_ms) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING', [
    hash,
    until,
  ]) === 1

export const isUsedOnce = (db: Connection, hash: Uint8Array): boolean =>
  db.get('SELECT 1 FROM used_once WHERE hash = ?', [hash]) !== undefined

export const isForgettingUsesDue = (db: Connection, before: Instant): boolean =>
  db.get('SELECT 1 FROM used_once WHERE until_ms < ? LIMIT 1', [before]) !== undefined

export const forgetUses = (db: Connection, before: Instant, limit: number): number =>
  db.run(
    `DELETE FROM used_once WHERE hash IN
       (SELECT hash FROM used_once WHERE until_ms < ? ORDER BY until_ms LIMIT ?)`,
    [before, limit],
  )
