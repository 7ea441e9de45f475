import type { Tier } from '#domain/client/client.ts'
import { type Instant, toSeconds } from '#kernel/instant.ts'
import type { PurgeStep } from '#store/port.ts'
import type { Connection } from './connection.ts'

type Row = readonly [n: number, tier: Tier, expiresSeconds: number]

/** Where the purge of a tier stopped: numbers are never used twice, so what comes later is behind it. */
const cursorOf = (db: Connection, tier: Tier): number =>
  db.get<readonly [number]>('SELECT n FROM purge WHERE tier = ?', [tier])?.[0] ?? 0

const next = (db: Connection, after: number, limit: number): Row[] =>
  db.all<Row>('SELECT n, tier, expires_s FROM credential WHERE n > ? ORDER BY n LIMIT ?', [
    after,
    limit,
  ])

/** Whether a step would remove or pass anything: one row read, and nothing locked. */
export function isPurgeDue(db: Connection, tier: Tier, expiredBefore: Instant): boolean {
  const [first] = next(db, cursorOf(db, tier), 1)
  return first !== undefined && passes(first, tier, toSeconds(expiredBefore))
}

/** Rows of other tiers are passed over, those of this one only when they may go. */
const passes = ([, tier, expiresSeconds]: Row, of: Tier, boundSeconds: number): boolean =>
  tier !== of || expiresSeconds < boundSeconds

export function purgeCredentials(
  db: Connection,
  tier: Tier,
  expiredBefore: Instant,
  limit: number,
): PurgeStep {
  const boundSeconds = toSeconds(expiredBefore)
  const begun = cursorOf(db, tier)
  let cursor = begun
  let removed = 0
  const rows = next(db, begun, limit)
  for (const row of rows) {
    if (!passes(row, tier, boundSeconds)) break
    cursor = row[0]
    if (row[1] === tier) removed += db.run('DELETE FROM credential WHERE n = ?', [cursor])
  }
  if (cursor !== begun) {
    db.run('INSERT INTO purge VALUES (?, ?) ON CONFLICT (tier) DO UPDATE SET n = excluded.n', [
      tier,
      cursor,
    ])
  }
  return { removed, isDone: rows.length < limit || cursor !== rows.at(-1)?.[0] }
}
