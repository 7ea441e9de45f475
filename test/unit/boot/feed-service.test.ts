import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isClockStepped } from '#app/stepped-clock.ts'
import type { OpenAuthority } from '#boot/authority.ts'
import { confirmClock, createAlarm, startFeed } from '#boot/feed-service.ts'
import { authorityFiles } from '#boot/paths.ts'
import { servingClock, steadyMicros } from '#boot/serving-clock.ts'
import { systemClock } from '#boot/system.ts'
import { watchingFeed } from '#boot/watched-feed.ts'
import { defaultPolicy } from '#domain/policy/policy.ts'
import type { FeedSink } from '#server/feed-stream.ts'
import type { Instant } from '#kernel/instant.ts'
import { follower, question } from '../app/feed-world.ts'
import { createWorld, type TestWorld } from '../world.ts'
import { newFolder } from './data-folder.ts'

const INCARNATION = 'i'.repeat(22)

interface Stage {
  readonly world: TestWorld
  readonly authority: OpenAuthority
  readonly faults: unknown[]
}

async function stage(heartbeatMs: number): Promise<Stage> {
  const feed = { ...defaultPolicy.feed, heartbeatMs }
  const world = await createWorld({ policy: { ...defaultPolicy, feed } })
  const listeners: (() => void)[] = []
  const store = watchingFeed(world.store, () => {
    for (const listener of listeners) listener()
  })
  Object.assign(world.deps, { store })
  const authority: OpenAuthority = {
    deps: world.deps,
    dispatch: world.dispatch,
    files: authorityFiles(newFolder()),
    onFault: (fault) => void world.faults.push(fault),
    onFeedMoved: (listener) => void listeners.push(listener),
    close: async () => undefined,
  }
  return { world, authority, faults: [] }
}

/** Somebody listens; resolves with each head or entry that he is told, in turn. */
async function listen({ world, authority, faults }: Stage) {
  const service = startFeed(authority, (fault) => faults.push(fault))
  onTestFinished(() => service.stop())
  const caller = follower('local')
  await world.as(caller).syncFeed(question(INCARNATION))
  let text = ''
  let tell = (): void => undefined
  const sink: FeedSink = {
    write: (bytes) => {
      text += new TextDecoder().decode(bytes)
      tell()
    },
    backlogBytes: () => 0,
    drained: async () => true,
    end: () => undefined,
    destroy: () => undefined,
  }
  const heads = (): number => text.split('event: head').length - 1
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      tell = () => {
        if (isSo()) resolve()
      }
      tell()
    })
  service.hub.join(await service.hub.admit(caller, { incarnation: INCARNATION }), sink)
  await until(() => 1 <= heads())
  return { service, heads, until, text: () => text }
}

