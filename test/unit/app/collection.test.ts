import { describe, expect, it } from 'vitest'
import { collectStep } from '#app/collection.ts'
import { append } from '#app/feed.ts'
import { PURGE_STEP_ROWS, purgeStep } from '#app/purge.ts'
import { epochEntry } from '#domain/feed/entry.ts'
import { type Position, position, sequenceOf } from '#domain/feed/position.ts'
import { defaultPolicy, type Policy } from '#domain/policy/policy.ts'
import { instant } from '#kernel/instant.ts'
import { BEGINNING, createWorld, type TestWorld } from '../world.ts'

const SECOND = 1000
const DAY = 24 * 60 * 60 * SECOND
const keeping = (entriesKept: number): Policy => ({
  ...defaultPolicy,
  feed: { ...defaultPolicy.feed, entriesKept },
})

const feed = ({ store }: TestWorld) => store.read((tx) => tx.feed())
const floor = ({ store }: TestWorld) => store.read((tx) => tx.feedFloor())
const entries = async ({ store }: TestWorld): Promise<Position[]> =>
  (await store.read((tx) => tx.feedEntries(0, 10_000))).map((entry) => entry.position)

/** Entries of revocations that nobody knows, each gone as soon as it is below the floor. */
const fill = ({ deps, store }: TestWorld, count: number): Promise<void> =>
  store.write(async (tx) => {
    for (let i = 0; i < count; i++) {
      await append(deps, tx, () => ({ op: 'lift', body: { id: 'rev_0' }, result: undefined }))
    }
  })

async function collectAll({ deps }: TestWorld): Promise<void> {
  while (await collectStep(deps, 500));
}

describe('the floor', () => {
  it('leaves at least so many entries above it as policy says, and rises by a tenth of that', async () => {
    const world = await createWorld({ policy: keeping(20) })
    const raised: number[] = []
    for (let i = 0; i < 30; i++) {
      await fill(world, 1)
      await collectAll(world)
      const [at, newest] = [await floor(world), (await feed(world)).position]
      const above = (await entries(world)).filter((it) => at < it)
      expect(above).toHaveLength(newest - at)
      expect(above.length).toBeLessThanOrEqual(21)
      expect(Math.min(20, newest - position(1, 0))).toBeLessThanOrEqual(above.length)
      raised.push(sequenceOf(at))
    }
    expect(new Set(raised).size).toBeGreaterThan(3)
    expect(raised).toEqual(raised.toSorted((a, b) => a - b))
    expect(raised.every((it) => it % 2 === 0)).toBe(true)
  })

  it('stays in an epoch until the next one has as many entries of its own', async () => {
    const world = await createWorld({ policy: keeping(10) })
    const keys = await entries(world)
    await fill(world, 5)
    const before = await feed(world)
    await world.store.write((tx) => tx.appendFeed(epochEntry(before), before.timeMicros + 1))
    await fill(world, 9)
    await collectAll(world)
    expect(await floor(world)).toBe(position(1, 0))
    await fill(world, 1)
    await collectAll(world)
    expect(await floor(world)).toBe(position(2, 0))
    expect((await entries(world)).filter((it) => it < position(2, 0))).toEqual(keys)
  })

  it('may be at the newest entry, where policy keeps none', async () => {
    const world = await createWorld({ policy: keeping(0) })
    await fill(world, 3)
    await collectAll(world)
    expect(await floor(world)).toBe((await feed(world)).position)
  })
})

/** A revocation of one token, and when its entry ends. */
async function revoked(world: TestWorld): Promise<{ at: Position; untilSeconds: number }> {
  const { admin } = world
  await admin.createClient({ id: 'a', scopes: ['read'] })
  await admin.issueTokens({ clientId: 'a' })
  await admin.revoke({ selector: { clients: ['a'] }, reason: 'testing', block: false })
  const at = (await feed(world)).position
  const entry = await world.store.read((tx) => tx.feedEntry(at))
  if (entry?.untilSeconds === undefined) throw new Error('the entry has no end')
  return { at, untilSeconds: entry.untilSeconds }
}

