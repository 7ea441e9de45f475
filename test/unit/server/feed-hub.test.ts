import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { admitFollower } from '#app/follow.ts'
import type { Listener } from '#server/feed-stream.ts'
import { refusalOf } from '../world.ts'
import { LOCAL_VERIFIER, logOf, move, settled, stage, TestSink, turns } from './feed-stage.ts'

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
