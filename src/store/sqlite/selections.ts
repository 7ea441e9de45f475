import { type Instant, instant } from '#kernel/instant.ts'
import type { SelectionRecord } from '#store/port.ts'
import { assert, type Connection } from './connection.ts'
import { text } from './values.ts'

type Row = readonly [n: number, actor: string, createdMs: number, tokens: number]

const rowOf = (db: Connection, id: string): Row | undefined =>
  db.get<Row>('SELECT n, actor, created_ms, tokens FROM selection WHERE id = ? AND forgotten = 0', [
    id,
  ])

export function findSelection(db: Connection, id: string): SelectionRecord | undefined {
  const row = rowOf(db, id)
  if (row === undefined) return undefined
  const [, actor, createdMs, tokens] = row
  return { id, actor, createdAt: instant(createdMs), tokens }
}

const TOKENS = `SELECT token FROM selection_token
  WHERE selection_n = ? AND ? <= place ORDER BY place LIMIT ?`

export function selectionTokens(
  db: Connection,
  id: string,
  { from, limit } = { from: 0, limit: -1 },
): string[] {
  const row = rowOf(db, id)
  if (row === undefined) return []
  return db.all<readonly [string]>(TOKENS, [row[0], from, limit]).map(([token]) => token)
}

export function insertSelection(db: Connection, selection: SelectionRecord): void {
  const { id, actor, createdAt, tokens } = selection
  assert(tokens === 0, 'a selection begins empty')
  db.run('INSERT INTO selection (id, actor, created_ms, tokens) VALUES (?, ?, ?, 0)', [
    id,
    actor,
    createdAt,
  ])
}

const APPEND = `INSERT OR IGNORE INTO selection_token (selection_n, place, token)
  SELECT ?1, ?2 + key, value FROM json_each(?3)`

export function appendSelection(
  db: Connection,
  id: string,
  offset: number,
  tokens: readonly string[],
): void {
  const row = rowOf(db, id)
  assert(row !== undefined, `no selection ${id} to add to`)
  const [n, , , held] = row
  assert(0 <= offset && offset <= held, `selection ${id} would have a gap after ${held}`)
  db.run(APPEND, [n, offset, text(tokens)])
  db.run('UPDATE selection SET tokens = max(tokens, ?) WHERE n = ?', [offset + tokens.length, n])
}

export const isSelectionDue = (db: Connection, createdBefore: Instant): boolean =>
  db.get('SELECT 1 FROM selection WHERE created_ms < ? LIMIT 1', [createdBefore]) !== undefined

/** A list may hold a million tokens: it is gone at once, and its rows a few at a time. */
export function forgetSelections(db: Connection, createdBefore: Instant, limit: number): number {
  db.run('UPDATE selection SET forgotten = 1 WHERE created_ms < ? AND forgotten = 0', [
    createdBefore,
  ])
  let left = limit
  const gone = db.all<readonly [number]>(
    'SELECT n FROM selection WHERE created_ms < ? ORDER BY created_ms, n LIMIT ?',
    [createdBefore, limit],
  )
  for (const [n] of gone) {
    left -= db.run(
      `DELETE FROM selection_token WHERE (selection_n, place) IN
         (SELECT selection_n, place FROM selection_token WHERE selection_n = ? LIMIT ?)`,
      [n, left],
    )
    if (left <= 0) break
    left -= db.run('DELETE FROM selection WHERE n = ?', [n])
  }
  return limit - left
}