describe('what is collected', () => {
  it('is a revocation when every token it hits is past its expiry, leeway and five minutes', async () => {
    const world = await createWorld({ policy: keeping(0) })
    const { at, untilSeconds } = await revoked(world)
    const has = async () => (await entries(world)).includes(at)
    for (const [after, isKept] of [
      [-1, true],
      [0, true],
      [302, true],
      [303, false],
    ] as const) {
      world.clock.set(instant((untilSeconds + after) * SECOND))
      await fill(world, 1)
      await collectAll(world)
      expect([after, await has()]).toEqual([after, isKept])
    }
  })

  it('is judged by the feed’s time where the clock is ahead, and by the clock where it is behind', async () => {
    const world = await createWorld({ policy: keeping(0) })
    const { at, untilSeconds } = await revoked(world)
    await fill(world, 1)
    const has = async () => (await entries(world)).includes(at)
    world.clock.set(instant((untilSeconds + 1000) * SECOND))
    await collectAll(world)
    expect(await has()).toBe(true)
    await fill(world, 1)
    world.clock.set(BEGINNING)
    await collectAll(world)
    expect(await has()).toBe(true)
    world.clock.set(instant((untilSeconds + 1000) * SECOND))
    await collectAll(world)
    expect(await has()).toBe(false)
  })

  it('is who was not seen for a day, and what was begun a day ago', async () => {
    const world = await createWorld()
    const { store, clock } = world
    await store.write(async (tx) => {
      await tx.upsertIncarnation({
        id: 'inc',
        verifierId: 'local',
        name: 'x',
        audiences: ['x'],
        mode: 'strict',
        limitSeconds: 10,
        firstPosition: position(1, 1),
        headsUntilMicros: BEGINNING * 1000 - 60_000_000,
        firstSeenAt: BEGINNING,
        lastSeenAt: BEGINNING,
      })
      await tx.insertSelection({ id: 'sel', actor: 'x', createdAt: BEGINNING, tokens: 0 })
    })
    const left = () =>
      store.read(async (tx) => [
        (await tx.findIncarnation('inc'))?.id,
        (await tx.findSelection('sel'))?.id,
      ])
    clock.advance(DAY)
    await store.write((tx) => tx.advanceFeedTime(clock.now() * 1000))
    await collectAll(world)
    expect(await left()).toEqual(['inc', 'sel'])
    // A clock that is ahead forgets nobody who may hold a lease.
    clock.advance(1)
    await collectAll(world)
    expect(await left()).toEqual(['inc', undefined])
    await store.write((tx) => tx.advanceFeedTime(clock.now() * 1000))
    await collectAll(world)
    expect(await left()).toEqual([undefined, undefined])
  })

  it('is nothing at all while this may be an old database', async () => {
    const world = await createWorld({ policy: keeping(0) })
    await fill(world, 5)
    const before = await entries(world)
    const seen = { position: position(1, 99), chain: 'c', seenBy: 'x', at: BEGINNING }
    await world.store.write((tx) => tx.recordDivergence(seen))
    await collectAll(world)
    expect(await entries(world)).toEqual(before)
  })
})

describe('a step', () => {
  it('removes so many rows and says that there are more', async () => {
    const world = await createWorld({ policy: keeping(0) })
    await fill(world, 7)
    const before = (await entries(world)).length
    expect(await collectStep(world.deps, 4)).toBe(true)
    expect(await entries(world)).toHaveLength(before - 4)
    expect(await collectStep(world.deps, 4)).toBe(false)
    expect(await entries(world)).toHaveLength(before - 6)
  })

  it('is part of every purge', async () => {
    const world = await createWorld({ policy: keeping(0) })
    await fill(world, PURGE_STEP_ROWS + 5)
    expect(await purgeStep(world.deps)).toBe(true)
    expect(await purgeStep(world.deps)).toBe(false)
    expect((await entries(world)).length).toBeLessThan(5)
  })
})