describe('a server’s feed', () => {
  it('tells at once of what this process has committed, without any heartbeat', async () => {
    const at = await stage(3_600_000)
    const { until, text, heads } = await listen(at)
    const before = heads()
    const { key } = await at.world.admin.rotateKey({})
    await until(() => text().includes(key.id) && before < heads())
    expect(at.faults).toEqual([])
  })

  it('gives heads while nothing happens', async () => {
    const at = await stage(2)
    const { until, heads } = await listen(at)
    await until(() => 4 <= heads())
    expect(at.faults).toEqual([])
  })

  it('gives none once it was stopped', async () => {
    const at = await stage(1)
    const { service, until, heads } = await listen(at)
    await until(() => 2 <= heads())
    await service.stop()
    const { timeMicros } = await at.world.store.read((tx) => tx.feed())
    await new Promise((resolve) => setImmediate(resolve))
    expect((await at.world.store.read((tx) => tx.feed())).timeMicros).toBe(timeMicros)
  })

  it('looks at its clock while nobody listens, and takes no alarm for a fault', async () => {
    const at = await stage(1)
    const { clock, deps } = at.world
    let aheadMs = 0
    const { promise, resolve: alarmed } = Promise.withResolvers<string>()
    Object.assign(deps, {
      steadyMicros: () => (clock.now() - aheadMs) * 1000,
      alarm: (code: string) => alarmed(code),
    })
    const service = startFeed(at.authority, (fault) => at.faults.push(fault))
    await at.world.as(follower('local')).syncFeed(question(INCARNATION))
    aheadMs = 5000
    clock.advance(5000)
    expect(await promise).toBe('clock-stepped')
    await service.stop()
    expect(at.faults).toEqual([])
  })

  it('puts on record what has come to be enforced', async () => {
    const at = await stage(1)
    const { admin } = at.world
    await admin.createClient({ id: 'a', scopes: ['read'], audiences: ['https://api.example.com'] })
    await admin.issueTokens({ clientId: 'a' })
    await at.world.as(follower('local')).syncFeed(question(INCARNATION))
    const { revocation } = await admin.revoke({ selector: { clients: ['a'] }, reason: 'testing' })
    const id = revocation?.id ?? ''
    at.world.clock.advance(3_600_000)
    const service = startFeed(at.authority, (fault) => at.faults.push(fault))
    onTestFinished(() => service.stop())
    const enforcedAt = async () =>
      (await at.world.store.read((tx) => tx.findRevocation(id)))?.enforcedAt
    // Each turn of the event loop lets the heartbeat's timer come.
    while ((await enforcedAt()) === undefined) await new Promise((turn) => setImmediate(turn))
    expect(at.faults).toEqual([])
  })

  it('ends what has come to its time, and tells who listens, though nobody mints', async () => {
    const at = await stage(1)
    const { admin } = at.world
    await admin.createClient({ id: 'a', scopes: ['read'] })
    await admin.issueTokens({ clientId: 'a' })
    const { until, text } = await listen(at)
    const { revocation } = await admin.revoke({
      selector: { clients: ['a'] },
      reason: 'other',
      expiresAt: '2026-11-23T19:09:00Z',
    })
    at.world.clock.advance(59_999)
    await until(() => text().includes('"op":"revoke"'))
    expect(text()).not.toContain('"op":"lift"')
    at.world.clock.advance(1)
    await until(() => text().includes('"op":"lift"'))
    const { state } = await admin.showRevocation({ id: revocation?.id ?? '' })
    expect(state).toBe('lifted')
    expect(at.faults).toEqual([])
  })

  it('ends nothing while its clock cannot be trusted', async () => {
    const at = await stage(1)
    const { admin, clock, deps } = at.world
    await admin.createClient({ id: 'a', scopes: ['read'] })
    await admin.issueTokens({ clientId: 'a' })
    const { revocation } = await admin.revoke({
      selector: { clients: ['a'] },
      reason: 'other',
      expiresAt: '2026-11-23T19:09:00Z',
    })
    const { promise, resolve: alarmed } = Promise.withResolvers<string>()
    let aheadMs = 0
    let looks = 0
    const now = (): Instant => {
      looks += 1
      return clock.now()
    }
    Object.assign(deps, {
      clock: { ...clock, now },
      steadyMicros: () => (clock.now() - aheadMs) * 1000,
      alarm: (code: string) => alarmed(code),
    })
    const service = startFeed(at.authority, (fault) => at.faults.push(fault))
    onTestFinished(() => service.stop())
    await at.world.as(follower('local')).syncFeed(question(INCARNATION))
    aheadMs = 3_600_000
    clock.advance(3_600_000)
    expect(await promise).toBe('clock-stepped')
    const enough = looks + 50
    while (looks < enough) await new Promise((turn) => setImmediate(turn))
    const { state } = await admin.showRevocation({ id: revocation?.id ?? '' })
    expect(state).not.toBe('lifted')
    expect(at.faults).toEqual([])
  })

  it('tells what nobody foresaw', async () => {
    const at = await stage(1)
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const read = () => Promise.reject(new Error('the disk is gone'))
    const authority = {
      ...at.authority,
      deps: { ...at.world.deps, store: { ...at.world.store, read } },
    }
    const service = startFeed(authority, resolve)
    expect(await promise).toMatchObject({ message: 'the disk is gone' })
    await service.stop()
  })
})

