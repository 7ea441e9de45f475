import type { Credential } from '#domain/credential/credential.ts'
import type { Exceptions, Selector } from '#domain/revocation/revocation.ts'
import { isEmpty } from '#domain/revocation/selector.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { CredentialFilter, CredentialSelection } from '#store/port.ts'
import { among, type Condition, condition, given, holds, holdsExactly, where } from './condition.ts'
import type { Connection } from './connection.ts'
import { CREDENTIAL_COLUMNS, credentialOf, type CredentialRow, oldestAlive } from './credentials.ts'
import { oneMore, pageOf, seenLast } from './cursor.ts'

/**
 * One way into the table by an index that ends in the id. Several are merged as they are read, so a
 * page costs a page however many rows there are, and nothing is sorted.
 *
 * There are no statistics for SQLite to choose by, so it is told: the columns of an arm are bare,
 * all other conditions carry the unary `+` that keeps an index away.
 */
type Arm = Condition

export function listCredentials(
  db: Connection,
  filter: CredentialFilter,
  page: PageRequest,
): Page<Credential> {
  const rows = merged(db, armsOfFilter(filter), {
    conditions: [...filtered(filter), ...given('id < ?', seenLast('credential', page))],
    order: 'DESC',
    limit: oneMore(page),
  })
  return pageOf('credential', page, rows, { item: credentialOf, seen: ([id]) => id })
}

export function selectCredentials(
  db: Connection,
  selection: CredentialSelection,
): readonly Credential[] {
  const { selector, exceptions, reach, expiringAfter, afterId, limit } = selection
  if (!selects(selector)) return []
  // Below the oldest alive all is expired history, which may be most of the table.
  const walks = afterId === undefined && !isNarrow(selector)
  const from = walks ? oldestAlive(db, expiringAfter) : undefined
  if (walks && from === undefined) return []
  const rows = merged(db, armsOfSelector(selector), {
    conditions: [
      ...selected(selector),
      ...windowed(selector, reach === 'sessions' ? 'root_issued_s' : 'issued_s'),
      ...spared(exceptions),
      ...given('? < expires_s', floorSeconds(expiringAfter)),
      ...given('? < id', afterId),
      ...given('? <= id', from),
    ],
    order: 'ASC',
    limit,
  })
  return rows.map(credentialOf)
}

interface Query {
  readonly conditions: readonly Condition[]
  readonly order: 'ASC' | 'DESC'
  readonly limit: number
}

function merged(db: Connection, arms: readonly Arm[], query: Query): CredentialRow[] {
  const parts = arms.map((arm) => where([arm, ...query.conditions]))
  const selects = parts.map(({ sql }) => `SELECT ${CREDENTIAL_COLUMNS} FROM credential ${sql}`)
  return db.all<CredentialRow>(
    `${selects.join(' UNION ALL ')} ORDER BY id ${query.order} LIMIT ?`,
    [...parts.flatMap(({ values }) => values), query.limit],
  )
}

const wholeTable: Arm = condition('1')
const armsOfClient = (id: string): Arm[] => [condition('client_id = ?', id)]
/** Its index leaves out the many whose subject is their client; the client's index has those. */
const armsOfSubject = (subject: string): Arm[] => [
  condition('subject = ? AND subject <> client_id', subject),
  condition('client_id = ? AND +subject = client_id', subject),
]
/** Likewise for the many that are their own session. */
const armsOfSession = (id: string): Arm[] => [
  condition('session_id = ? AND session_id <> id', id),
  condition('id = ? AND +session_id = id', id),
]

const armsOfTrust = (id: string): Arm[] => [condition('trust_id = ?', id)]

function armsOfFilter({ clientId, subject, sessionId }: CredentialFilter): readonly Arm[] {
  if (sessionId !== undefined) return armsOfSession(sessionId)
  if (subject !== undefined) return armsOfSubject(subject)
  if (clientId !== undefined) return armsOfClient(clientId)
  return [wholeTable]
}

