import type { CandidateValues } from '#domain/revocation/rule-index.ts'
import type { Position } from '#domain/feed/position.ts'
import type { Coverage } from '#domain/proof/proof.ts'
import type {
  Exceptions,
  Matched,
  Reach,
  Reason,
  Revocation,
  Selector,
} from '#domain/revocation/revocation.ts'
import { dimensions } from '#domain/revocation/selector.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { RevocationFilter } from '#store/port.ts'
import { condition, given, where } from './condition.ts'
import { assert, type Connection, type Value } from './connection.ts'
import { oneMore, pageOf, seenLastNumber } from './cursor.ts'
import { member, momentMember, parsed, text } from './values.ts'

const COLUMNS = `position, id, selector, exceptions, resolved, cut, reach, reason, message, grace_s,
  blocks, final, suspends, published_ms, enforced_ms, lifted_ms, expires_ms, matched, actor,
  incident_id, record_salt, enforced_by_ms, coverage`

type Row = readonly [
  position: Position,
  id: string,
  selector: string,
  exceptions: string,
  resolved: string | null,
  cut: Position | null,
  reach: Reach,
  reason: Reason,
  message: string | null,
  graceSeconds: number,
  blocks: number,
  final: number,
  suspends: number,
  publishedMs: number,
  enforcedMs: number | null,
  liftedMs: number | null,
  expiresMs: number | null,
  matched: string,
  actor: string,
  incidentId: string | null,
  recordSalt: string,
  enforcedByMs: number | null,
  coverage: string | null,
]

function revocationOf(row: Row): Revocation {
  const [position, id, selectorText, exceptions, resolved, cut, reach, reason, ...more] = row
  const [message, graceSeconds, blocks, final, suspends, publishedMs, ...rest] = more
  const [enforcedMs, liftedMs, expiresMs, matched, actor, incidentId, recordSalt, ...last] = rest
  const [enforcedByMs, coverage] = last
  const selector = parsed<Selector>(selectorText)
  return {
    id,
    position,
    selector,
    exceptions: parsed<Exceptions>(exceptions),
    resolved: resolved === null ? selector : parsed<Selector>(resolved),
    cut,
    reach,
    reason,
    ...member('message', message),
    graceSeconds,
    blocks: blocks === 1,
    final: final === 1,
    suspends: suspends === 1,
    publishedAt: instant(publishedMs),
    ...momentMember('enforcedAt', enforcedMs),
    ...momentMember('enforcedBy', enforcedByMs),
    ...(coverage === null ? {} : { coverage: parsed<Coverage>(coverage) }),
    ...momentMember('liftedAt', liftedMs),
    ...momentMember('expiresAt', expiresMs),
    matched: parsed<Matched>(matched),
    actor,
    ...member('incidentId', incidentId),
    recordSalt,
  }
}

const valuesOf = (it: Revocation): Value[] => [
  it.position,
  it.id,
  text(it.selector),
  text(it.exceptions),
  resolvedText(it),
  it.cut,
  it.reach,
  it.reason,
  it.message ?? null,
  it.graceSeconds,
  it.blocks ? 1 : 0,
  it.final ? 1 : 0,
  it.suspends ? 1 : 0,
  it.publishedAt,
  it.enforcedAt ?? null,
  it.liftedAt ?? null,
  it.expiresAt ?? null,
  text(it.matched),
  it.actor,
  it.incidentId ?? null,
  it.recordSalt,
  it.enforcedBy ?? null,
  it.coverage === undefined ? null : text(it.coverage),
]

function resolvedText({ selector, resolved }: Revocation): string | null {
  if (resolved === selector) return null
  const json = text(resolved)
  return json === text(selector) ? null : json
}