describe('a store that is watched', () => {
  it('tells of committed entries, and of nothing else', async () => {
    const world = await createWorld()
    let moves = 0
    const store = watchingFeed(world.store, () => (moves += 1))
    await store.write((tx) => tx.advanceFeedTime(0))
    await store.read((tx) => tx.feed())
    expect(moves).toBe(0)
    Object.assign(world.deps, { store })
    await world.admin.rotateKey({})
    expect(moves).toBe(1)
    const entry = async () => (await store.read((tx) => tx.feedEntries(0, 1)))[0]
    const first = await entry()
    if (first === undefined) throw new Error('the feed is empty')
    await expect(store.write((tx) => tx.appendFeed(first, 1))).rejects.toThrow('does not follow')
    expect(moves).toBe(1)
  })
})

describe('an alarm', () => {
  it('is said once a minute, and kept where it must be confirmed', () => {
    const file = join(newFolder(), 'clock-stepped')
    const said: string[] = []
    let nowMs = 0
    const alarm = createAlarm(
      file,
      (line) => said.push(line),
      () => nowMs,
    )
    alarm('feed-diverged', 'one')
    expect(existsSync(file)).toBe(false)
    alarm('clock-stepped', 'somebody set a clock')
    expect(readFileSync(file, 'utf8')).toBe('somebody set a clock\n')
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600)
    alarm('feed-diverged', 'one')
    alarm('feed-diverged', 'two')
    nowMs = 59_999
    alarm('feed-diverged', 'one')
    nowMs = 60_000
    alarm('feed-diverged', 'one')
    expect(said).toEqual([
      'alarm: feed-diverged: one',
      'alarm: clock-stepped: somebody set a clock',
      'alarm: feed-diverged: two',
      'alarm: feed-diverged: one',
    ])
  })

  it('is said even where it cannot be kept', () => {
    const said: string[] = []
    const alarm = createAlarm(
      join(newFolder(), 'missing', 'clock-stepped'),
      (line) => said.push(line),
      () => 0,
    )
    alarm('clock-stepped', 'x')
    expect(said).toEqual(['alarm: clock-stepped: x'])
  })
})

describe('the clock of a server', () => {
  it('must be confirmed once it was seen being set, and runs on from the feed’s time then', async () => {
    const { world, authority } = await stage(1000)
    const file = join(authority.files.directory, 'clock-stepped')
    const ranOn: number[] = []
    const runOnFrom = (timeMicros: number): void => void ranOn.push(timeMicros)
    await confirmClock(authority, { isConfirmed: false, runOnFrom })
    expect(isClockStepped(world.deps)).toBe(false)
    writeFileSync(file, 'x')
    await confirmClock(authority, { isConfirmed: true, runOnFrom })
    expect(existsSync(file)).toBe(false)
    const { timeMicros } = await world.store.read((tx) => tx.feed())
    expect(ranOn).toEqual([timeMicros])
    expect(isClockStepped(world.deps)).toBe(false)
    writeFileSync(file, 'x')
    chmodSync(file, 0o600)
    await confirmClock(authority, { isConfirmed: false, runOnFrom })
    expect(isClockStepped(world.deps)).toBe(true)
    expect(ranOn).toHaveLength(1)
  })

  it('is the machine’s, or as far ahead of it as it was behind', async () => {
    const clock = servingClock()
    const off = () => clock.now() - systemClock.now()
    expect(Math.abs(off())).toBeLessThan(1000)
    clock.runOnFrom((systemClock.now() + 3_600_000) * 1000)
    expect(Math.abs(off() - 3_600_000)).toBeLessThan(1000)
    clock.runOnFrom((systemClock.now() - 3_600_000) * 1000)
    expect(Math.abs(off())).toBeLessThan(1000)
    await clock.sleep(0)
  })

  it('is held against one that only goes on', () => {
    const before = steadyMicros()
    expect(Number.isSafeInteger(before)).toBe(true)
    expect(before).toBeGreaterThan(0)
    expect(steadyMicros()).toBeGreaterThanOrEqual(before)
  })
})