const filtered = (filter: CredentialFilter): Condition[] => [
  ...given('+client_id = ?', filter.clientId),
  ...given('+subject = ?', filter.subject),
  ...given('+session_id = ?', filter.sessionId),
  ...given('+key_id = ?', filter.keyId),
  ...given('created_by = ?', filter.createdBy),
  ...(filter.scope === undefined ? [] : [holds('scopes', [filter.scope])]),
  ...(filter.audience === undefined ? [] : [holdsExactly('audience', [filter.audience])]),
  ...(filter.tag === undefined ? [] : [tagged(filter.tag.key, filter.tag.value)]),
  ...windowed(filter, 'issued_s'),
  ...given('expires_s < ?', ceilSeconds(filter.expiresBefore)),
  ...given('? < expires_s', floorSeconds(filter.expiresAfter)),
]

/** With more values than this in a dimension, one walk over the living is cheaper than a merge. */
const ARM_VALUES_MAX = 8

/** Whether its arms lead to so few rows that there is no history to walk over. */
const isNarrow = ({ tokens = [], sessions = [] }: Selector): boolean =>
  0 < tokens.length || (0 < sessions.length && sessions.length <= ARM_VALUES_MAX)

/** By the dimension that is likely to say the most. */
function armsOfSelector(selector: Selector): readonly Arm[] {
  const { tokens = [], sessions = [], subjects = [], trusts = [], clients = [] } = selector
  if (0 < tokens.length) return [among('id', tokens)]
  for (const [values, armsOf] of [
    [sessions, armsOfSession],
    [subjects, armsOfSubject],
    [trusts, armsOfTrust],
    [clients, armsOfClient],
  ] as const) {
    const distinct = [...new Set(values)]
    if (0 < distinct.length && distinct.length <= ARM_VALUES_MAX) return distinct.flatMap(armsOf)
  }
  return [wholeTable]
}

/** What names nothing selects nothing; "all" is said aloud. */
const selects = (selector: Selector): boolean => !isEmpty(selector)

function selected(selector: Selector): Condition[] {
  const { clients = [], subjects = [], sessions = [], keys = [] } = selector
  const { scopes = [], audiences = [], trusts = [], tags = {} } = selector
  return [
    ...anyOf('+trust_id', trusts),
    ...anyOf('+client_id', clients),
    ...anyOf('+subject', subjects),
    ...anyOf('+session_id', sessions),
    ...anyOf('+key_id', keys),
    ...(scopes.length === 0 ? [] : [holds('scopes', scopes)]),
    ...(audiences.length === 0 ? [] : [holdsExactly('audience', audiences)]),
    ...Object.entries(tags).map(([key, value]) => tagged(key, value)),
  ]
}

function anyOf(column: string, values: readonly string[]): Condition[] {
  const [only, ...more] = values
  if (only === undefined) return []
  return more.length === 0 ? [condition(`${column} = ?`, only)] : [among(column, values)]
}

const spared = (exceptions: Exceptions): Condition[] =>
  (
    [
      ['id', exceptions.tokens],
      ['client_id', exceptions.clients],
      ['subject', exceptions.subjects],
      ['session_id', exceptions.sessions],
    ] as const
  ).flatMap(([column, values = []]) =>
    values.length === 0 ? [] : [among(`+${column} NOT`, values)],
  )

/** Whole seconds, rounded outwards: what was issued in the second that it begins or ends in is in. */
const windowed = (
  window: { readonly issuedAfter?: Instant; readonly issuedBefore?: Instant },
  column: 'issued_s' | 'root_issued_s',
): Condition[] => [
  ...given(`? <= ${column}`, floorSeconds(window.issuedAfter)),
  ...given(`${column} < ?`, ceilSeconds(window.issuedBefore)),
]

/** Looked up as members and not by JSON path, in which a key's own dots would be steps. */
const tagged = (key: string, value: string): Condition =>
  condition(
    `tags <> '{}' AND EXISTS (SELECT 1 FROM json_each(tags) AS tag WHERE tag.key = ? AND tag.value = ?)`,
    key,
    value,
  )

const floorSeconds = (at: Instant | undefined): number | undefined =>
  at === undefined ? undefined : Math.floor(at / 1000)
const ceilSeconds = (at: Instant | undefined): number | undefined =>
  at === undefined ? undefined : Math.ceil(at / 1000)
