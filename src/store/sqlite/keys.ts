import type { Key, KeyAlgorithm, KeyPurpose, KeyState } from '#domain/keys/key.ts'
import { instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { KeyFilter } from '#store/port.ts'
import { among, given, where } from './condition.ts'
import { assert, type Connection } from './connection.ts'
import { oneMore, pageOf, seenLastNumber } from './cursor.ts'
import { momentMember, parsed, text } from './values.ts'

const COLUMNS = `n, id, purpose, algorithm, state, created_ms, activate_after_ms, retire_after_ms,
  public_jwk`
type Row = readonly [
  n: number,
  id: string,
  purpose: KeyPurpose,
  algorithm: KeyAlgorithm,
  state: KeyState,
  createdMs: number,
  activateAfterMs: number | null,
  retireAfterMs: number | null,
  publicJwk: string,
]

const keyOf = (row: Row): Key => {
  const [, id, purpose, algorithm, state, createdMs, activateAfterMs, retireAfterMs, jwk] = row
  return {
    id,
    purpose,
    algorithm,
    state,
    createdAt: instant(createdMs),
    ...momentMember('activateAfter', activateAfterMs),
    ...momentMember('retireAfter', retireAfterMs),
    publicJwk: parsed<Key['publicJwk']>(jwk),
  }
}

export function findKey(db: Connection, id: string): Key | undefined {
  const row = db.get<Row>(`SELECT ${COLUMNS} FROM signing_key WHERE id = ?`, [id])
  return row === undefined ? undefined : keyOf(row)
}

/** In the order in which they were added: a clock set back makes no key older. */
export function listKeys(db: Connection, filter: KeyFilter, page: PageRequest): Page<Key> {
  const { sql, values } = where([
    ...given('purpose = ?', filter.purpose),
    ...(filter.states === undefined ? [] : [among('state', filter.states)]),
    ...given('n < ?', seenLastNumber('key', page)),
  ])
  const rows = db.all<Row>(`SELECT ${COLUMNS} FROM signing_key ${sql} ORDER BY n DESC LIMIT ?`, [
    ...values,
    oneMore(page),
  ])
  return pageOf('key', page, rows, { item: keyOf, seen: ([n]) => n })
}

export const sealedKey = (db: Connection, id: string): Uint8Array | undefined =>
  db.get<[Uint8Array]>('SELECT sealed FROM signing_key WHERE id = ?', [id])?.[0]

export function insertKey(db: Connection, key: Key, sealed: Uint8Array): void {
  db.run(`INSERT INTO signing_key (${COLUMNS}, sealed) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, [
    key.id,
    key.purpose,
    key.algorithm,
    key.state,
    key.createdAt,
    key.activateAfter ?? null,
    key.retireAfter ?? null,
    text(key.publicJwk),
    sealed,
  ])
}

/** Only its state and times ever change; a key that differed otherwise would be another key. */
export function updateKey(db: Connection, key: Key): void {
  const changes = db.run(
    `UPDATE signing_key SET state = ?, activate_after_ms = ?, retire_after_ms = ?
     WHERE id = ? AND purpose = ? AND algorithm = ? AND public_jwk = ?`,
    [
      key.state,
      key.activateAfter ?? null,
      key.retireAfter ?? null,
      key.id,
      key.purpose,
      key.algorithm,
      text(key.publicJwk),
    ],
  )
  assert(changes === 1, `no such key ${key.id} to update`)
}
