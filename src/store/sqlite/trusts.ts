import type { Trust } from '#domain/trust/trust.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { TrustFilter } from '#store/port.ts'
import { given, where } from './condition.ts'
import { assert, type Connection } from './connection.ts'
import { oneMore, pageOf, seenLast } from './cursor.ts'
import { parsed, text } from './values.ts'

type Row = readonly [document: string, id: string]

const trustOf = ([document]: Row): Trust => parsed<Trust>(document)

export function findTrust(db: Connection, id: string): Trust | undefined {
  const row = db.get<Row>('SELECT document, id FROM trust WHERE id = ?', [id])
  return row === undefined ? undefined : trustOf(row)
}

export function listTrusts(db: Connection, filter: TrustFilter, page: PageRequest): Page<Trust> {
  const { sql, values } = where([
    ...given('client_id = ?', filter.clientId),
    ...given('? < id', seenLast('trust', page)),
  ])
  const rows = db.all<Row>(`SELECT document, id FROM trust ${sql} ORDER BY id LIMIT ?`, [
    ...values,
    oneMore(page),
  ])
  return pageOf('trust', page, rows, { item: trustOf, seen: ([, id]) => id })
}

export const trustsOfIssuer = (db: Connection, issuer: string): readonly Trust[] =>
  db.all<Row>('SELECT document, id FROM trust WHERE issuer = ? ORDER BY id', [issuer]).map(trustOf)

export function insertTrust(db: Connection, trust: Trust): void {
  db.run('INSERT INTO trust (id, issuer, client_id, document) VALUES (?, ?, ?, ?)', [
    trust.id,
    trust.issuer,
    trust.clientId,
    text(trust),
  ])
}

export function updateTrust(db: Connection, trust: Trust): void {
  const changes = db.run('UPDATE trust SET issuer = ?, client_id = ?, document = ? WHERE id = ?', [
    trust.issuer,
    trust.clientId,
    text(trust),
    trust.id,
  ])
  assert(changes === 1, `no trust ${trust.id} to update`)
}

export function deleteTrust(db: Connection, id: string): void {
  assert(db.run('DELETE FROM trust WHERE id = ?', [id]) === 1, `no trust ${id} to delete`)
}
