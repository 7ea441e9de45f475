import { expect, it } from 'vitest'
import { position } from '#domain/feed/position.ts'
import { migrations } from '#store/migrations/all.ts'
import { compactFeed, feedFloor } from '#store/sqlite/compaction.ts'
import { connect, type Connection } from '#store/sqlite/connection.ts'
import { feedEntries, feedState } from '#store/sqlite/feed.ts'
import { bringUpToDate } from '#store/sqlite/migrate.ts'
import {
  findRevocation,
  unenforcedRevocations,
  updateRevocation,
} from '#store/sqlite/revocations.ts'

const at = (sequence: number) => position(1, sequence)

/** A database as version 2 left it, with a feed and revocations in it. */
function ofVersion2(): Connection {
  const db = connect(':memory:', 0)
  bringUpToDate(db, 'create', migrations.slice(0, 2))
  const entries = [
    ['revoke', '{"position":1,"op":"revoke","id":"rev_1","selector":{"all":true}}', 50],
    ['key', '{"position":2,"op":"key","id":"key_1","purpose":"token"}', null],
    ['lift', '{"position":3,"op":"lift","id":"rev_1"}', null],
    ['key', '{"position":4,"op":"key","id":"key_1","purpose":"token"}', null],
    ['revoke', '{"position":5,"op":"revoke","id":"rev_2","selector":{"all":true}}', 50],
    ['revoke', '{"position":6,"op":"revoke","id":"rev_3","selector":{"all":true}}', null],
    ['key', '{"position":7,"op":"key","id":"key_2","purpose":"feed"}', null],
  ] as const
  for (const [i, [op, bytes, until]] of entries.entries()) {
    db.run('INSERT INTO feed_entry VALUES (?, ?, ?, zeroblob(32), ?)', [
      at(i + 1),
      op,
      new TextEncoder().encode(bytes),
      until,
    ])
  }
  db.run('UPDATE feed SET position = ?, time_micros = 1000', [at(entries.length)])
  db.exec(`INSERT INTO revocation (position, id, selector, exceptions, reach, reason, grace_s, blocks,
      final, suspends, published_ms, matched, actor, record_salt)
    VALUES (${at(6)}, 'rev_3', '{"all":true}', '{}', 'sessions', 'other', 0, 0, 0, 0, 1,
      '{"credentials":0,"byClient":{},"byScope":{},"byAudience":{}}', 'local', 'salt')`)
  return db
}

it('what was there before enforcement was kept stays, byte for byte, and nothing is lost', () => {
  const db = ofVersion2()
  const before = db.all('SELECT position, op, bytes, chain, until_s FROM feed_entry')
  bringUpToDate(db, 'open')
  expect(db.all('SELECT position, op, bytes, chain, until_s FROM feed_entry')).toEqual(before)
  expect([feedFloor(db), feedState(db).position]).toEqual([at(0), at(7)])
})

it('an old feed is compacted as a new one is: its entries say whose they are', () => {
  const db = ofVersion2()
  bringUpToDate(db, 'open')
  expect(compactFeed(db, { floor: at(7), endedBeforeSeconds: 51, limit: 99 })).toBe(4)
  expect(feedEntries(db, 0, 99).map((entry) => entry.position)).toEqual([at(4), at(6), at(7)])
})

it('an old revocation waits for no proof: nobody had a lease when it was published', () => {
  const db = ofVersion2()
  bringUpToDate(db, 'open')
  const old = findRevocation(db, 'rev_3')
  expect([old?.coverage, old?.enforcedBy, old?.enforcedAt]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  expect(unenforcedRevocations(db, 9)).toEqual([])
  if (old !== undefined) updateRevocation(db, { ...old, reason: 'testing' })
  expect(findRevocation(db, 'rev_3')).toEqual({ ...old, reason: 'testing' })
})

it('entries are never changed, and none from the floor on is removed, by whoever has the file', () => {
  const db = ofVersion2()
  bringUpToDate(db, 'open')
  compactFeed(db, { floor: at(5), endedBeforeSeconds: 0, limit: 99 })
  for (const sequence of [5, 6, 7]) {
    const remove = () => db.exec(`DELETE FROM feed_entry WHERE position = ${at(sequence)}`)
    expect(remove).toThrow('whole from its floor on')
  }
  expect(() => db.exec("UPDATE feed_entry SET op = 'lift'")).toThrow('never changed')
})
