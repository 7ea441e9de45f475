import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createLiveState } from '#domain/feed/live-state.ts'
import { chainOver, nextEntry } from '#domain/feed/entry.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { instant } from '#kernel/instant.ts'
import { testClock } from '../world.ts'
import { claimsOf, entriesOf, headAt } from './feed-client.ts'
import { type FeedServer, feedServer } from './feed-server.ts'

const revocation = { selector: { clients: ['a'] }, reason: 'testing' as const, count: false }

async function revoke({ admin }: FeedServer): Promise<number> {
  await admin.issueTokens({ clientId: 'a' })
  const { revocation: made } = await admin.revoke(revocation)
  if (made === undefined) throw new Error('nothing was revoked')
  return made.position
}

const logOf = async ({ deps }: FeedServer) =>
  (await deps.store.read((tx) => tx.feedEntries(0, 1000))).map(({ position, bytes }) => ({
    id: position as number,
    data: new TextDecoder().decode(bytes),
  }))
const told = (events: Parameters<typeof entriesOf>[0]) =>
  entriesOf(events).map(({ id, data }) => ({ id, data }))

describe('the feed as it is streamed', () => {
  it('brings what was, a head, and at once what happens', async () => {
    const served = await feedServer()
    const { incarnation, claims } = await served.sync()
    const stream = await served.follow(incarnation)
    expect(stream.status).toBe(200)
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-request-id': expect.stringMatching(/^req_/),
      connection: 'close',
    })
    // One buffer serves all, so nothing may be framed for one socket.
    expect(stream.headers['transfer-encoding']).toBeUndefined()
    await stream.until(headAt(claims.position))
    const position = await revoke(served)
    const head = await stream.until(headAt(position))
    expect(head.nonce).toBeUndefined()
    expect(told(stream.events)).toEqual(await logOf(served))
    let chain: Uint8Array = new Uint8Array(32)
    for (const { data } of entriesOf(stream.events)) {
      chain = chainOver(chain, new TextEncoder().encode(data))
    }
    expect(head.chain).toBe(encodeBase64url(chain))
    expect(served.faults).toEqual([])
  })

  it('goes on after the last event, or after what is asked for', async () => {
    const served = await feedServer()
    const { incarnation } = await served.sync()
    const first = await revoke(served)
    const second = await revoke(served)
    const resumed = await served.follow(incarnation, { lastEventId: first, after: second })
    await resumed.until(headAt(second))
    expect(entriesOf(resumed.events).map(({ id }) => id)).toEqual([second])
    const asked = await served.follow(incarnation, { after: first })
    await asked.until(headAt(second))
    expect(entriesOf(asked.events).map(({ id }) => id)).toEqual([second])
    expect(await resumed.ended).toBe('ended')
  })

  it('says as a problem why it is refused', async () => {
    const served = await feedServer()
    const { incarnation, claims } = await served.sync()
    const refused = async (...asked: Parameters<FeedServer['follow']>) => {
      const stream = await served.follow(...asked)
      expect(stream.headers['content-type']).toMatch(/^application\/problem\+json/)
      return { status: stream.status, code: (await stream.body()).code }
    }
    const unknown = { status: 404, code: 'incarnation-unknown' }
    expect(await refused('u'.repeat(22))).toEqual(unknown)
    const invalid = { status: 400, code: 'request-invalid' }
    expect(await refused('')).toEqual(invalid)
    expect(await refused(incarnation, { after: 7 })).toEqual(invalid)
    const ahead = { after: claims.position + 1 }
    expect(await refused(incarnation, ahead)).toEqual({ status: 409, code: 'feed-diverged' })
    await revoke(served)
    const { position } = await served.deps.store.read((tx) => tx.feed())
    const step = { floor: position, endedBeforeSeconds: 0, limit: 100 }
    await served.deps.store.write((tx) => tx.compactFeed(step))
    expect(await refused(incarnation)).toEqual({ status: 410, code: 'feed-compacted' })
    const page = await served.call('GET', `/v1/feed/entries?after=${claims.position}`)
    expect([page.status, page.body.code]).toEqual([410, 'feed-compacted'])
  })

  it('ends cleanly when the server stops, which waits for no stream', async () => {
    const served = await feedServer()
    const { incarnation, claims } = await served.sync()
    const stream = await served.follow(incarnation)
    await stream.until(headAt(claims.position))
    const { events } = stream
    await served.server.stop()
    expect(await stream.ended).toBe('ended')
    expect(events.at(-1)?.event).toBe('head')
  })

  it('has no HEAD, and takes no other method', async () => {
    const served = await feedServer()
    for (const path of ['/v1/feed', '/v1/feed/snapshot']) {
      expect((await served.call('HEAD', path)).status).toBe(405)
      const posted = await served.call('POST', path, { body: {} })
      expect([posted.status, posted.headers.allow]).toEqual([405, 'GET, HEAD'])
    }
  })
})

