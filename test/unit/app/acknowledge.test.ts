import { describe, expect, it } from 'vitest'
import { feedNode } from '#app/feed-node.ts'
import type { HeadClaims } from '#domain/feed/head.ts'
import { position } from '#domain/feed/position.ts'
import type { Store } from '#store/port.ts'
import { createWorld, refusalOf, remote, type TestWorld } from '../world.ts'
import { acknowledgementOf, claimsOf, follower, question } from './feed-world.ts'

const onRecord = (world: TestWorld, id: string) => world.store.read((tx) => tx.findIncarnation(id))

async function synced(world: TestWorld, incarnation: string, verifierId = 'local') {
  const { head } = await world.as(follower(verifierId)).syncFeed(question(incarnation))
  return claimsOf(head)
}

/** A world in which somebody has synced, and what was alarmed of. */
async function following() {
  const world = await createWorld()
  const alarms: string[] = []
  Object.assign(world.deps, { alarm: (code: string) => alarms.push(code) })
  const id = 'a'.repeat(22)
  const head = await synced(world, id)
  const v = world.as(follower('local'))
  return { world, alarms, id, head, v }
}

describe('an acknowledgement', () => {
  it('is on record with the authority’s time when it is answered', async () => {
    const { world, id, head, v } = await following()
    world.clock.advance(40)
    expect(await v.acknowledgeFeed(acknowledgementOf(id, head))).toEqual({
      position: head.position,
    })
    expect(await onRecord(world, id)).toMatchObject({
      acknowledged: {
        position: head.position,
        chain: head.chain,
        digest: head.digest,
        headMicros: head.time,
        atMicros: world.clock.now() * 1000,
      },
    })
  })

  it('of many is one transaction, in which each stands for itself', async () => {
    const { world } = await following()
    const ids = Array.from({ length: 50 }, (_, i) => String(i).padStart(22, 'm'))
    const heads = new Map<string, HeadClaims>()
    for (const id of ids) heads.set(id, await synced(world, id))
    let writes = 0
    const write: Store['write'] = (work) => {
      writes++
      return counted(work)
    }
    const counted = world.store.write.bind(world.store)
    Object.assign(world.store, { write })
    const v = world.as(follower('local'))
    const told = await Promise.allSettled(
      ids.map((id, i) => {
        const given = acknowledgementOf(id, heads.get(id) as HeadClaims)
        return v.acknowledgeFeed(i === 7 ? { ...given, incarnation: 'z'.repeat(22) } : given)
      }),
    )
    expect(writes).toBe(1)
    const refused = told.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []))
    expect(refused).toEqual([7])
    for (const [i, id] of ids.entries()) {
      expect((await onRecord(world, id))?.acknowledged === undefined).toBe(i === 7)
    }
    // The next one begins another gathering.
    await v.acknowledgeFeed(
      acknowledgementOf(ids[7] as string, heads.get(ids[7] as string) as HeadClaims),
    )
    expect(writes).toBe(2)
  })

  it('of all fails where the store does, and the next ones are taken', async () => {
    const { world, id, head, v } = await following()
    const real = world.store.write.bind(world.store)
    let isBroken = true
    const write: Store['write'] = (work) =>
      isBroken ? Promise.reject(new Error('the disk is gone')) : real(work)
    Object.assign(world.store, { write })
    const given = acknowledgementOf(id, head)
    const told = await Promise.allSettled([v.acknowledgeFeed(given), v.acknowledgeFeed(given)])
    expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    isBroken = false
    await v.acknowledgeFeed(given)
    expect((await onRecord(world, id))?.acknowledged).toBeDefined()
  })

  it('is for its own incarnation only', async () => {
    const { world, id, head } = await following()
    const { verifier } = await world.admin.createVerifier({ name: 'v' })
    const given = acknowledgementOf(id, head)
    const foreign = await refusalOf(world.as(follower(verifier.id)).acknowledgeFeed(given))
    const unknown = await refusalOf(
      world.as(follower(verifier.id)).acknowledgeFeed({ ...given, incarnation: 'u'.repeat(22) }),
    )
    expect([foreign.code, unknown.code]).toEqual(['incarnation-unknown', 'incarnation-unknown'])
    expect((await refusalOf(world.as(remote(['feed:follow'])).acknowledgeFeed(given))).code).toBe(
      'scope-insufficient',
    )
    expect((await onRecord(world, id))?.acknowledged).toBeUndefined()
  })

  it.for([
    ['a position that is still to come', { position: 100 }],
    ['another chain', { chain: 'c'.repeat(43) }],
    ['another digest', { digest: 'd'.repeat(43) }],
    ['a time that is still to come', { time: 1_000_000_000 }],
  ] as const)('of %s is refused and alarmed of', async ([, change]) => {
    const { world, alarms, id, head, v } = await following()
    const given = acknowledgementOf(id, head)
    const wrong = {
      ...given,
      ...('chain' in change || 'digest' in change ? change : {}),
      position: given.position + ('position' in change ? change.position : 0),
      time: given.time + ('time' in change ? change.time : 0),
    }
    expect((await refusalOf(v.acknowledgeFeed(wrong))).code).toBe('feed-diverged')
    expect(alarms).toEqual(['feed-diverged'])
    expect((await onRecord(world, id))?.acknowledged).toBeUndefined()
    // A liar stops nobody: what has proved that a database went back is a sync.
    await v.syncFeed(question(id))
  })

  it('of a position that its head does not have is refused, though its chain is right', async () => {
    const { world, alarms, id, head, v } = await following()
    await world.admin.rotateKey({})
    const later = await synced(world, id)
    const wrong = { ...acknowledgementOf(id, later), position: head.position, chain: head.chain }
    expect((await refusalOf(v.acknowledgeFeed(wrong))).code).toBe('feed-diverged')
    expect(alarms).toEqual(['feed-diverged'])
  })

  it('is held against its head also where the feed cannot contradict it any more', async () => {
    const { world, alarms, id, head, v } = await following()
    await world.admin.rotateKey({})
    await world.admin.rotateKey({})
    const later = await synced(world, id)
    const step = { floor: later.position, endedBeforeSeconds: 0, limit: 100 }
    expect(await world.store.write((tx) => tx.compactFeed(step))).toBeGreaterThan(0)
    const gone = position(1, 1)
    expect(await world.store.read((tx) => tx.feedEntry(gone))).toBeUndefined()
    // The head of before was issued here: moved to a place that is gone, only it can show the lie.
    feedNode(world.store).issued.set(head.time, { ...head, position: gone })
    const collected = acknowledgementOf(id, { ...head, position: gone })
    for (const wrong of [
      { ...collected, chain: 'c'.repeat(43) },
      { ...acknowledgementOf(id, later), position: gone },
    ]) {
      expect((await refusalOf(v.acknowledgeFeed(wrong))).code).toBe('feed-diverged')
    }
    expect(alarms).toEqual(['feed-diverged', 'feed-diverged'])
    expect((await onRecord(world, id))?.acknowledged).toBeUndefined()
    await v.acknowledgeFeed(collected)
  })

  it('of a head that this node does not remember has the verifier sync', async () => {
    const { world, id, head, v } = await following()
    feedNode(world.store).issued.clear()
    const given = acknowledgementOf(id, head)
    expect((await refusalOf(v.acknowledgeFeed(given))).code).toBe('incarnation-unknown')
    // A chain that contradicts the feed is one all the same.
    const wrong = { ...given, chain: 'c'.repeat(43) }
    expect((await refusalOf(v.acknowledgeFeed(wrong))).code).toBe('feed-diverged')
    await v.acknowledgeFeed(acknowledgementOf(id, await synced(world, id)))
  })
})

