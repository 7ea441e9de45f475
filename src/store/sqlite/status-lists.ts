import type { StatusList } from '#domain/status-list/status-list.ts'
import { fromSeconds, type Instant, instant, toSeconds } from '#kernel/instant.ts'
import type { TakenPlaces } from '#store/port.ts'
import type { Connection } from './connection.ts'

const COLUMNS = 'id, size, seed, taken, expires_s, abandoned, opened_ms'
type Row = readonly [
  id: string,
  size: number,
  seed: Uint8Array,
  taken: number,
  expiresSeconds: number,
  abandoned: number,
  openedMs: number,
]

const listOf = ([id, size, seed, taken, expires, abandoned, opened]: Row): StatusList => ({
  id,
  size,
  seed,
  taken,
  expiresAt: fromSeconds(expires),
  isAbandoned: abandoned === 1,
  openedAt: instant(opened),
})

export function insertStatusList(db: Connection, list: StatusList): void {
  db.run(`INSERT INTO status_list (n, ${COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)`, [
    list.id,
    list.size,
    list.seed,
    list.taken,
    toSeconds(list.expiresAt),
    list.isAbandoned ? 1 : 0,
    list.openedAt,
  ])
}

/** One statement, so that no two transactions are ever given the same numbers. */
const TAKE = `
UPDATE status_list SET taken = taken + ?, expires_s = max(expires_s, ?)
WHERE n = (SELECT max(n) FROM status_list) AND taken < size AND abandoned = 0
RETURNING id, size, seed, taken`

export function takeStatusPlaces(
  db: Connection,
  count: number,
  expiresAt: Instant,
): TakenPlaces | undefined {
  const row = db.get<readonly [string, number, Uint8Array, number]>(TAKE, [
    count,
    toSeconds(expiresAt),
  ])
  if (row === undefined) return undefined
  const [list, size, seed, taken] = row
  const first = taken - count
  return { list, size, seed, first, count: Math.min(count, size - first) }
}

export function findStatusList(db: Connection, id: string): StatusList | undefined {
  const row = db.get<Row>(`SELECT ${COLUMNS} FROM status_list WHERE id = ?`, [id])
  return row === undefined ? undefined : listOf(row)
}

export const statusLists = (db: Connection): readonly StatusList[] =>
  db.all<Row>(`SELECT ${COLUMNS} FROM status_list ORDER BY n`).map(listOf)

export const abandonStatusLists = (db: Connection, expiresAt: Instant): number =>
  db.run(
    `UPDATE status_list SET abandoned = 1, expires_s = max(expires_s, ?) WHERE abandoned = 0`,
    [toSeconds(expiresAt)],
  )

/** The newest, unless it is full, still gives out places. */
const OVER = `expires_s < ? AND (abandoned = 1 OR size <= taken)`

export const isDroppingDue = (db: Connection, expiredBefore: Instant): boolean =>
  db.get(`SELECT 1 FROM status_list WHERE ${OVER} LIMIT 1`, [toSeconds(expiredBefore)]) !==
  undefined

export const dropStatusLists = (db: Connection, expiredBefore: Instant, limit: number): number =>
  db.run(
    `DELETE FROM status_list WHERE n IN (SELECT n FROM status_list WHERE ${OVER} ORDER BY n LIMIT ?)`,
    [toSeconds(expiredBefore), limit],
  )

export const statusListsIssuedUntil = (db: Connection): Instant =>
  fromSeconds(db.get<readonly [number]>('SELECT until_s FROM status_lists_issued')?.[0] ?? 0)

export function issueStatusLists(db: Connection, until: Instant): void {
  db.run('UPDATE status_lists_issued SET until_s = max(until_s, ?)', [toSeconds(until)])
}
