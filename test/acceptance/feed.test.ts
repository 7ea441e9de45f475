import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { claimsOf, entriesOf, feedClient, headAt } from '../unit/server/feed-client.ts'
import { makeAuthority } from './harness.ts'

const preload = join(import.meta.dirname, 'set-clock.ts')

describe('verifiers of a server', () => {
  it('are told at once of what a command does, through the server or beside it', async () => {
    const home = await makeAuthority('read')
    const server = await home.serve()
    const feed = feedClient(server.url)
    const { incarnation, claims } = await feed.sync()
    const stream = await feed.follow(incarnation, { after: claims.position })
    await home.json(['key', 'rotate'])
    await stream.until(headAt(claims.position + 2))
    // Without its socket commands open the database themselves, and the server is not told.
    await rm(join(home.dataDir, 'serve.sock'))
    await home.json(['key', 'rotate'])
    await stream.until(headAt(claims.position + 4))
    expect(entriesOf(stream.events).map(({ id }) => id)).toEqual(
      [1, 2, 3, 4].map((n) => claims.position + n),
    )
  })

  it('are let go cleanly by a server that stops, and resume with the next one', async () => {
    const home = await makeAuthority('read')
    const first = await home.serve()
    const { incarnation, claims } = await feedClient(first.url).sync()
    const before = await feedClient(first.url).follow(incarnation)
    await before.until(headAt(claims.position))
    const { status, err } = await first.stop()
    expect({ status, err }).toEqual({ status: 0, err: '' })
    expect(await before.ended).toBe('ended')
    const last = entriesOf(before.events).at(-1)?.id ?? 0

    await home.json(['key', 'rotate'])
    const second = await home.serve()
    const after = await feedClient(second.url).follow(incarnation, { lastEventId: last })
    await after.until(headAt(last + 2))
    const ids = [...before.events, ...after.events].flatMap(({ id }) => id ?? [])
    expect(ids).toEqual(ids.map((_, i) => (ids[0] ?? 0) + i))
    second.kill('SIGKILL')
    await after.ended
  })
})

describe('a server whose clock is set', () => {
  it('signs nothing from then on, over restarts, until an operator confirms the clock', async () => {
    const home = await makeAuthority('read')
    const options = { preload, env: { CLOCK_FILE: home.path('clock') } }
    const first = await home.serve([], options)
    const feed = feedClient(first.url)
    await feed.sync()
    await home.write('clock', '400')
    const refused = await feed.sync()
    expect([refused.status, refused.body.code]).toEqual([503, 'clock-stepped'])
    expect(refused.body.next).toContain('credctl serve --confirm-clock')
    expect(await feed.call('GET', '/readyz')).toMatchObject({
      status: 503,
      body: { status: 'unavailable', reason: 'clock-stepped' },
    })
    const issued = await home.run(['token', 'issue', '--client', 'bot'])
    expect(issued).toMatchObject({ status: 75, err: expect.stringContaining('[clock-stepped]') })
    const { err } = await first.stop()
    expect(err.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /^alarm: clock-stepped: .*0\.\d{3} s ahead of this machine's own clock/,
      ),
    ])

    const second = await home.serve([], options)
    expect((await feedClient(second.url).sync()).body.code).toBe('clock-stepped')
    expect((await second.stop()).err).toMatch(/^alarm: clock-stepped: /)

    const third = await home.serve(['--confirm-clock'], options)
    expect((await feedClient(third.url).sync()).status).toBe(200)
    expect(existsSync(join(home.dataDir, 'clock-stepped'))).toBe(false)
    await third.stop()
    const fourth = await home.serve([], options)
    expect((await feedClient(fourth.url).sync()).status).toBe(200)
  })

  it('that starts far behind its feed runs on from there once that is confirmed', async () => {
    const home = await makeAuthority('read')
    const options = { preload, env: { CLOCK_FILE: home.path('clock') } }
    const first = await home.serve([], options)
    const { claims: before } = await feedClient(first.url).sync()
    await first.stop()
    await home.write('clock', '-60000')
    const behind = await home.serve([], options)
    expect((await feedClient(behind.url).sync()).body.code).toBe('clock-behind')
    await behind.stop()

    const confirmed = await home.serve(['--confirm-clock'], options)
    const feed = feedClient(confirmed.url)
    const { claims, incarnation } = await feed.sync()
    expect(claims.time).toBeGreaterThan(before.time)
    // It passes at the pace of time: two heartbeats are two seconds, and nobody sees a step.
    const stream = await feed.follow(incarnation)
    const times = await stream.until((events) => {
      const heads = events.filter(({ event }) => event === 'head')
      return heads.length < 4 ? undefined : heads.map(({ data }) => claimsOf(data).time)
    })
    expect((times.at(-1) ?? 0) - claims.time).toBeGreaterThan(1_500_000)
    await home.json(['token', 'issue', '--client', 'bot'])
  })
})
