import type { VerifierMode } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import type { Incarnation, Lease } from '#domain/proof/proof.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import type { IncarnationFilter, StoredAcknowledgement } from '#store/port.ts'
import { condition, given, where } from './condition.ts'
import type { Connection } from './connection.ts'
import { list, member, text, words } from './values.ts'

const COLUMNS = `id, verifier_id, name, audiences, mode, limit_s, first_position,
  heads_until_micros, released_micros, first_seen_ms, last_seen_ms, ack_position, ack_chain,
  ack_digest, ack_head_micros, ack_at_micros`
type Row = readonly [
  id: string,
  verifierId: string,
  name: string,
  audiences: string,
  mode: VerifierMode,
  limitSeconds: number,
  firstPosition: Position,
  headsUntilMicros: number,
  releasedMicros: number | null,
  firstSeenMs: number,
  lastSeenMs: number,
  ...acknowledged: AcknowledgedRow | readonly null[],
]
type AcknowledgedRow = readonly [
  position: Position,
  chain: string,
  digest: string,
  headMicros: number,
  atMicros: number,
]

function incarnationOf(row: Row): Incarnation {
  const [id, verifierId, name, audiences, mode, limitSeconds, firstPosition, ...more] = row
  const [headsUntilMicros, releasedMicros, firstSeenMs, lastSeenMs, ...acknowledged] = more
  return {
    id,
    verifierId,
    name,
    audiences: list(audiences),
    mode,
    limitSeconds,
    firstPosition,
    headsUntilMicros,
    ...member('releasedMicros', releasedMicros),
    ...acknowledgedOf(acknowledged),
    firstSeenAt: instant(firstSeenMs),
    lastSeenAt: instant(lastSeenMs),
  }
}

function acknowledgedOf(
  columns: AcknowledgedRow | readonly null[],
): Pick<Incarnation, 'acknowledged'> {
  const [position, chain, digest, headMicros, atMicros] = columns as AcknowledgedRow
  if (position === null) return {}
  return { acknowledged: { position, chain, digest, headMicros, atMicros } }
}

const SELECT = `SELECT ${COLUMNS} FROM incarnation`

export function findIncarnation(db: Connection, id: string): Incarnation | undefined {
  const row = db.get<Row>(`${SELECT} WHERE id = ?`, [id])
  return row === undefined ? undefined : incarnationOf(row)
}

const LEASE_END = 'heads_until_micros + limit_s * 1000000'

export function incarnations(db: Connection, filter: IncarnationFilter): Incarnation[] {
  const { sql, values } = from(filter)
  return db.all<Row>(`SELECT ${COLUMNS} ${sql} ORDER BY id`, values).map(incarnationOf)
}

function from({ leaseAfterMicros, verifierId }: IncarnationFilter): Filtered {
  const { sql, values } = where([
    ...given('verifier_id = ?', verifierId),
    ...(leaseAfterMicros === undefined
      ? []
      : [
          condition(`? < ${LEASE_END}`, leaseAfterMicros),
          condition('(released_micros IS NULL OR ? <= released_micros)', leaseAfterMicros),
        ]),
  ])
  // Most of what is on record has lapsed; left to itself SQLite would read it all, in order of id.
  const index = leaseAfterMicros === undefined ? '' : 'INDEXED BY incarnation_lease'
  return { sql: `FROM incarnation ${index} ${sql}`, values }
}

type Filtered = ReturnType<typeof where>

const LEASE_COLUMNS = `limit_s, first_position, heads_until_micros, released_micros, ack_position,
  ack_at_micros`
type LeaseRow = readonly [
  limitSeconds: number,
  firstPosition: Position,
  headsUntilMicros: number,
  releasedMicros: number | null,
  position: Position | null,
  atMicros: number | null,
]

export function leases(db: Connection, filter: IncarnationFilter): Lease[] {
  const { sql, values } = from(filter)
  return db.all<LeaseRow>(`SELECT DISTINCT ${LEASE_COLUMNS} ${sql}`, values).map(leaseOf)
}

