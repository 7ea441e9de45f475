import type {
  AuthMethod,
  Client,
  ClientKey,
  ClientSecret,
  ClientState,
  Tier,
} from '#domain/client/client.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { ClientFilter } from '#store/port.ts'
import { given, where } from './condition.ts'
import { assert, type Connection, type Value } from './connection.ts'
import { oneMore, pageOf, seenLast } from './cursor.ts'
import { list, momentMember, parsed, text, words } from './values.ts'

const COLUMNS = 'id, tier, scopes, audiences, auth_methods, keys, state, tags, created_ms'
type Row = readonly [
  id: string,
  tier: Tier,
  scopes: string,
  audiences: string,
  authMethods: string,
  keys: string,
  state: ClientState,
  tags: string,
  createdMs: number,
]

const clientOf = (row: Row): Client => {
  const [id, tier, scopes, audiences, authMethods, keys, state, tags, createdMs] = row
  return {
    id,
    tier,
    scopes: list(scopes),
    audiences: list(audiences),
    authMethods: list(authMethods) as readonly AuthMethod[],
    keys: parsed<ClientKey[]>(keys),
    state,
    tags: parsed<Client['tags']>(tags),
    createdAt: instant(createdMs),
  }
}

const valuesOf = (it: Client): Value[] => [
  it.id,
  it.tier,
  words(it.scopes),
  words(it.audiences),
  words(it.authMethods),
  text(it.keys),
  it.state,
  text(it.tags),
  it.createdAt,
]

export function findClient(db: Connection, id: string): Client | undefined {
  const row = db.get<Row>(`SELECT ${COLUMNS} FROM client WHERE id = ?`, [id])
  return row === undefined ? undefined : clientOf(row)
}

export function listClients(db: Connection, filter: ClientFilter, page: PageRequest): Page<Client> {
  const { sql, values } = where([
    ...given('tier = ?', filter.tier),
    ...given('state = ?', filter.state),
    ...given('? < id', seenLast('client', page)),
  ])
  const rows = db.all<Row>(`SELECT ${COLUMNS} FROM client ${sql} ORDER BY id LIMIT ?`, [
    ...values,
    oneMore(page),
  ])
  return pageOf('client', page, rows, { item: clientOf, seen: ([id]) => id })
}

export function insertClient(db: Connection, client: Client): void {
  db.run(`INSERT INTO client (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, valuesOf(client))
}

export function updateClient(db: Connection, client: Client): void {
  const changes = db.run(
    `UPDATE client SET (${COLUMNS}) = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) WHERE id = ?1`,
    valuesOf(client),
  )
  assert(changes === 1, `no client ${client.id} to update`)
}

/** Its secrets go with it. */
export function deleteClient(db: Connection, id: string): void {
  assert(db.run('DELETE FROM client WHERE id = ?', [id]) === 1, `no client ${id} to delete`)
}

type SecretRow = readonly [
  clientId: string,
  method: ClientSecret['method'],
  hash: Uint8Array,
  salt: Uint8Array,
  createdMs: number,
  expiresMs: number | null,
]

/** The oldest first. */
export const clientSecrets = (db: Connection, clientId: string): ClientSecret[] =>
  db
    .all<SecretRow>(
      `SELECT client_id, method, hash, salt, created_ms, expires_ms FROM client_secret
       WHERE client_id = ? ORDER BY n`,
      [clientId],
    )
    .map(([id, method, hash, salt, createdMs, expiresMs]) => ({
      clientId: id,
      method,
      hash,
      salt,
      createdAt: instant(createdMs),
      ...momentMember('expiresAt', expiresMs),
    }))

export function insertClientSecret(db: Connection, secret: ClientSecret): void {
  db.run(
    `INSERT INTO client_secret (client_id, method, hash, salt, created_ms, expires_ms)
     VALUES (?, ?, ?, ?, ?, ?)`,
    [
      secret.clientId,
      secret.method,
      secret.hash,
      secret.salt,
      secret.createdAt,
      secret.expiresAt ?? null,
    ],
  )
}

/** What would last longer ends then; what has ended by `now` is removed. */
export function endClientSecrets(
  db: Connection,
  clientId: string,
  { at, now }: { readonly at: Instant; readonly now: Instant },
): void {
  db.run(
    `UPDATE client_secret SET expires_ms = ?2
     WHERE client_id = ?1 AND (expires_ms IS NULL OR ?2 < expires_ms)`,
    [clientId, at],
  )
  db.run('DELETE FROM client_secret WHERE client_id = ? AND expires_ms <= ?', [clientId, now])
}
