import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { admitFollower } from '#app/follow.ts'
import { ORIGIN, type Position } from '#domain/feed/position.ts'
import type { HeadClaims } from '#domain/feed/head.ts'
import { createFeedHub, type FeedHub, type FeedSink, type Listener } from '#server/feed-stream.ts'
import { claimsOf, follower, question } from '../app/feed-world.ts'
import { createWorld, refusalOf, type TestWorld } from '../world.ts'

const LOCAL_VERIFIER = follower('local')

/** A socket that takes what it is given at once, or only when it is told to. */
class TestSink implements FeedSink {
  text = ''
  writes = 0
  state: 'open' | 'ended' | 'destroyed' = 'open'
  backlog = 0
  isSlow = false
  #waiting: ((isOpen: boolean) => void)[] = []

  write(bytes: Uint8Array): void {
    if (this.state !== 'open') return
    this.writes++
    this.text += new TextDecoder().decode(bytes)
    if (this.isSlow) this.backlog += bytes.length
  }

  backlogBytes = (): number => this.backlog

  drained = (): Promise<boolean> =>
    this.isSlow && this.state === 'open'
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(this.state === 'open')

  /** It has taken all that it was given. */
  drain(): void {
    this.isSlow = false
    this.backlog = 0
    for (const tell of this.#waiting.splice(0)) tell(this.state === 'open')
  }

  end(): void {
    this.state = 'ended'
    this.drain()
  }

  destroy(): void {
    this.state = 'destroyed'
    this.drain()
  }

  events(): { event: string; id: number; data: string }[] {
    return this.text
      .split('\n\n')
      .filter((part) => part !== '')
      .map((part) => ({
        event: /event: (\w+)/.exec(part)?.[1] ?? '',
        id: Number(/id: (\d+)/.exec(part)?.[1]),
        data: /data: (.*)/.exec(part)?.[1] ?? '',
      }))
  }

  entries = () => this.events().filter(({ event }) => event === 'entry')
  heads = (): HeadClaims[] =>
    this.events()
      .filter(({ event }) => event === 'head')
      .map(({ data }) => claimsOf(data))
}

const logOf = async (world: TestWorld, after: number = ORIGIN) =>
  (await world.store.read((tx) => tx.feedEntries(after, 10_000))).map(({ position, bytes }) => ({
    event: 'entry',
    id: position as number,
    data: new TextDecoder().decode(bytes),
  }))

/** Microtasks: all of this store's work settles in them. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}
const settled = () => turns(3000)

interface Stage {
  readonly world: TestWorld
  readonly hub: FeedHub
  readonly faults: unknown[]
  readonly join: (
    id: string,
    after?: number,
    isSlow?: boolean,
  ) => Promise<{ readonly listener: Listener; readonly sink: TestSink }>
}

async function stage(): Promise<Stage> {
  const world = await createWorld()
  const faults: unknown[] = []
  const hub = createFeedHub(world.deps, { onFault: (fault) => faults.push(fault) })
  await world.admin.createClient({ id: 'a', scopes: ['read'] })
  const known = new Set<string>()
  return {
    world,
    hub,
    faults,
    async join(id, after, isSlow = false) {
      const incarnation = id.padEnd(22, '-')
      if (!known.has(id)) await world.as(LOCAL_VERIFIER).syncFeed(question(incarnation))
      known.add(id)
      const from = after === undefined ? {} : { after: after as Position }
      const listener = await hub.admit(LOCAL_VERIFIER, { incarnation, ...from })
      const sink = new TestSink()
      sink.isSlow = isSlow
      hub.join(listener, sink)
      return { listener, sink }
    },
  }
}

/** Two entries of the feed. */
const move = (world: TestWorld) => world.admin.rotateKey({})

describe('the streams of a feed', () => {
  it('have no gap and nothing twice, whatever comes between whatever', async () => {
    const seen = { resumed: 0, live: 0 }
    const anyStep = fc.record({
      kind: fc.constantFrom('move', 'move', 'move', 'join', 'leave', 'resume', 'poke', 'drain'),
      who: fc.nat(3),
      isSlow: fc.boolean(),
      turns: fc.constantFrom(0, 1, 5, 20, 60, 150),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 10, maxLength: 40 }), async (steps) => {
        const { world, hub, join, faults } = await stage()
        const told = new Map<number, { id: number; data: string }[]>()
        const open = new Map<number, { listener: Listener; sink: TestSink }>()
        const close = (who: number): void => {
          const held = open.get(who)
          if (held === undefined) return
          open.delete(who)
          hub.leave(held.listener)
          held.sink.destroy()
          told.set(who, [...(told.get(who) ?? []), ...held.sink.entries()])
        }
        const begin = async (who: number, isSlow: boolean): Promise<void> => {
          close(who)
          const after = told.get(who)?.at(-1)?.id
          if (after !== undefined) seen.resumed++
          open.set(who, await join(String(who), after, isSlow))
        }
        const moves: Promise<unknown>[] = []
        for (const step of steps) {
          if (step.kind === 'move') moves.push(move(world))
          if (step.kind === 'join' || step.kind === 'resume') await begin(step.who, step.isSlow)
          if (step.kind === 'leave') close(step.who)
          if (step.kind === 'poke') hub.poke()
          if (step.kind === 'drain') open.get(step.who)?.sink.drain()
          await turns(step.turns)
        }
        await Promise.all(moves)
        hub.beat()
        await settled()
        for (const { sink } of open.values()) sink.drain()
        await settled()
        const log = await logOf(world)
        const { position } = await world.store.read((tx) => tx.feed())
        for (const [who, { sink }] of open) {
          const all = [...(told.get(who) ?? []), ...sink.entries()]
          expect(all).toEqual(log)
          expect(sink.heads().at(-1)?.position).toBe(position)
          seen.live++
        }
        for (const who of told.keys()) {
          const all = told.get(who) ?? []
          expect(all).toEqual(log.slice(0, all.length))
        }
        expect(faults).toEqual([])
      }),
      { numRuns: 60 },
    )
    expect(seen.resumed).toBeGreaterThan(10)
    expect(seen.live).toBeGreaterThan(30)
  })

