import type { FeedEntry, FeedOp, FeedState } from '#domain/feed/entry.ts'
import { epochOf, opensEpoch, type Position, successorOf } from '#domain/feed/position.ts'
import { instant } from '#kernel/instant.ts'
import type { AuthorityRecord, Divergence } from '#store/port.ts'
import { assert, type Connection } from './connection.ts'
import { member } from './values.ts'

export function findAuthority(db: Connection): AuthorityRecord | undefined {
  const row = db.get<[string, number]>('SELECT issuer, created_ms FROM authority')
  return row === undefined ? undefined : { issuer: row[0], createdAt: instant(row[1]) }
}

export function createAuthority(db: Connection, { issuer, createdAt }: AuthorityRecord): void {
  db.run('INSERT INTO authority (one, issuer, created_ms) VALUES (1, ?, ?)', [issuer, createdAt])
}

export function feedState(db: Connection): FeedState {
  const row = db.get<[Position, Uint8Array, number]>(
    'SELECT position, chain, time_micros FROM feed',
  )
  assert(row !== undefined, 'the feed has no row')
  const [position, chain, timeMicros] = row
  return { position, chain, timeMicros }
}

const MOVE = `UPDATE feed SET position = ?1, chain = ?2, time_micros = ?3
  WHERE position = ?4 AND time_micros < ?3`

export function appendFeed(db: Connection, entry: FeedEntry, timeMicros: number): void {
  const { position, op, bytes, chain, untilSeconds } = entry
  const before = feedState(db).position
  const moved =
    isSuccessor(before, position, op) && db.run(MOVE, [position, chain, timeMicros, before]) === 1
  assert(moved, `entry ${position} at ${timeMicros} µs does not follow ${before}`)
  db.run('INSERT INTO feed_entry (position, op, bytes, chain, until_s) VALUES (?, ?, ?, ?, ?)', [
    position,
    op,
    bytes,
    chain,
    untilSeconds ?? null,
  ])
}

const TICK = `UPDATE feed SET time_micros = max(time_micros + 1, ?)
  RETURNING position, chain, time_micros`

/** One statement, so that no other node's entry can come between the time and what it is said of. */
export function advanceFeedTime(db: Connection, clockMicros: number): FeedState {
  const row = db.get<[Position, Uint8Array, number]>(TICK, [clockMicros])
  assert(row !== undefined, 'the feed has no row')
  const [position, chain, timeMicros] = row
  return { position, chain, timeMicros }
}

/** The very next place, or the opening of a higher epoch, which takes an entry of its own kind. */
function isSuccessor(before: Position, next: Position, op: FeedOp): boolean {
  if (!opensEpoch(next)) return next === successorOf(before)
  return op === 'epoch' && epochOf(before) < epochOf(next)
}

type Row = readonly [Position, FeedOp, Uint8Array, Uint8Array, number | null]
const SELECT = 'SELECT position, op, bytes, chain, until_s FROM feed_entry'

const entryOf = ([position, op, bytes, chain, untilSeconds]: Row): FeedEntry => ({
  position,
  op,
  bytes,
  chain,
  ...member('untilSeconds', untilSeconds),
})

export const feedEntries = (db: Connection, after: number, limit: number): FeedEntry[] =>
  db.all<Row>(`${SELECT} WHERE ? < position ORDER BY position LIMIT ?`, [after, limit]).map(entryOf)

export function feedEntry(db: Connection, at: Position): FeedEntry | undefined {
  const row = db.get<Row>(`${SELECT} WHERE position = ?`, [at])
  return row === undefined ? undefined : entryOf(row)
}

type DivergenceRow = readonly [Position, chain: string, seenBy: string, atMs: number]

export function findDivergence(db: Connection): Divergence | undefined {
  const row = db.get<DivergenceRow>('SELECT position, chain, seen_by, at_ms FROM divergence')
  if (row === undefined) return undefined
  const [position, chain, seenBy, atMs] = row
  return { position, chain, seenBy, at: instant(atMs) }
}

/** The first stays: it is the one that somebody is looking into. */
export function recordDivergence(db: Connection, divergence: Divergence): void {
  const { position, chain, seenBy, at } = divergence
  db.run('INSERT OR IGNORE INTO divergence VALUES (1, ?, ?, ?, ?)', [position, chain, seenBy, at])
}

export function clearDivergence(db: Connection): void {
  db.run('DELETE FROM divergence')
}
