import { describe, expect, it } from 'vitest'
import { append } from '#app/feed.ts'
import { issueHead } from '#app/heads.ts'
import { createStatusWalk, EXPIRED_KEPT_SECONDS } from '#app/status-walk.ts'
import type { Position } from '#domain/feed/position.ts'
import type { StatusList } from '#domain/status-list/status-list.ts'
import { fromSeconds, instant } from '#kernel/instant.ts'
import type { Reading, Store } from '#store/port.ts'
import { listWorld } from './status-list-world.ts'

/** One credential that is revoked, and one of the same client that came after. */
async function walked(change: (list: StatusList) => StatusList | undefined) {
  const { world, issue } = await listWorld()
  const revoked = await issue()
  await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing', block: false })
  const fresh = await issue()
  const { positions = [] } = await issueHead(world.deps, { withPositions: true })
  const lists = (await world.store.read((tx) => tx.statusLists())).flatMap(
    (list) => change(list) ?? [],
  )
  const decidedAt = instant(world.clock.now() + 1000)
  const statuses = await createStatusWalk(world.deps)({ lists, positions, decidedAt })
  const at = ({ status }: typeof fresh): number | undefined => {
    const { list = '', index = 0 } = status ?? {}
    const byte = statuses.get(list)?.bytes[Math.floor(index / 4)]
    return byte === undefined ? undefined : (byte >> (2 * (index % 4))) & 3
  }
  return { size: statuses.size, revoked: at(revoked), fresh: at(fresh) }
}

describe('what the lists say', () => {
  it('is by the entries that are in force, and by none that follows one which is gone', async () => {
    const { world, issue } = await listWorld()
    await issue()
    const { deps, store } = world
    const lift = { op: 'lift', body: { id: 'rev_0' }, result: undefined } as const
    await store.write((tx) => append(deps, tx, () => lift))
    const { position: gone } = await store.read((tx) => tx.feed())
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing', block: false })
    const { position: floor } = await store.read((tx) => tx.feed())
    await store.write((tx) => tx.compactFeed({ floor, endedBeforeSeconds: 0, limit: 9 }))
    expect(await store.read((tx) => tx.feedEntry(gone))).toBeUndefined()
    const lists = await store.read((tx) => tx.statusLists())
    const decidedAt = instant(world.clock.now() + 1000)
    const sizeAt = async (at: Position) =>
      (await createStatusWalk(deps)({ lists, positions: [at], decidedAt })).size
    expect([await sizeAt(gone), await sizeAt(floor)]).toEqual([0, 1])
  })

  it('is by what was in force as long as others may be behind, and forgotten then', async () => {
    const { world } = await listWorld()
    let reads = 0
    const counting = (tx: Reading): Reading => ({
      ...tx,
      feedEntries(after, limit) {
        reads += 1
        return tx.feedEntries(after, limit)
      },
    })
    const store: Store = {
      ...world.store,
      read: (work) => world.store.read((tx) => work(counting(tx))),
    }
    const walk = createStatusWalk({ ...world.deps, store })
    const readsAt = async (seconds: number, ...positions: Position[]) => {
      reads = 0
      await walk({ lists: [], positions, decidedAt: fromSeconds(seconds) })
      return reads
    }
    const { position } = await store.read((tx) => tx.feed())
    const begun = world.clock.now() / 1000
    expect(await readsAt(begun, position)).toBe(1)
    expect(await readsAt(begun + EXPIRED_KEPT_SECONDS)).toBe(1)
    expect(await readsAt(begun + EXPIRED_KEPT_SECONDS + 1)).toBe(0)
  })

  it('is of the lists that were asked for: another one is the next edition’s', async () => {
    expect(await walked((list) => list)).toEqual({ size: 1, revoked: 1, fresh: 0 })
    expect((await walked(() => undefined)).size).toBe(0)
  })

  it('is INVALID all over a list that was abandoned, whatever became of a credential', async () => {
    const said = await walked((list) => ({ ...list, isAbandoned: true }))
    expect(said).toEqual({ size: 1, revoked: 1, fresh: 1 })
  })
})