  it('are told with one write each, and one head, of all that came in between', async () => {
    const { world, hub, join } = await stage()
    const joined = [await join('1'), await join('2')]
    await settled()
    const before = joined.map(({ sink }) => sink.writes)
    await move(world)
    await move(world)
    hub.poke()
    hub.poke()
    await settled()
    for (const [i, { sink }] of joined.entries()) {
      // The second call came when the first one's head was under way already.
      expect(sink.writes - (before[i] ?? 0)).toBe(2)
      const events = sink.events().map(({ event }) => event)
      expect(events.slice(-6)).toEqual(['entry', 'entry', 'entry', 'entry', 'head', 'head'])
    }
    expect(joined[0]?.sink.heads().at(-1)).toEqual(joined[1]?.sink.heads().at(-1))
  })

  it('are told of what another process has committed at the next heartbeat', async () => {
    const { world, hub, join } = await stage()
    const { sink } = await join('1')
    await settled()
    await move(world)
    await settled()
    const before = sink.entries().length
    hub.beat()
    await settled()
    expect(sink.entries().length).toBe(before + 2)
  })

  it('are cut where they are slow, and nobody else waits', async () => {
    const { world, hub, join } = await stage()
    const slow = await join('1')
    const quick = await join('2')
    await settled()
    slow.sink.backlog = 1024 * 1024
    await move(world)
    hub.poke()
    await settled()
    expect(slow.sink.state).toBe('open')
    slow.sink.backlog = 1024 * 1024 + 1
    await move(world)
    hub.poke()
    await settled()
    expect(slow.sink.state).toBe('destroyed')
    expect(quick.sink.entries()).toEqual(await logOf(world))
    // What it has, it need not read again.
    const last = slow.sink.entries().at(-1)?.id
    const again = await join('1', last)
    await settled()
    expect([...slow.sink.entries(), ...again.sink.entries()]).toEqual(await logOf(world))
  })

