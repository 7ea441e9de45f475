import type { Tier } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import type { Position } from '#domain/feed/position.ts'
import { fromSeconds, type Instant, instant, toSeconds } from '#kernel/instant.ts'
import type { LongestLifetime } from '#store/port.ts'
import type { Connection } from './connection.ts'
import { list, text, words } from './values.ts'

/** In the order of `CredentialRow`. */
export const CREDENTIAL_COLUMNS = `id, client_id, tier, subject, scopes, audience, issued_s, expires_s,
  key_id, session_id, parent_id, feed_seq, root_seq, root_issued_s, created_by, justification, tags,
  last_seen_ms, trust_id, status_list, status_index`

export type CredentialRow = readonly [
  id: string,
  clientId: string,
  tier: Tier,
  subject: string,
  scopes: string,
  audience: string,
  issuedSeconds: number,
  expiresSeconds: number,
  keyId: string,
  sessionId: string,
  parentId: string | null,
  feedSeq: Position,
  rootSeq: Position,
  rootIssuedSeconds: number,
  createdBy: string,
  justification: string | null,
  tags: string,
  lastSeenMs: number | null,
  trustId: string | null,
  statusList: string | null,
  statusIndex: number | null,
]

const NO_TAGS: Readonly<Record<string, string>> = Object.freeze({})

/** Runs once a row on lists of a million, so it parses nothing that is empty. */
export function credentialOf(row: CredentialRow): Credential {
  const credential: { -readonly [K in keyof Credential]: Credential[K] } = {
    id: row[0],
    clientId: row[1],
    tier: row[2],
    subject: row[3],
    scopes: list(row[4]),
    audience: list(row[5]),
    issuedAt: fromSeconds(row[6]),
    expiresAt: fromSeconds(row[7]),
    keyId: row[8],
    sessionId: row[9],
    feedSeq: row[11],
    rootSeq: row[12],
    rootIssuedAt: fromSeconds(row[13]),
    createdBy: row[14],
    tags: row[16] === '{}' ? NO_TAGS : (JSON.parse(row[16]) as Credential['tags']),
  }
  if (row[10] !== null) credential.parentId = row[10]
  if (row[15] !== null) credential.justification = row[15]
  if (row[17] !== null) credential.lastSeenAt = instant(row[17])
  if (row[18] !== null) credential.trustId = row[18]
  if (row[19] !== null && row[20] !== null) credential.status = { list: row[19], index: row[20] }
  return credential
}

export function findCredential(db: Connection, id: string): Credential | undefined {
  const row = db.get<CredentialRow>(`SELECT ${CREDENTIAL_COLUMNS} FROM credential WHERE id = ?`, [
    id,
  ])
  return row === undefined ? undefined : credentialOf(row)
}

const INSERT = `INSERT INTO credential (${CREDENTIAL_COLUMNS})
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

export function insertCredentials(db: Connection, credentials: readonly Credential[]): void {
  for (const it of credentials) {
    db.run(INSERT, [
      it.id,
      it.clientId,
      it.tier,
      it.subject,
      words(it.scopes),
      words(it.audience),
      toSeconds(it.issuedAt),
      toSeconds(it.expiresAt),
      it.keyId,
      it.sessionId,
      it.parentId ?? null,
      it.feedSeq,
      it.rootSeq,
      toSeconds(it.rootIssuedAt),
      it.createdBy,
      it.justification ?? null,
      text(it.tags),
      it.lastSeenAt ?? null,
      it.trustId ?? null,
      it.status?.list ?? null,
      it.status?.index ?? null,
    ])
  }
}

/** Recursion passes through expired ones: what they begot may have been given longer to live. */
const DESCENDANTS = `
WITH RECURSIVE derived (id) AS (
  SELECT c.id FROM json_each(?) AS given JOIN credential AS c ON c.parent_id = given.value
  UNION
  SELECT c.id FROM derived JOIN credential AS c ON c.parent_id = derived.id
)
SELECT ${CREDENTIAL_COLUMNS} FROM credential
WHERE id IN (SELECT id FROM derived) AND ? < expires_s
ORDER BY id`

export const descendants = (
  db: Connection,
  ids: readonly string[],
  expiringAfter: Instant,
): readonly Credential[] =>
  db.all<CredentialRow>(DESCENDANTS, [text(ids), toSeconds(expiringAfter)]).map(credentialOf)

/**
 * From those that derive upwards, few as they are, and not from the many that a key has signed; the
 * cross join is what keeps SQLite to that order.
 */
const DERIVED_FROM_KEYS = `
WITH RECURSIVE derived (id) AS (
  SELECT c.id FROM credential AS c CROSS JOIN credential AS p ON p.id = c.parent_id
  WHERE c.parent_id IS NOT NULL AND p.key_id IN (SELECT value FROM json_each(?1))
  UNION
  SELECT c.id FROM derived JOIN credential AS c ON c.parent_id = derived.id
)
SELECT id FROM credential
WHERE id IN (SELECT id FROM derived) AND ?2 < expires_s
  AND key_id NOT IN (SELECT value FROM json_each(?1))
