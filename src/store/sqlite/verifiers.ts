import type { VerifierMode } from '#domain/feed/head.ts'
import { instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { VerifierRecord } from '#store/port.ts'
import { given, where } from './condition.ts'
import { assert, type Connection, type Value } from './connection.ts'
import { oneMore, pageOf, seenLast } from './cursor.ts'
import { list, momentMember, words } from './values.ts'

const COLUMNS = 'id, name, audiences, mode, secret_hash, created_ms, removed_ms'
type Row = readonly [
  id: string,
  name: string,
  audiences: string,
  mode: VerifierMode,
  secretHash: Uint8Array,
  createdMs: number,
  removedMs: number | null,
]

const verifierOf = (row: Row): VerifierRecord => {
  const [id, name, audiences, mode, secretHash, createdMs, removedMs] = row
  return {
    id,
    name,
    audiences: list(audiences),
    mode,
    secretHash,
    createdAt: instant(createdMs),
    ...momentMember('removedAt', removedMs),
  }
}

const valuesOf = (it: VerifierRecord): Value[] => [
  it.id,
  it.name,
  words(it.audiences),
  it.mode,
  it.secretHash,
  it.createdAt,
  it.removedAt ?? null,
]

const SELECT = `SELECT ${COLUMNS} FROM verifier`

export function findVerifier(db: Connection, id: string): VerifierRecord | undefined {
  const row = db.get<Row>(`${SELECT} WHERE id = ?`, [id])
  return row === undefined ? undefined : verifierOf(row)
}

export function findVerifierByName(db: Connection, name: string): VerifierRecord | undefined {
  const row = db.get<Row>(`${SELECT} WHERE name = ? AND removed_ms IS NULL`, [name])
  return row === undefined ? undefined : verifierOf(row)
}

export function listVerifiers(db: Connection, page: PageRequest): Page<VerifierRecord> {
  const { sql, values } = where(given('? < id', seenLast('verifier', page)))
  const rows = db.all<Row>(`${SELECT} ${sql} ORDER BY id LIMIT ?`, [...values, oneMore(page)])
  return pageOf('verifier', page, rows, { item: verifierOf, seen: ([id]) => id })
}

export function insertVerifier(db: Connection, verifier: VerifierRecord): void {
  db.run(`INSERT INTO verifier (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`, valuesOf(verifier))
}

export function updateVerifier(db: Connection, verifier: VerifierRecord): void {
  const changes = db.run(
    `UPDATE verifier SET (${COLUMNS}) = (?1, ?2, ?3, ?4, ?5, ?6, ?7) WHERE id = ?1`,
    valuesOf(verifier),
  )
  assert(changes === 1, `no verifier ${verifier.id} to update`)
}