  it('read what is too much for a write to all at their own pace, without being cut', async () => {
    const { world, hub, join } = await stage()
    const slow = await join('1')
    const quick = await join('2')
    await settled()
    slow.sink.isSlow = true
    for (let i = 0; i < 60; i++) {
      const tokens = Array.from({ length: 400 }, (_, n) => `cred_${i}x${n}`.padEnd(27, 'z'))
      await world.admin.issueTokens({ clientId: 'a' })
      await world.admin.revoke({
        selector: { clients: ['a'] },
        exceptions: { tokens },
        reason: 'superseded',
      })
    }
    hub.poke()
    await settled()
    expect(quick.sink.entries()).toEqual(await logOf(world))
    expect(quick.sink.writes).toBeGreaterThan(2)
    expect(slow.sink.state).toBe('open')
    slow.sink.drain()
    await settled()
    expect(slow.sink.entries()).toEqual(await logOf(world))
    expect(slow.sink.heads().at(-1)).toEqual(quick.sink.heads().at(-1))
  })

  it('of one incarnation are one: the newer one counts', async () => {
    const { world, hub, join } = await stage()
    const first = await join('1')
    await settled()
    const second = await join('1')
    await settled()
    expect(first.sink.state).toBe('destroyed')
    // Its socket closes only now; the newer one stays.
    hub.leave(first.listener)
    await move(world)
    hub.poke()
    await settled()
    expect(second.sink.entries()).toEqual(await logOf(world))
  })

  it('that begin ahead of what was told last wait for it, and get nothing twice', async () => {
    const { world, join, hub } = await stage()
    const { listener } = await join('1')
    await settled()
    hub.leave(listener)
    await move(world)
    await move(world)
    const { position } = await world.store.read((tx) => tx.feed())
    const { sink } = await join('2', position)
    await settled()
    expect(sink.entries()).toEqual([])
    expect(sink.heads().at(-1)?.position).toBe(position)
    await move(world)
    hub.poke()
    await settled()
    expect(sink.entries()).toEqual(await logOf(world, position))
  })
})

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

describe('a hub', () => {
  it('issues no head while nobody listens', async () => {
    const { world, hub, join } = await stage()
    const before = await world.store.read((tx) => tx.feed())
    hub.beat()
    hub.poke()
    await settled()
    expect(await world.store.read((tx) => tx.feed())).toEqual(before)
    const { listener } = await join('1')
    await settled()
    hub.leave(listener)
    const after = await world.store.read((tx) => tx.feed())
    hub.beat()
    await settled()
    expect(await world.store.read((tx) => tx.feed())).toEqual(after)
  })

  it('tells what goes wrong, and goes on with the next heartbeat', async () => {
    const { world, hub, join, faults } = await stage()
    const { sink } = await join('1')
    await settled()
    const at = world.clock.now()
    world.clock.set((at - 3000) as typeof at)
    hub.beat()
    await settled()
    expect(faults).toMatchObject([{ code: 'clock-behind' }])
    expect(sink.state).toBe('open')
    world.clock.set((at + 1000) as typeof at)
    await move(world)
    hub.beat()
    await settled()
    expect(sink.entries()).toEqual(await logOf(world))
  })

  it('that closes ends every stream cleanly, and takes no more', async () => {
    const { hub, join, world } = await stage()
    const { sink } = await join('1')
    const { listener } = await join('2')
    await settled()
    const late = await hub.admit(LOCAL_VERIFIER, { incarnation: '2'.padEnd(22, '-') })
    hub.leave(listener)
    hub.close()
    expect(sink.state).toBe('ended')
    expect((await refusalOf(join('3'))).code).toBe('authority-stopping')
    const sunk = new TestSink()
    hub.join(late, sunk)
    expect(sunk.state).toBe('ended')
    await world.admin.removeVerifier({ id: 'nobody' }).catch(() => undefined)
    await admitFollower(world.deps, LOCAL_VERIFIER, { incarnation: '1'.padEnd(22, '-') })
  })
})