const SELECT = `SELECT ${COLUMNS} FROM revocation`
const INSERT = `INSERT INTO revocation (${COLUMNS})
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
/** Under its id the position is fixed, for that is in the feed. */
const UPDATE = `UPDATE revocation SET (${COLUMNS})
  = (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
    ?21, ?22, ?23)
  WHERE position = ?1 AND id = ?2`

export function insertRevocation(db: Connection, revocation: Revocation): void {
  db.run(INSERT, valuesOf(revocation))
  if (revocation.liftedAt === undefined) insertTargets(db, revocation)
}

export function updateRevocation(db: Connection, revocation: Revocation): void {
  const before = findRevocation(db, revocation.id)
  assert(before !== undefined, `no revocation ${revocation.id} to update`)
  const changes = db.run(UPDATE, valuesOf(revocation))
  assert(changes === 1, `revocation ${revocation.id} changed its position`)
  if (targetsKey(before) === targetsKey(revocation)) return
  db.run('DELETE FROM revocation_target WHERE position = ?', [revocation.position])
  if (revocation.liftedAt === undefined) insertTargets(db, revocation)
}

/** A list may name many thousands; they are written again only when they changed. */
const targetsKey = ({ liftedAt, resolved }: Revocation): string =>
  liftedAt === undefined ? text(targetsOf(resolved)) : ''

const TARGETS = `INSERT OR IGNORE INTO revocation_target (dimension, value, position)
  SELECT value ->> 0, value ->> 1, ? FROM json_each(?) ORDER BY 1, 2`

function insertTargets(db: Connection, { position, resolved }: Revocation): void {
  db.run(TARGETS, [position, text(targetsOf(resolved))])
}

type Target = readonly [dimension: string, value: string]
const EVERYTHING: Target = ['all', '']

/** What it names; one that names nothing, but a window perhaps, is a candidate for every token. */
function targetsOf(resolved: Selector): readonly Target[] {
  const named = namedIn(resolved)
  return resolved.all === true || named.length === 0 ? [EVERYTHING] : named
}

const namedIn = (values: Selector | CandidateValues): Target[] =>
  dimensions.flatMap(([dimension]) =>
    (values[dimension] ?? []).map((value): Target => [dimension, value]),
  )

const CANDIDATES = `${SELECT} WHERE position IN (
    SELECT target.position FROM json_each(?) AS wanted CROSS JOIN revocation_target AS target
    ON target.dimension = wanted.value ->> 0 AND target.value = wanted.value ->> 1
  ) ORDER BY position`

export const revocationCandidates = (db: Connection, values: CandidateValues): Revocation[] =>
  db.all<Row>(CANDIDATES, [text([EVERYTHING, ...namedIn(values)])]).map(revocationOf)

export function findRevocation(db: Connection, id: string): Revocation | undefined {
  const row = db.get<Row>(`${SELECT} WHERE id = ?`, [id])
  return row === undefined ? undefined : revocationOf(row)
}

export function listRevocations(
  db: Connection,
  filter: RevocationFilter,
  page: PageRequest,
): Page<Revocation> {
  const { sql, values } = where([
    ...(filter.lifted === undefined
      ? []
      : [condition(`lifted_ms IS ${filter.lifted ? 'NOT NULL' : 'NULL'}`)]),
    ...given('reason = ?', filter.reason),
    ...given('actor = ?', filter.actor),
    ...given('position < ?', seenLastNumber('revocation', page)),
  ])
  const rows = db.all<Row>(`${SELECT} ${sql} ORDER BY position DESC LIMIT ?`, [
    ...values,
    oneMore(page),
  ])
  return pageOf('revocation', page, rows, { item: revocationOf, seen: ([position]) => position })
}

export const unliftedRevocations = (db: Connection): Revocation[] =>
  db.all<Row>(`${SELECT} WHERE lifted_ms IS NULL ORDER BY position`).map(revocationOf)

/** The domain's `isDue`: a block that holds, or a suspension that is not lifted. */
const DUE = `${SELECT} INDEXED BY revocation_due
  WHERE lifted_ms IS NULL AND expires_ms <= ? AND (blocks = 1 OR suspends = 1)
  ORDER BY position`

export const revocationsDue = (db: Connection, at: Instant): Revocation[] =>
  db.all<Row>(DUE, [at]).map(revocationOf)

const UNENFORCED = `${SELECT} INDEXED BY revocation_unenforced
  WHERE lifted_ms IS NULL AND enforced_ms IS NULL AND coverage IS NOT NULL
  ORDER BY position LIMIT ?`

export const unenforcedRevocations = (db: Connection, limit: number): Revocation[] =>
  db.all<Row>(UNENFORCED, [limit]).map(revocationOf)