describe('a verifier that does not read', () => {
  /** More than kernels keep for a reader who does not come. */
  const LARGE = 35

  /** An entry that is almost as large as is still told to all at once. */
  const appendLarge = ({ deps }: FeedServer, i: number): Promise<number> =>
    deps.store.write(async (tx) => {
      const state = await tx.feed()
      const tokens = Array.from({ length: 8000 }, (_, n) => `cred_${String(n).padStart(22, '0')}`)
      const entry = nextEntry(state, 'revoke', {
        id: `rev_${String(i).padStart(22, '0')}`,
        selector: { clients: ['a'] },
        except: { tokens },
        cut: state.position,
        published: 1,
        reason: 'testing',
        record: 'r'.repeat(43),
      })
      await tx.appendFeed(entry, state.timeMicros + 1)
      return entry.position
    })

  it('is dropped, while others are told all', async () => {
    const served = await feedServer()
    const [slow, quick] = [await served.sync(), await served.sync()]
    const { hostname, port } = new URL(served.url)
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    const path = `/v1/feed?incarnation=${slow.incarnation}`
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
    await once(socket, 'data')
    socket.pause()
    const stream = await served.follow(quick.incarnation)
    for (let i = 0; i < LARGE; i++) await stream.until(headAt(await appendLarge(served, i)))
    expect(told(stream.events)).toEqual(await logOf(served))
    let bytes = 0
    socket.on('error', () => undefined).on('data', (chunk: Buffer) => (bytes += chunk.length))
    socket.resume()
    await once(socket, 'close')
    expect(bytes).toBeLessThan(LARGE * 240_000)
  }, 20_000)
})

