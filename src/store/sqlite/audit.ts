import type { AuditEntry, Origin } from '#domain/audit/entry.ts'
import { instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { AuditFilter } from '#store/port.ts'
import { given, where } from './condition.ts'
import type { Connection } from './connection.ts'
import { oneMore, pageOf, seenLastNumber } from './cursor.ts'
import { member, parsed, text } from './values.ts'

const COLUMNS = `n, id, at_ms, actor, action, target, outcome, request_id, origin, justification,
  policy_version, detail`
type Row = readonly [
  n: number,
  id: string,
  atMs: number,
  actor: string,
  action: string,
  target: string,
  outcome: string,
  requestId: string,
  origin: string,
  justification: string | null,
  policyVersion: number | null,
  detail: string,
]

const entryOf = (row: Row): AuditEntry => {
  const [, id, atMs, actor, action, target, outcome, requestId, origin, ...more] = row
  const [justification, policyVersion, detail] = more
  return {
    id,
    at: instant(atMs),
    actor,
    action,
    target,
    outcome,
    requestId,
    origin: parsed<Origin>(origin),
    ...member('justification', justification),
    ...member('policyVersion', policyVersion),
    detail: parsed<AuditEntry['detail']>(detail),
  }
}

export function appendAudit(db: Connection, entry: AuditEntry): void {
  db.run(`INSERT INTO audit (${COLUMNS}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, [
    entry.id,
    entry.at,
    entry.actor,
    entry.action,
    entry.target,
    entry.outcome,
    entry.requestId,
    text(entry.origin),
    entry.justification ?? null,
    entry.policyVersion ?? null,
    text(entry.detail),
  ])
}

/**
 * In the order in which they were committed. A filter by time gets its first entry from the index of
 * times, so that looking at the last hour does not read the years before.
 */
export function listAudit(
  db: Connection,
  filter: AuditFilter,
  page: PageRequest,
): Page<AuditEntry> {
  const { sql, values } = where([
    ...given('target = ?', filter.target),
    ...given('request_id = ?', filter.requestId),
    ...given('actor = ?', filter.actor),
    ...given('action = ?', filter.action),
    ...given('outcome = ?', filter.outcome),
    ...given('(SELECT min(n) FROM audit INDEXED BY audit_at WHERE ? <= at_ms) <= n', filter.after),
    ...given('? <= +at_ms', filter.after),
    ...given('+at_ms < ?', filter.before),
    ...given('n < ?', seenLastNumber('audit', page)),
  ])
  const rows = db.all<Row>(`SELECT ${COLUMNS} FROM audit ${sql} ORDER BY n DESC LIMIT ?`, [
    ...values,
    oneMore(page),
  ])
  return pageOf('audit', page, rows, { item: entryOf, seen: ([n]) => n })
}