function leaseOf(row: LeaseRow): Lease {
  const [limitSeconds, firstPosition, headsUntilMicros, releasedMicros, position, atMicros] = row
  return {
    limitSeconds,
    firstPosition,
    headsUntilMicros,
    ...member('releasedMicros', releasedMicros),
    ...(position === null || atMicros === null ? {} : { acknowledged: { position, atMicros } }),
  }
}

/**
 * A fleet has few sets of audiences and many processes, so the index is read by leaps, from one set to
 * the next, and not row by row.
 */
const AUDIENCES = `WITH RECURSIVE found (audiences) AS (
    SELECT min(audiences) FROM incarnation
    UNION ALL
    SELECT (SELECT min(audiences) FROM incarnation WHERE found.audiences < audiences)
    FROM found WHERE found.audiences IS NOT NULL
  ) SELECT audiences FROM found WHERE audiences IS NOT NULL`

export const verifiedAudiences = (db: Connection): string[] =>
  [
    ...new Set(db.all<readonly [string]>(AUDIENCES).flatMap(([audiences]) => list(audiences))),
  ].sort()

/** An acknowledgement stays, and so does what was promised: heads until then, under that limit. */
const UPSERT = `INSERT INTO incarnation (${COLUMNS})
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET
    verifier_id = excluded.verifier_id, name = excluded.name, audiences = excluded.audiences,
    mode = excluded.mode, limit_s = max(limit_s, excluded.limit_s),
    first_position = excluded.first_position,
    heads_until_micros = max(heads_until_micros, excluded.heads_until_micros),
    released_micros = excluded.released_micros, first_seen_ms = excluded.first_seen_ms,
    last_seen_ms = excluded.last_seen_ms`

export function upsertIncarnation(db: Connection, it: Incarnation): void {
  const { acknowledged } = it
  db.run(UPSERT, [
    it.id,
    it.verifierId,
    it.name,
    words(it.audiences),
    it.mode,
    it.limitSeconds,
    it.firstPosition,
    it.headsUntilMicros,
    it.releasedMicros ?? null,
    it.firstSeenAt,
    it.lastSeenAt,
    acknowledged?.position ?? null,
    acknowledged?.chain ?? null,
    acknowledged?.digest ?? null,
    acknowledged?.headMicros ?? null,
    acknowledged?.atMicros ?? null,
  ])
}

const EXTEND = `UPDATE incarnation SET heads_until_micros = ?1
  WHERE id IN (SELECT value FROM json_each(?2)) AND heads_until_micros < ?1`

export function extendHeads(
  db: Connection,
  ids: readonly string[],
  headsUntilMicros: number,
): void {
  db.run(EXTEND, [headsUntilMicros, text(ids)])
}

const ACKNOWLEDGE = `UPDATE incarnation SET
    ack_at_micros = CASE WHEN ack_position = ?2 THEN ack_at_micros ELSE ?6 END,
    ack_position = ?2, ack_chain = ?3, ack_digest = ?4, ack_head_micros = ?5,
    released_micros = CASE WHEN ?7 THEN coalesce(released_micros, ?6) ELSE released_micros END,
    last_seen_ms = max(last_seen_ms, ?6 / 1000)
  WHERE id = ?1
    AND (ack_position IS NULL OR (ack_position, ack_head_micros) <= (?2, ?5))`

export function acknowledge(db: Connection, all: readonly StoredAcknowledgement[]): void {
  for (const it of all) {
    db.run(ACKNOWLEDGE, [
      it.incarnation,
      it.position,
      it.chain,
      it.digest,
      it.headMicros,
      it.atMicros,
      it.released ? 1 : 0,
    ])
  }
}

/** A lease that still runs is part of some proof, however long nobody was heard of. */
const FORGETTABLE = `SELECT id FROM incarnation INDEXED BY incarnation_seen
  WHERE last_seen_ms < ?1 AND ${LEASE_END} < ?1 * 1000 ORDER BY last_seen_ms LIMIT ?2`

export const isIncarnationDue = (db: Connection, lastSeenBefore: Instant): boolean =>
  db.get(FORGETTABLE, [lastSeenBefore, 1]) !== undefined

export const forgetIncarnations = (
  db: Connection,
  lastSeenBefore: Instant,
  limit: number,
): number => db.run(`DELETE FROM incarnation WHERE id IN (${FORGETTABLE})`, [lastSeenBefore, limit])