ORDER BY id`

export const derivedFromKeys = (
  db: Connection,
  keyIds: readonly string[],
  expiringAfter: Instant,
): readonly string[] =>
  db.all<[string]>(DERIVED_FROM_KEYS, [text(keyIds), toSeconds(expiringAfter)]).map(([id]) => id)

/** The keys that any credential was signed with: one jump in the index for each, not one a row. */
const USED_KEYS = `
WITH RECURSIVE used (key_id) AS (
  SELECT min(key_id) FROM credential
  UNION ALL
  SELECT (SELECT min(key_id) FROM credential WHERE used.key_id < credential.key_id)
  FROM used WHERE key_id IS NOT NULL
)`

const COUNT_LIVE = `${USED_KEYS}, counted AS (
  SELECT key_id, (SELECT count(*) FROM credential WHERE key_id = used.key_id AND ? < expires_s) AS live
  FROM used
)
SELECT key_id, live FROM counted WHERE 0 < live`

export const countLiveByKey = (
  db: Connection,
  expiringAfter: Instant,
): ReadonlyMap<string, number> =>
  new Map(db.all<[string, number]>(COUNT_LIVE, [toSeconds(expiringAfter)]))

const LARGEST_OF_KEY = 'SELECT max(expires_s) FROM credential WHERE key_id = ?'
const LARGEST = `${USED_KEYS}
SELECT max((SELECT max(expires_s) FROM credential WHERE key_id = used.key_id)) FROM used`

export function largestExpiry(db: Connection, keyId: string | undefined): Instant | undefined {
  const row =
    keyId === undefined
      ? db.get<[number | null]>(LARGEST)
      : db.get<[number | null]>(LARGEST_OF_KEY, [keyId])
  const seconds = row?.[0] ?? null
  return seconds === null ? undefined : fromSeconds(seconds)
}

const LONGEST = `${USED_KEYS}
SELECT max(expires_s - issued_s), max(expires_s) FROM used
  CROSS JOIN credential ON credential.key_id = used.key_id
WHERE ? < expires_s AND ? < expires_s - issued_s`

export function longestLifetime(
  db: Connection,
  expiringAfter: Instant,
  aboveSeconds: number,
): LongestLifetime | undefined {
  const [seconds, expires] = db.get<[number | null, number | null]>(LONGEST, [
    toSeconds(expiringAfter),
    aboveSeconds,
  ]) ?? [null, null]
  if (seconds === null || expires === null) return undefined
  return { seconds, expiresAt: fromSeconds(expires) }
}

/** The first by id among the unexpired: whoever looks for these need not begin before it. */
const OLDEST_ALIVE = `${USED_KEYS}
SELECT min((SELECT min(id) FROM credential WHERE key_id = used.key_id AND ? < expires_s)) FROM used`

export const oldestAlive = (db: Connection, expiringAfter: Instant): string | undefined =>
  db.get<[string | null]>(OLDEST_ALIVE, [toSeconds(expiringAfter)])?.[0] ?? undefined