describe('a verifier that ends', () => {
  it('says so, holds no lease any more, and is given nothing', async () => {
    const { world, id, head, v } = await following()
    const ended: unknown[] = []
    feedNode(world.store).onEnded.add((who) => ended.push(who))
    await v.acknowledgeFeed(acknowledgementOf(id, head))
    expect(ended).toEqual([])
    world.clock.advance(40)
    await v.acknowledgeFeed({ ...acknowledgementOf(id, head), released: true })
    expect(await onRecord(world, id)).toMatchObject({
      releasedMicros: world.clock.now() * 1000,
      acknowledged: { position: head.position },
    })
    expect(ended).toEqual([{ incarnation: id }])
  })

  it('may say so of a head that nobody remembers, if it has acknowledged before', async () => {
    const { world, id, head, v } = await following()
    const released = { ...acknowledgementOf(id, head), released: true } as const
    feedNode(world.store).issued.clear()
    expect((await refusalOf(v.acknowledgeFeed(released))).code).toBe('incarnation-unknown')
    const next = await synced(world, id)
    await v.acknowledgeFeed(acknowledgementOf(id, next))
    feedNode(world.store).issued.clear()
    const unknown = { ...acknowledgementOf(id, next), digest: 'u'.repeat(43), time: next.time - 1 }
    expect((await refusalOf(v.acknowledgeFeed(unknown))).code).toBe('incarnation-unknown')
    await v.acknowledgeFeed({ ...unknown, released: true })
    const { releasedMicros, acknowledged } = (await onRecord(world, id)) ?? {}
    expect(releasedMicros).toBeDefined()
    expect(acknowledged).toMatchObject({ digest: next.digest, headMicros: next.time })
  })
})
