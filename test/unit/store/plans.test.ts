import { beforeAll, describe, expect, it } from 'vitest'
import { ORIGIN } from '#domain/feed/position.ts'
import { instant } from '#kernel/instant.ts'
import type { CredentialSelection } from '#store/port.ts'
import { isCompactionDue } from '#store/sqlite/compaction.ts'
import { connect, type Connection } from '#store/sqlite/connection.ts'
import { listAudit } from '#store/sqlite/audit.ts'
import { listCredentials, selectCredentials } from '#store/sqlite/credential-lists.ts'
import {
  countLiveByKey,
  derivedFromKeys,
  descendants,
  insertCredentials,
  largestExpiry,
} from '#store/sqlite/credentials.ts'
import { incarnations, isIncarnationDue, verifiedAudiences } from '#store/sqlite/incarnations.ts'
import { bringUpToDate } from '#store/sqlite/migrate.ts'
import {
  revocationCandidates,
  revocationsDue,
  unenforcedRevocations,
} from '#store/sqlite/revocations.ts'
import { isSelectionDue } from '#store/sqlite/selections.ts'
import { findVerifierByName } from '#store/sqlite/verifiers.ts'
import { credential, NOW, NOW_SECONDS, noValues } from '../../contract/store/fixtures.ts'

/**
 * A list that sorts, or reads a table from end to end for one row, is as right as any other, and only
 * shows with a million rows. So the plans are held here.
 */
let db: Connection
beforeAll(() => {
  db = connect(':memory:', 0)
  bringUpToDate(db, 'create')
  insertCredentials(db, [credential('cred_1')])
})

/** The plans of the statements that `work` runs, a line for each step. */
function plansOf(work: (explaining: Connection) => unknown): string[] {
  const lines: string[] = []
  const explain = (sql: string, values: readonly (string | number)[]): void => {
    for (const row of db.all(`EXPLAIN QUERY PLAN ${sql}`, values)) lines.push(String(row[3]))
  }
  work({
    ...db,
    all: (sql, values = []) => {
      explain(sql, values as (string | number)[])
      return db.all(sql, values)
    },
    get: (sql, values = []) => {
      explain(sql, values as (string | number)[])
      return db.get(sql, values)
    },
  })
  return lines
}

const page = { limit: 10 }
const cursor = { limit: 10, cursor: 'Y3JlZGVudGlhbDpjcmVkXzE' }
const selection: Omit<CredentialSelection, 'selector'> = {
  exceptions: { clients: ['x'] },
  reach: 'sessions',
  expiringAfter: instant(0),
  limit: 10,
}
const isDue = (it: Connection) =>
  isCompactionDue(it, { floor: ORIGIN, endedBeforeSeconds: NOW_SECONDS })
const nine = Array.from({ length: 9 }, (_, i) => `x${i}`)
const select = (selector: CredentialSelection['selector']) => (it: Connection) =>
  selectCredentials(it, { ...selection, selector })

describe('no page is sorted, and none reads a table without an index:', () => {
  it.for<[string, string, (it: Connection) => unknown]>([
    ['all', 'sqlite_autoindex_credential_1', (it) => listCredentials(it, {}, cursor)],
    ['client', 'credential_client', (it) => listCredentials(it, { clientId: 'x' }, cursor)],
    ['subject', 'credential_subject', (it) => listCredentials(it, { subject: 'x' }, cursor)],
    ['session', 'credential_session', (it) => listCredentials(it, { sessionId: 'x' }, page)],
    [
      'client, key and scope',
      'credential_client',
      (it) => listCredentials(it, { clientId: 'x', keyId: 'y', scope: 'a:*' }, cursor),
    ],
    ['select all', 'sqlite_autoindex_credential_1', select({ all: true })],
    ['select scope', 'sqlite_autoindex_credential_1', select({ scopes: ['a', 'b:*'] })],
    ['select key', 'sqlite_autoindex_credential_1', select({ keys: ['a'] })],
    ['select clients', 'credential_client', select({ clients: ['a', 'b', 'c'] })],
    ['select many clients', 'sqlite_autoindex_credential_1', select({ clients: nine })],
    ['select subjects', 'credential_subject', select({ subjects: ['a', 'b'] })],
    ['select sessions', 'credential_session', select({ sessions: ['a', 'b'] })],
    ['key counts', 'credential_key', (it) => countLiveByKey(it, NOW)],
    ['largest expiry', 'credential_key', (it) => largestExpiry(it, undefined)],
    ['audit of a target', 'audit_target', (it) => listAudit(it, { target: 'x', actor: 'y' }, page)],
    ['audit of a request', 'audit_request', (it) => listAudit(it, { requestId: 'x' }, page)],
    ['audit since', 'audit_at', (it) => listAudit(it, { after: NOW, before: NOW }, page)],
    ['audit', '', (it) => listAudit(it, {}, page)],
  ])('%s by %s', ([, index, work]) => {
    const plans = plansOf(work)
    expect(plans.join('\n')).toContain(index)
    expect(plans.filter((line) => line.includes('TEMP B-TREE'))).toEqual([])
    expect(
      plans.filter((line) => /^SCAN (credential|revocation_target)(?! USING)/.test(line)),
    ).toEqual([])
  })
})

describe('few are looked up one by one:', () => {
  it.for<[string, string, (it: Connection) => unknown]>([
    ['select tokens', 'sqlite_autoindex_credential_1 (id=?', select({ tokens: ['a', 'b'] })],
    ['descendants', 'credential_parent (parent_id=?', (it) => descendants(it, ['a'], NOW)],
    ['derivedFromKeys', 'credential_parent (parent_id>?)', (it) => derivedFromKeys(it, ['a'], NOW)],
    [
      'candidates',
      'target USING PRIMARY KEY (dimension=? AND value=?)',
      (it) => revocationCandidates(it, noValues),
    ],
    ['due', 'revocation_due', (it) => revocationsDue(it, NOW)],
    ['unenforced', 'revocation_unenforced', (it) => unenforcedRevocations(it, 10)],
    [
      'leases',
      'incarnation_lease (<expr>>?)',
      (it) => incarnations(it, { leaseAfterMicros: 1_795_460_880_000_000 }),
    ],
    [
      'incarnations of a credential',
      'incarnation_verifier (verifier_id=?)',
      (it) => incarnations(it, { verifierId: 'local' }),
    ],
    ['audiences', 'incarnation_audiences (audiences>?)', verifiedAudiences],
    [
      'incarnations to forget',
      'incarnation_seen (last_seen_ms<?)',
      (it) => isIncarnationDue(it, NOW),
    ],
    ['lists to forget', 'selection_created (created_ms<?)', (it) => isSelectionDue(it, NOW)],
    ['a name', 'verifier_name (name=?)', (it) => findVerifierByName(it, 'x')],
    ['what is over', 'feed_entry_over (position<?)', isDue],
    ['keys', 'feed_entry_key (position<?)', isDue],
    ['what has ended', 'feed_entry_until (until_s<?)', isDue],
    ['what belongs together', 'feed_entry_subject (subject=?)', isDue],
  ])('%s by %s', ([, index, work]) => {
    const plans = plansOf(work)
    expect(plans.join('\n')).toContain(index)
    const scanned =
      /^SCAN (credential|c|target|incarnation|selection|verifier|entry|old|feed_entry)\b|^SCAN revocation(?! USING INDEX revocation_unenforced)/
    expect(plans.filter((line) => scanned.test(line))).toEqual([])
  })
})
