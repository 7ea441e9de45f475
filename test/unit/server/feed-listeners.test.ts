import { describe, expect, it } from 'vitest'
import type { HeadClaims } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import { claimsOf, follower, question } from '../app/feed-world.ts'
import { refusalOf } from '../world.ts'
import { LOCAL_VERIFIER, logOf, move, settled, stage, TestSink } from './feed-stage.ts'

describe('who listens', () => {
  it('must be on record, by the same credential, and not have said goodbye', async () => {
    const { world, hub } = await stage()
    const { verifier } = await world.admin.createVerifier({ name: 'v' })
    const incarnation = 'a'.repeat(22)
    const asked = (verifierId: string) =>
      refusalOf(hub.admit(follower(verifierId), { incarnation }))
    expect((await asked('local')).code).toBe('incarnation-unknown')
    const { head } = await world.as(LOCAL_VERIFIER).syncFeed(question(incarnation))
    expect((await asked(verifier.id)).code).toBe('incarnation-unknown')
    expect((await asked('ver_nobody')).code).toBe('token-refused')
    await hub.admit(LOCAL_VERIFIER, { incarnation })
    const { position, chain, digest, time } = claimsOf(head)
    const given = { incarnation, position, chain, digest, time }
    await world.as(LOCAL_VERIFIER).acknowledgeFeed({ ...given, released: true })
    expect((await asked('local')).code).toBe('incarnation-unknown')
  })

  it('must not ask for what is to come, or is kept no more', async () => {
    const { world, hub, join } = await stage()
    await join('1')
    await move(world)
    await move(world)
    const { position } = await world.store.read((tx) => tx.feed())
    const incarnation = '1'.padEnd(22, '-')
    const asked = (after: number) =>
      refusalOf(hub.admit(LOCAL_VERIFIER, { incarnation, after: after as Position }))
    expect((await asked(position + 1)).code).toBe('feed-diverged')
    await hub.admit(LOCAL_VERIFIER, { incarnation, after: position })
    const floor = (position - 1) as Position
    await world.store.write((tx) => tx.compactFeed({ floor, endedBeforeSeconds: 0, limit: 100 }))
    expect(await asked(floor - 1)).toMatchObject({ code: 'feed-compacted', facts: { floor } })
    expect((await refusalOf(hub.admit(LOCAL_VERIFIER, { incarnation }))).code).toBe(
      'feed-compacted',
    )
    await hub.admit(LOCAL_VERIFIER, { incarnation, after: floor })
  })

  it('is promised heads for longer before the time is over, all in one go', async () => {
    const { world, hub, join } = await stage()
    const first = await join('1')
    await settled()
    const untilOf = async (id: string) =>
      (await world.store.read((tx) => tx.findIncarnation(id.padEnd(22, '-'))))?.headsUntilMicros
    const promised = await untilOf('1')
    world.clock.advance(29_000)
    const second = await join('2')
    await settled()
    expect(await untilOf('1')).toBe(promised)
    world.clock.advance(1001)
    hub.beat()
    await settled()
    const extended = (world.clock.now() + 60_000) * 1000
    expect([await untilOf('1'), await untilOf('2')]).toEqual([extended, extended])
    // Who does not listen is promised nothing.
    hub.leave(second.listener)
    world.clock.advance(40_000)
    hub.beat()
    await settled()
    expect(await untilOf('2')).toBe(extended)
    expect(first.sink.heads().at(-1)?.time).toBe(world.clock.now() * 1000)
  })

  it('is told a head by whatever is published, and then no other is due', async () => {
    const { world, hub, join, told } = await stage()
    hub.beat()
    await settled()
    expect(told()).toBe(0)
    const { sink } = await join('1')
    await settled()
    const before = { told: told(), heads: sink.heads().length }
    for (let round = 1; round <= 3; round++) {
      if (round === 2) await move(world)
      hub.poke()
      await settled()
      expect(told()).toBe(before.told + round)
      expect(sink.heads()).toHaveLength(before.heads + round)
    }
  })

  it('gets no head beyond what is on record, or from before it was', async () => {
    const { world, hub, join } = await stage()
    const { sink, listener } = await join('1')
    await settled()
    const heads = sink.heads().length
    listener.follower.headsUntilMicros = Number.MAX_SAFE_INTEGER
    Object.assign(listener.follower, { firstPosition: Number.MAX_SAFE_INTEGER })
    await move(world)
    hub.poke()
    await settled()
    expect(sink.heads()).toHaveLength(heads)
    expect(sink.entries()).toEqual(await logOf(world))
    Object.assign(listener.follower, { firstPosition: 0 })
    hub.beat()
    await settled()
    expect(sink.heads()).toHaveLength(heads + 1)
  })

  it('is cut when its credential is removed, here or by another process', async () => {
    const { world, hub } = await stage()
    const { verifier } = await world.admin.createVerifier({ name: 'v' })
    const { verifier: other } = await world.admin.createVerifier({ name: 'w' })
    const v = follower(verifier.id)
    const listen = async (id: string, caller: typeof v) => {
      await world.as(caller).syncFeed(question(id))
      const sink = new TestSink()
      hub.join(await hub.admit(caller, { incarnation: id }), sink)
      await settled()
      return sink
    }
    const mine = await listen('a'.repeat(22), v)
    const others = await listen('b'.repeat(22), follower(other.id))
    await world.admin.removeVerifier({ id: 'v' })
    expect([mine.state, others.state]).toEqual(['destroyed', 'open'])

    const record = await world.store.read((tx) => tx.findVerifier(other.id))
    if (record === undefined) throw new Error('it is on no record')
    await world.store.write((tx) => tx.updateVerifier({ ...record, removedAt: world.clock.now() }))
    world.clock.advance(30_001)
    const before = others.heads().length
    hub.beat()
    await settled()
    expect(others.state).toBe('destroyed')
    expect(others.heads()).toHaveLength(before)
    const { headsUntilMicros = 0 } =
      (await world.store.read((tx) => tx.findIncarnation('b'.repeat(22)))) ?? {}
    expect(headsUntilMicros).toBeLessThanOrEqual((world.clock.now() + 30_000) * 1000)
  })

  it('is cut when it says goodbye', async () => {
    const { world, join } = await stage()
    const { sink } = await join('1')
    await settled()
    const { position, chain, digest, time } = sink.heads().at(-1) as HeadClaims
    const given = { incarnation: '1'.padEnd(22, '-'), position, chain, digest, time }
    await world.as(LOCAL_VERIFIER).acknowledgeFeed(given)
    expect(sink.state).toBe('open')
    await world.as(LOCAL_VERIFIER).acknowledgeFeed({ ...given, released: true })
    expect(sink.state).toBe('destroyed')
  })

  it('is told to spread its acknowledgements where there are many', async () => {
    const { world, hub, join } = await stage()
    const { sink } = await join('1')
    await settled()
    const spread = () => sink.events().filter(({ event }) => event === 'spread')
    const more = Array.from({ length: 199 }, (_, i) => `m${i}`)
    for (const id of more) await join(id)
    await settled()
    hub.beat()
    await settled()
    expect(spread()).toEqual([])
    await move(world)
    hub.poke()
    await settled()
    expect(spread().map(({ data }) => data)).toEqual(['40'])
    expect(
      sink
        .events()
        .map(({ event }) => event)
        .slice(-3),
    ).toEqual(['entry', 'spread', 'head'])
  })

  it('is known to hold the newest head, unless that lies in a buffer', async () => {
    const { world, hub, join } = await stage()
    const { sink, listener } = await join('1')
    await settled()
    const ageOf = async () =>
      (await world.admin.showVerifier({ id: '1'.padEnd(22, '-') })).headAgeMs
    world.clock.advance(2000)
    expect(await ageOf()).toBe(2000)
    hub.beat()
    await settled()
    expect(await ageOf()).toBe(0)
    sink.backlog = 1
    expect(await ageOf()).toBeUndefined()
    sink.backlog = 0
    hub.leave(listener)
    world.clock.advance(500)
    expect(await ageOf()).toBe(500)
  })
})
