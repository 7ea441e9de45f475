import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { verifyChain } from '#domain/feed/chain.ts'
import { feedOrigin } from '#domain/feed/entry.ts'
import type { Reading } from '#store/port.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import type { Json } from './harness.ts'

/** What a database says that has happened; each of the lists in the order in which it did. */
export interface Examined {
  readonly credentials: readonly string[]
  readonly revocations: readonly string[]
  /** Ids of the tokens' signing keys. */
  readonly keys: readonly string[]
  /** Positions of the feed's entries. */
  readonly feed: readonly number[]
  /** `action outcome`. */
  readonly audit: readonly string[]
  readonly clients: readonly string[]
  /** Tag `key` → how many credentials carry it with that value. */
  readonly tagged: (key: string) => ReadonlyMap<string, number>
}

/**
 * Opens a database as the program would, which recovers it, and holds what is in it against itself:
 * the feed is gapless and chained, every revocation and key has its entries there and every entry its
 * row, every mutation has its audit entry and its remembered answer, every token its record.
 */
export async function examine(path: string): Promise<Examined> {
  const store = openSqliteStore({ path, mode: 'open' })
  try {
    await store.read(mustBeChained)
  } finally {
    await store.close()
  }
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const all = (sql: string): Json[] => db.prepare(sql).all()
    expect(all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }])
    expect(all('PRAGMA foreign_key_check')).toEqual([])
    return mustAgree(all)
  } finally {
    db.close()
  }
}

async function mustBeChained(tx: Reading): Promise<void> {
  const state = await tx.feed()
  const entries = await tx.feedEntries(0, 1_000_000)
  const { end, broken } = verifyChain(feedOrigin(0), entries)
  expect(broken).toBeUndefined()
  expect(end).toEqual({ position: state.position, chain: state.chain })
}

function mustAgree(all: (sql: string) => Json[]): Examined {
  const entries = all('SELECT position, op, CAST(bytes AS TEXT) AS text FROM feed_entry ORDER BY 1')
  const bodies = entries.map(({ text }: Json) => JSON.parse(text))
  const audit = all('SELECT * FROM audit ORDER BY n').map((row: Json) => ({
    ...row,
    detail: JSON.parse(row.detail),
  }))
  const done = audit.filter(({ outcome }) => outcome === 'ok')
  const of = (op: string) => bodies.filter((body) => body.op === op)

  const revocations = all('SELECT position, id, lifted_ms FROM revocation ORDER BY position')
  expect(of('revoke').map(({ position, id }) => ({ position, id }))).toEqual(
    revocations.map(({ position, id }) => ({ position, id })),
  )
  const lifted = revocations.filter(({ lifted_ms: at }) => at !== null).map(({ id }) => id)
  expect(new Set(of('lift').map(({ id }) => id))).toEqual(new Set(lifted))
  for (const { id } of revocations) {
    const named = done.filter(
      ({ target, detail, action }) =>
        (target === `revocation:${id}` && action === 'revocation.create' && !detail.already) ||
        detail.revocationId === id,
    )
    expect(named, `audit entries of revocation ${id}`).toHaveLength(1)
  }

  const keys = all('SELECT id, purpose, state FROM signing_key ORDER BY n')
  const told = new Map(of('key').map(({ id, state }) => [id, state]))
  expect(told).toEqual(new Map(keys.map(({ id, state }) => [id, state])))
  const active = keys.filter(({ state }) => state === 'active').map(({ purpose }) => purpose)
  expect(active.length).toBe(3)
  expect(new Set(active)).toEqual(new Set(['feed', 'status', 'token']))

  const credentials = all('SELECT id, tags FROM credential ORDER BY n')
  const ids = credentials.map(({ id }): string => id)
  const issues = done.filter(({ action }) => action === 'credential.issue')
  const issued = issues.flatMap(({ detail: { count, firstId, lastId } }) => {
    const from = ids.indexOf(firstId)
    expect(ids[from + count - 1]).toBe(lastId)
    return ids.slice(from, from + count)
  })
  expect(issued.length).toBe(ids.length)
  expect(new Set(issued), 'issued as the audit log has it').toEqual(new Set(ids))

  const places = all('SELECT status_list, status_index FROM credential')
  const distinct = new Set(places.map((place: Json) => JSON.stringify(place)))
  expect(distinct.size, 'places in status lists').toBe(places.length)

  const clients = all('SELECT id FROM client ORDER BY id').map(({ id }): string => id)
  const created = done.filter(({ action }) => action === 'client.create')
  expect(new Set(created.map(({ target }) => target))).toEqual(
    new Set(clients.map((id) => `client:${id}`)),
  )

  const [replies] = all('SELECT count(*) AS count FROM reply')
  const answered = done.filter(
    ({ action, actor }) => actor !== 'authority' && !action.startsWith('authority.'),
  )
  expect(replies.count, 'remembered answers').toBe(answered.length)

  return {
    credentials: ids,
    revocations: revocations.map(({ id }) => id),
    keys: keys.filter(({ purpose }) => purpose === 'token').map(({ id }) => id),
    feed: entries.map(({ position }: Json) => position),
    audit: audit.map(({ action, outcome }) => `${action} ${outcome}`),
    clients,
    tagged(key) {
      const counts = new Map<string, number>()
      for (const { tags } of credentials) {
        const value = JSON.parse(tags)[key]
        if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1)
      }
      return counts
    },
  }
}
