import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { feedNode } from '#app/feed-node.ts'
import { issueHead } from '#app/heads.ts'
import { watchClock } from '#app/stepped-clock.ts'
import type { Deps } from '#app/deps.ts'
import { chainOver } from '#domain/feed/entry.ts'
import { reading } from '#domain/feed/authority-time.ts'
import { createLiveState } from '#domain/feed/live-state.ts'
import { ORIGIN, type Position } from '#domain/feed/position.ts'
import { defaultPolicy, type Policy } from '#domain/policy/policy.ts'
import { instant } from '#kernel/instant.ts'
import { Problem } from '#kernel/problem.ts'
import type { Store, Writing } from '#store/port.ts'
import { type Anchor, anchorOf, intervalAt } from '#verifier/authority-time.ts'
import { BEGINNING, createWorld, refusalOf, type TestWorld } from '../world.ts'
import { digestAt } from './feed-world.ts'

const revoke = (world: TestWorld) =>
  world.admin.revoke({ selector: { clients: ['a'] }, reason: 'superseded' })

async function withTokens(): Promise<TestWorld> {
  const world = await createWorld()
  await world.admin.createClient({ id: 'a', scopes: ['read'] })
  return world
}

describe('a head', () => {
  it('has the digest of all that is in force, whatever is appended between heads', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('issue', 'revoke', 'lift', 'rotate', 'head', 'hour'), {
          minLength: 1,
          maxLength: 12,
        }),
        async (steps) => {
          const world = await withTokens()
          const made: string[] = []
          for (const step of [...steps, 'head'] as const) {
            if (step === 'issue') await world.admin.issueTokens({ clientId: 'a' })
            if (step === 'rotate') await world.admin.rotateKey({})
            if (step === 'hour') world.clock.advance(3_600_000)
            if (step === 'revoke') {
              await world.admin.issueTokens({ clientId: 'a' })
              made.push((await revoke(world)).revocation?.id ?? '')
            }
            const last = step === 'lift' ? made.pop() : undefined
            if (last !== undefined) await world.admin.liftRevocation({ id: last })
            if (step !== 'head') continue
            const { claims, positions } = await issueHead(world.deps, { withPositions: true })
            expect(claims.digest).toBe(await digestAt(world, claims))
            expect(positions?.every((at) => at <= claims.position)).toBe(true)
            // A process that starts now, and knows nothing, says the same.
            const other: Deps = { ...world.deps, store: { ...world.store } }
            const { claims: again } = await issueHead(other)
            expect(again.digest).toBe(await digestAt(world, again))
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  it('is shared by those who wait for one, each with its nonce', async () => {
    const world = await createWorld()
    const nonces = Array.from({ length: 300 }, (_, i) => `nonce-${i}`)
    const heads = await Promise.all(nonces.map((nonce) => issueHead(world.deps, { nonce })))
    expect(heads.map(({ claims }) => claims.nonce)).toEqual(nonces)
    // The first came alone; the others came while it was under way.
    expect(new Set(heads.map(({ claims }) => claims.time)).size).toBe(4)
    expect(new Set(heads.map(({ text }) => text)).size).toBe(300)
  })

  it('fails for none because another one is refused, and fails for all where the store does', async () => {
    const world = await createWorld()
    const refused = new Problem('audience-refused', 'not for you')
    const asks = [undefined, refused, undefined].map((problem) =>
      issueHead(world.deps, { admit: async () => problem }),
    )
    const told = await Promise.allSettled(asks)
    expect(told.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])

    const before = await world.store.read((tx) => tx.feed())
    expect(await refusalOf(issueHead(world.deps, { admit: async () => refused }))).toBe(refused)
    expect(await world.store.read((tx) => tx.feed())).toEqual(before)

    const broken = issueHead(world.deps, {
      async admit() {
        throw new Error('the disk is gone')
      },
    })
    await expect(broken).rejects.toThrow('the disk is gone')
    expect((await issueHead(world.deps)).claims.position).toBe(before.position)
  })

  it('is not poisoned by a transaction that was rolled back', async () => {
    const world = await withTokens()
    await world.admin.issueTokens({ clientId: 'a' })
    let isBroken = false
    const store: Store = {
      ...world.store,
      write: (work) =>
        world.store.write(async (tx) => {
          const result = await work(tx)
          if (isBroken) throw new Error('the commit failed')
          return result
        }),
    }
    const deps = { ...world.deps, store }
    await issueHead(deps)
    await revoke(world)
    // An hour later the revocation has ended; then the clock is where it was.
    isBroken = true
    world.clock.advance(3 * 3_600_000)
    await expect(issueHead(deps)).rejects.toThrow('the commit failed')
    isBroken = false
    world.clock.set(BEGINNING)
    const { claims } = await issueHead(deps)
    expect(claims.digest).toBe(await digestAt(world, claims))
  })

  it('is made anew from all rows where the feed does not continue what was remembered', async () => {
    const world = await withTokens()
    const { claims: before } = await issueHead(world.deps)
    const node = feedNode(world.store)
    await world.admin.rotateKey({})
    // As if another database had been put in the place of the one that it was read from.
    const foreign = (position: number, chain: Uint8Array = new Uint8Array(32).fill(7)) => ({
      state: createLiveState(),
      position: position as typeof before.position,
      chain,
    })
    const known = async () => {
      const { claims } = await issueHead(world.deps)
      expect(claims.digest).toBe(await digestAt(world, claims))
      return claims.position
    }
    node.live = foreign(before.position)
    const position = await known()
    expect(position).toBeGreaterThan(before.position)
    for (const live of [foreign(position), foreign(position + 5), undefined]) {
      node.live = live
      await known()
    }
    const { chain } = await world.store.read((tx) => tx.feed())
    node.live = foreign(position - 1, chain)
    await known()
  })

  it('is made anew where entries are gone that should continue what was remembered', async () => {
    const world = await withTokens()
    await issueHead(world.deps)
    await world.admin.rotateKey({})
    const { position: end } = await world.store.read((tx) => tx.feed())
    let questions = 0
    const gone = (tx: Writing): Writing => ({
      ...tx,
      async feedEntries(after, limit) {
        if (after < ORIGIN) return tx.feedEntries(after, limit)
        questions += 1
        if (1 < questions && after < end) throw new Error('it asks for what is not there again')
        return []
      },
    })
    const write: Store['write'] = world.store.write.bind(world.store)
    Object.assign(world.store, {
      write: ((work) => write((tx) => work(gone(tx)))) satisfies Store['write'],
    })
    const { claims } = await issueHead(world.deps)
    expect(questions).toBeGreaterThan(0)
    expect(claims.digest).toBe(await digestAt(world, claims))
  })

  it('is none where an entry cannot be read: nobody knows what is in force', async () => {
    const world = await withTokens()
    await issueHead(world.deps)
    await world.store.write(async (tx) => {
      const { position, chain, timeMicros } = await tx.feed()
      const at = (position + 1) as Position
      const bytes = new TextEncoder().encode(`{"position":${at},"op":"revoke","id":"rev_1"}`)
      const entry = { position: at, op: 'revoke', bytes, chain: chainOver(chain, bytes) } as const
      await tx.appendFeed(entry, timeMicros + 1)
    })
    const restarted: Deps = { ...world.deps, store: { ...world.store } }
    for (const deps of [world.deps, restarted]) {
      const refusal = await refusalOf(issueHead(deps))
      expect(refusal.code).toBe('store-corrupt')
      expect(refusal.next).toMatch(/credctl restore/)
    }
  })

  it('is held against acknowledgements for so many heads, and no more', async () => {
    const world = await createWorld()
    const node = feedNode(world.store)
    for (let time = 0; time < 4095; time++) {
      node.issued.set(time, { position: 0 as never, chain: '', digest: '' })
    }
    const { claims } = await issueHead(world.deps)
    expect(node.issued.size).toBe(4096)
    const { claims: next } = await issueHead(world.deps)
    expect(node.issued.size).toBe(4096)
    expect([...node.issued.keys()].slice(-2)).toEqual([claims.time, next.time])
    expect(node.issued.has(0)).toBe(false)
  })
})

describe('the longest lifetime that a head tells', () => {
  const narrow: Policy = {
    ...defaultPolicy,
    defaults: { ...defaultPolicy.defaults, ttlSecondsMax: 900 },
  }

  it('is what a wider policy of before has given, as long as such a token may be alive', async () => {
    const world = await withTokens()
    await world.admin.issueTokens({ clientId: 'a', ttlSeconds: 1000 })
    await world.admin.issueTokens({ clientId: 'a', ttlSeconds: 2000 })
    await world.admin.issueTokens({ clientId: 'a', ttlSeconds: 300 })
    world.clock.advance(1_500_000)
    const maxTtl = async (deps: Deps) => (await issueHead(deps)).claims.maxTtl
    const restarted = { ...world.deps, store: { ...world.store }, policy: narrow }
    expect(await maxTtl(restarted)).toBe(2000)
    world.clock.set((BEGINNING + 2_001_999) as typeof BEGINNING)
    expect(await maxTtl(restarted)).toBe(2000)
    world.clock.set((BEGINNING + 2_002_000) as typeof BEGINNING)
    expect(await maxTtl(restarted)).toBe(900)
    expect(await maxTtl({ ...world.deps, store: { ...world.store } })).toBe(3600)
  })
})

describe('a node that watches its clock', () => {
  /** A world whose steady clock moves with the wall clock, unless a test sets that. */
  async function watched() {
    const world = await withTokens()
    await world.admin.issueTokens({ clientId: 'a' })
    const alarms: string[] = []
    let aheadMs = 0
    const deps: Deps = Object.assign(world.deps, {
      steadyMicros: () => (world.clock.now() - aheadMs) * 1000,
      alarm: (code: string) => alarms.push(code),
    })
    /** Somebody sets the wall clock. */
    const set = (byMs: number): void => {
      aheadMs += byMs
      world.clock.advance(byMs)
    }
    return { world, deps, alarms, set }
  }
  const codeOf = async (work: Promise<unknown>) => (await refusalOf(work)).code
  /** What a verifier knows of the time by an answer that took none. */
  const heardBy = async (deps: Deps, nowMicros: number): Promise<Anchor | undefined> => {
    const head = await issueHead(deps).catch(() => undefined)
    if (head === undefined) return undefined
    const exchange = { sentMicros: nowMicros, receivedMicros: nowMicros }
    return anchorOf({ ...exchange, timeMicros: head.claims.time })
  }

  it('goes on over any time that passes for both, suspended or not', async () => {
    const { world, deps, alarms } = await watched()
    await issueHead(deps)
    world.clock.advance(48 * 3_600_000)
    await issueHead(deps)
    world.clock.advance(1)
    await issueHead(deps)
    expect(alarms).toEqual([])
  })

  it.for([250, -250])('bears a step of %i ms between two heads', async (byMs) => {
    const { world, deps, set, alarms } = await watched()
    world.clock.advance(1000)
    await issueHead(deps)
    world.clock.advance(1000)
    set(byMs)
    await issueHead(deps)
    expect(alarms).toEqual([])
  })

  it.for([251, -252, 3_600_000, -1500])(
    'signs nothing after a step of %i ms, and takes nothing of it on',
    async (byMs) => {
      const { world, deps, set, alarms } = await watched()
      await issueHead(deps)
      world.clock.advance(1000)
      await issueHead(deps)
      const before = await world.store.read((tx) => tx.feed())
      world.clock.advance(1000)
      set(byMs)
      expect(await codeOf(issueHead(deps))).toBe('clock-stepped')
      expect(await world.store.read((tx) => tx.feed())).toEqual(before)
      expect(await codeOf(world.admin.issueTokens({ clientId: 'a' }))).toBe('clock-stepped')
      // Set back, it is still not known what is right.
      set(-byMs)
      expect(await codeOf(issueHead(deps))).toBe('clock-stepped')
      expect(alarms).toEqual(['clock-stepped'])
      await revoke(world)
    },
  )

  it('sees it at a mint, too, before any head', async () => {
    const { world, deps, set } = await watched()
    await issueHead(deps)
    set(300)
    expect(await codeOf(world.admin.issueTokens({ clientId: 'a' }))).toBe('clock-stepped')
    expect(await codeOf(issueHead(deps))).toBe('clock-stepped')
  })

  it('looks while nobody listens, so that slow drift over a day is no step', async () => {
    const { world, deps, set, alarms } = await watched()
    for (let i = 0; i < 20; i++) {
      await watchClock(deps)
      world.clock.advance(3_600_000)
      set(200)
    }
    await issueHead(deps)
    expect(alarms).toEqual([])
    set(300)
    await expect(watchClock(deps)).rejects.toMatchObject({ code: 'clock-stepped' })
    await watchClock(deps)
    expect(alarms).toEqual(['clock-stepped'])
  })

  it('waits after a start until the clock has caught up with the feed', async () => {
    const { world, deps, alarms } = await watched()
    world.clock.advance(1900)
    await revoke(world)
    world.clock.set(BEGINNING)
    expect(await codeOf(issueHead(deps))).toBe('clock-behind')
    // What is dated a little late is good all the same, and nobody counts on from it.
    await world.admin.issueTokens({ clientId: 'a' })
    await watchClock(deps)
    world.clock.set(instant(BEGINNING + 1649))
    expect(await codeOf(issueHead(deps))).toBe('clock-behind')
    world.clock.set(instant(BEGINNING + 1650))
    await issueHead(deps)
    world.clock.advance(1000)
    await issueHead(deps)
    expect(alarms).toEqual([])
    expect(feedNode(deps.store).clock).toBeDefined()
  })

  it('tells nobody a time from which the verifier’s lower bound would outrun it', async () => {
    for (const aheadMs of [0, 100, 250, 251, 1000, 1999]) {
      const { world, deps } = await watched()
      const startMs = world.clock.now()
      world.clock.advance(aheadMs)
      await revoke(world)
      const state = await world.store.read((tx) => tx.feed())
      let anchor: Anchor | undefined
      for (let ms = 0; ms <= 3000; ms += 50) {
        world.clock.set(instant(startMs + ms))
        anchor ??= await heardBy(deps, ms * 1000)
        if (anchor === undefined) continue
        const { timeMicros } = reading(state, world.clock.now() * 1000)
        expect(intervalAt(anchor, ms * 1000).lowerMicros).toBeLessThanOrEqual(timeMicros)
      }
      expect(anchor).toBeDefined()
    }
  })

  it('does not believe readings that lie apart because the process stood still between them', async () => {
    const { world, deps, set, alarms } = await watched()
    await issueHead(deps)
    const { steadyMicros } = deps
    let readings = 0
    Object.assign(deps, {
      steadyMicros: () => {
        readings++
        if (readings === 2) world.clock.advance(10_000)
        return steadyMicros?.() ?? 0
      },
    })
    await issueHead(deps)
    expect(alarms).toEqual([])
    // Torn whenever it looks: then it cannot tell, and asks again at the next head.
    Object.assign(deps, {
      steadyMicros: () => {
        world.clock.advance(400)
        return steadyMicros?.() ?? 0
      },
    })
    await issueHead(deps)
    expect(alarms).toEqual([])
    // What it knew before it has not forgotten.
    Object.assign(deps, { steadyMicros })
    set(251)
    expect(await codeOf(issueHead(deps))).toBe('clock-stepped')
  })
})