describe('who may follow', () => {
  it('is anybody on loopback, for the feed alone', async () => {
    const served = await feedServer()
    const { incarnation, claims, status } = await served.sync()
    expect(status).toBe(200)
    const record = await served.deps.store.read((tx) => tx.findIncarnation(incarnation))
    expect(record?.verifierId).toBe('local')
    const page = await served.call('GET', `/v1/feed/entries?after=${claims.position - 1}`)
    expect(page.body).toMatchObject({ more: false, entries: [expect.stringContaining('"key"')] })
    expect((await served.call('GET', '/v1/clients')).body.code).toBe('authentication-needed')
  })

  it('is nobody without a credential behind a proxy, or under a name of somebody else', async () => {
    const proxied = await feedServer({ behindProxy: true })
    const forwarded = { headers: { 'x-forwarded-for': '127.0.0.1' } }
    for (const options of [{}, forwarded]) {
      const answer = await proxied.sync({}, options)
      expect([answer.status, answer.body.code]).toEqual([401, 'authentication-needed'])
      expect(answer.body.next).toMatch(/^credctl verifier create/)
    }
    const served = await feedServer()
    const rebound = await served.sync({}, { headers: { host: 'evil.example.com' } })
    expect([rebound.status, rebound.body.code]).toEqual([401, 'authentication-needed'])
    const named = await served.sync({}, { headers: { host: 'localhost:7420' } })
    expect(named.status).toBe(200)
  })

  it('is a verifier by its credential, and by nothing else once one is sent', async () => {
    const served = await feedServer({ behindProxy: true })
    const { credential, verifier } = await served.admin.createVerifier({ name: 'shop' })
    const authorization = `Bearer ${credential}`
    const { incarnation, claims } = await served.sync({}, { authorization })
    const record = await served.deps.store.read((tx) => tx.findIncarnation(incarnation))
    expect(record?.verifierId).toBe(verifier.id)
    const stream = await served.follow(incarnation, { authorization })
    await stream.until(headAt(claims.position))
    const { position, chain, digest, time } = claims
    const body = { incarnation, position, chain, digest, time }
    const answer = await served.call('POST', '/v1/feed/acknowledge', { authorization, body })
    expect(answer.body).toEqual({ position })
    for (const path of ['/v1/clients', '/v1/verifiers', '/v1/authority']) {
      const refused = await served.call('GET', path, { authorization })
      expect([refused.status, refused.body.code]).toEqual([403, 'scope-insufficient'])
    }
    const other = await served.admin.createVerifier({ name: 'other' })
    const foreign = await served.follow(incarnation, {
      authorization: `Bearer ${other.credential}`,
    })
    expect(foreign.status).toBe(404)

    await served.admin.removeVerifier({ id: 'shop' })
    await stream.ended
    const removed = await served.sync({}, { authorization })
    expect([removed.status, removed.body.code]).toEqual([401, 'token-refused'])
    expect(removed.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
  })

  it('is no token of the admin API, and no wrong credential, on loopback either', async () => {
    const served = await feedServer()
    await served.admin.createClient({ id: 'ops', scopes: ['admin:*', 'feed:follow'] })
    const { items } = await served.admin.issueTokens({
      clientId: 'ops',
      scopes: ['admin:*', 'feed:follow'],
    })
    const token = `Bearer ${items[0]?.token}`
    const { incarnation } = await served.sync()
    const wrong = `Bearer cvk_${'0'.repeat(22)}_${'A'.repeat(43)}`
    for (const [authorization, status] of [
      [token, 403],
      [wrong, 401],
      ['Bearer nonsense', 401],
    ] as const) {
      const answer = await served.sync({}, { authorization })
      expect(answer.status).toBe(status)
      // Whoever runs a resource server has no use for an admin token.
      if (status === 401) expect(answer.body.next).toMatch(/^credctl verifier create/)
      expect((await served.follow(incarnation, { authorization })).status).toBe(status)
      const paths = [
        `/v1/feed/snapshot?incarnation=${incarnation}`,
        '/v1/feed/entries?after=4294967296',
      ]
      for (const path of paths) {
        expect((await served.call('GET', path, { authorization })).status).toBe(status)
      }
    }
    expect((await served.call('GET', '/v1/clients', { authorization: token })).status).toBe(200)
  })
})

describe('a snapshot', () => {
  it('is what is in force at its head, and its head may be decided by', async () => {
    const served = await feedServer()
    const { incarnation } = await served.sync()
    const first = await revoke(served)
    const second = await revoke(served)
    const { items } = await served.admin.listRevocations({})
    const lifted = items.find(({ position }) => position === first)?.id ?? ''
    await served.admin.liftRevocation({ id: lifted })
    const path = `/v1/feed/snapshot?incarnation=${incarnation}`
    const { status, headers, text } = await served.call('GET', path)
    expect([status, headers['content-type']]).toEqual([200, 'application/jsonl'])
    const [line = '', ...entries] = text.trimEnd().split('\n')
    const claims = claimsOf(JSON.parse(line).head)
    const live = createLiveState()
    for (const entry of entries) {
      const record = readRecord(entry)
      if (typeof record === 'string') throw new Error(record)
      live.apply(record, new TextEncoder().encode(entry))
    }
    expect(live.digest(claims.time)).toBe(claims.digest)
    const positions = entries.map((entry) => JSON.parse(entry).position)
    expect(positions).toEqual(live.positions())
    expect(positions).toContain(second)
    expect(positions).not.toContain(first)
    expect(claims).toMatchObject({ position: second + 1, heartbeat: 1000 })
    const known = await served.deps.store.read((tx) => tx.findIncarnation(incarnation))
    expect(claims.time).toBeLessThanOrEqual(known?.headsUntilMicros ?? 0)
    const body = {
      incarnation,
      position: claims.position,
      chain: claims.chain,
      digest: claims.digest,
      time: claims.time,
    }
    expect((await served.call('POST', '/v1/feed/acknowledge', { body })).status).toBe(200)
  })

  it('is for who is on record', async () => {
    const served = await feedServer()
    const unknown = await served.call('GET', `/v1/feed/snapshot?incarnation=${'u'.repeat(22)}`)
    expect([unknown.status, JSON.parse(unknown.text).code]).toEqual([404, 'incarnation-unknown'])
    const nobody = await served.call('GET', '/v1/feed/snapshot')
    expect([nobody.status, nobody.body.code]).toEqual([400, 'request-invalid'])
  })

  it('has all its lines, however many there are', async () => {
    const served = await feedServer()
    const { incarnation } = await served.sync()
    for (let i = 0; i < 60; i++) await revoke(served)
    const path = `/v1/feed/snapshot?incarnation=${incarnation}`
    const { text } = await served.call('GET', path)
    const entries = text.trimEnd().split('\n').slice(1)
    expect(entries).toEqual((await logOf(served)).map(({ data }) => data))
  })
})

describe('entries', () => {
  it('come in order, as many as are asked for, and say whether there are more', async () => {
    const served = await feedServer()
    await revoke(served)
    await revoke(served)
    const log = await logOf(served)
    const texts = log.map(({ data }) => data)
    const page = (query: string) => served.call('GET', `/v1/feed/entries?${query}`)
    const origin = (log[0]?.id ?? 0) - 1
    expect((await page(`after=${origin}`)).body).toEqual({
      entries: texts,
      floor: origin,
      more: false,
    })
    expect((await page(`after=${origin}&limit=2`)).body).toMatchObject({
      entries: texts.slice(0, 2),
      more: true,
    })
    const last = log.at(-1)?.id
    expect((await page(`after=${last}&incarnation=${'i'.repeat(22)}`)).body).toMatchObject({
      entries: [],
      more: false,
    })
    expect((await page('after=1')).status).toBe(400)
    expect((await page(`after=${origin}&limit=1001`)).status).toBe(400)
  })

  it('are no more than a megabyte at once, unless one alone is', async () => {
    const served = await feedServer()
    const tokens = Array.from({ length: 9000 }, (_, i) => `cred_${String(i).padStart(22, '0')}`)
    const { position: before } = await served.deps.store.read((tx) => tx.feed())
    for (let i = 0; i < 5; i++) {
      await served.admin.issueTokens({ clientId: 'a' })
      await served.admin.revoke({ ...revocation, exceptions: { tokens } })
    }
    const after = async (position: number) =>
      (await served.call('GET', `/v1/feed/entries?after=${position}`)).body
    const first = await after(before)
    // Each has 270 kilobytes.
    expect([first.entries.length, first.more]).toEqual([3, true])
    const second = await after(before + 3)
    expect([second.entries.length, second.more]).toEqual([2, false])
    const log = await logOf(served)
    expect([...first.entries, ...second.entries]).toEqual(log.slice(-5).map(({ data }) => data))
  })
})

describe('a server whose clock was set', () => {
  it('gives no head, says so where it is asked, and keeps that until it is confirmed', async () => {
    const clock = testClock()
    let aheadMs = 0
    const serving = { clock, steadyMicros: () => (clock.now() - aheadMs) * 1000 }
    const served = await feedServer({ serving })
    clock.set(instant(Date.now() + 1000))
    await served.sync()
    aheadMs = 300
    clock.advance(300)
    const refused = await served.sync()
    expect([refused.status, refused.body.code]).toEqual([503, 'clock-stepped'])
    const { status, body } = await served.call('GET', '/readyz')
    expect([status, body]).toEqual([503, { status: 'unavailable', reason: 'clock-stepped' }])
    expect(served.alarms).toEqual(['clock-stepped'])
    await served.server.stop()

    // The alarm of the command keeps it in the data folder; here it is put there as that does.
    const { clockStepped } = served.home.files
    writeFileSync(clockStepped, 'somebody set a clock')
    const again = await feedServer({ home: served.home, serving: { clock } })
    expect((await again.sync()).body.code).toBe('clock-stepped')
    expect(again.alarms).toEqual(['clock-stepped'])
    await again.server.stop()

    const ranOn: number[] = []
    const confirmed = await feedServer({
      home: served.home,
      serving: { clock },
      confirmClock: true,
      runOnFrom: (timeMicros) => ranOn.push(timeMicros),
    })
    expect((await confirmed.sync()).status).toBe(200)
    expect((await confirmed.call('GET', '/readyz')).status).toBe(200)
    expect(existsSync(clockStepped)).toBe(false)
    expect(ranOn).toHaveLength(1)
  })

  it('says so too where an older database was put in its place', async () => {
    const served = await feedServer()
    const { claims } = await served.sync()
    const { position, chain, time } = claims
    const applied = { position: position + 1, chain, time }
    expect((await served.sync({ applied })).body.code).toBe('feed-diverged')
    const { status, body } = await served.call('GET', '/readyz')
    expect([status, body]).toEqual([503, { status: 'unavailable', reason: 'authority-restored' }])
  })
})
