import type { Instant } from '#kernel/instant.ts'
import type { StoredReply } from '#store/port.ts'
import { assert, type Connection } from './connection.ts'

type Row = readonly [fingerprint: string, result: string]

export function findReply(db: Connection, actor: string, key: string): StoredReply | undefined {
  const sql = 'SELECT fingerprint, result FROM reply WHERE actor = ? AND idempotency_key = ?'
  const row = db.get<Row>(sql, [actor, key])
  if (row === undefined) return undefined
  const [fingerprint, result] = row
  return { actor, key, fingerprint, result: JSON.parse(result) as unknown }
}

export function insertReply(db: Connection, reply: StoredReply, at: Instant): void {
  const { actor, key, fingerprint, result } = reply
  const changed = db.run('INSERT INTO reply VALUES (?, ?, ?, ?, ?)', [
    actor,
    key,
    fingerprint,
    JSON.stringify(result),
    at,
  ])
  assert(changed === 1, 'a reply was not stored')
}

export const isForgettingDue = (db: Connection, before: Instant): boolean =>
  db.get('SELECT 1 FROM reply WHERE at_ms < ? LIMIT 1', [before]) !== undefined

export const forgetReplies = (db: Connection, before: Instant, limit: number): number =>
  db.run(
    `DELETE FROM reply WHERE (actor, idempotency_key) IN
       (SELECT actor, idempotency_key FROM reply WHERE at_ms < ? ORDER BY at_ms LIMIT ?)`,
    [before, limit],
  )
