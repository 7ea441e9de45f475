import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type Authority,
  createAuthority,
  type Failure,
  patience,
} from '#boot/verifier/authority.ts'
import { createHttpClient, type HttpOptions } from '#boot/verifier/http.ts'
import { ORIGIN } from '#domain/feed/position.ts'
import type { SyncQuestion } from '#verifier/protocol.ts'
import { testAuthority, until } from './test-authority.ts'

const question: SyncQuestion = {
  nonce: 'n'.repeat(43),
  incarnation: 'i'.repeat(22),
  name: 'api-1',
  audiences: ['a'],
  mode: 'strict',
}
const acknowledgement = {
  incarnation: 'i'.repeat(22),
  position: ORIGIN,
  chain: 'c',
  digest: 'd',
  time: 1,
}

function reach(
  url: string | readonly string[],
  { snapshotBytesMax, ...options }: Partial<HttpOptions> & { snapshotBytesMax?: number } = {},
) {
  const client = createHttpClient({
    credential: undefined,
    ca: undefined,
    userAgent: 'test/1',
    ...options,
  })
  onTestFinished(() => client.reset())
  const authority = { urls: [url].flat(), incarnation: 'i'.repeat(22), msMax }
  return createAuthority(client, {
    ...authority,
    ...(snapshotBytesMax === undefined ? {} : { snapshotBytesMax }),
  })
}

/** Patient, but for what a test lets go unanswered. */
const msMax = { ...patience, sync: 300 }

const answering =
  (status: number, body: string, type = 'application/json') =>
  (_: IncomingMessage, response: ServerResponse): boolean => {
    response.writeHead(status, { 'content-type': type })
    response.end(body)
    return true
  }

/** Everything that a stream tells, and a promise of its end. */
function followed(at: ReturnType<typeof reach>, after = ORIGIN) {
  const told: string[] = []
  const { promise: closed, resolve } = Promise.withResolvers<Failure>()
  const { promise: headed, resolve: hasHead } = Promise.withResolvers<void>()
  const close = at.stream(after, {
    opened: () => told.push('opened'),
    entry: (text) => told.push(`entry ${(JSON.parse(text) as { op: string }).op}`),
    head: () => {
      told.push('head')
      hasHead()
    },
    spread: (ms) => told.push(`spread ${ms}`),
    closed: resolve,
  })
  return { told, closed, close, headed }
}

describe('the authority over HTTP', () => {
  it('is asked as the contract has it', async () => {
    const served = await testAuthority()
    const at = reach(served.url, { credential: 'cvk_abc_secret' })
    expect(await at.sync(question)).toEqual({
      head: expect.any(String),
      feedKeys: [served.feedKey.jwk],
    })
    expect(await at.entries(ORIGIN)).toHaveLength(2)
    expect(await at.snapshot()).toEqual({
      head: expect.any(String),
      entries: await at.entries(ORIGIN),
    })
    expect(await at.acknowledge(acknowledgement)).toBeUndefined()
    expect(served.questions).toEqual([question])
    expect(served.acknowledged).toEqual([acknowledgement])
    for (const { headers } of served.requests) {
      expect(headers).toMatchObject({
        authorization: 'Bearer cvk_abc_secret',
        'user-agent': 'test/1',
      })
    }
  })

  it('hears a stream: what came after a place, then heads, then the hint', async () => {
    const served = await testAuthority()
    const { told, headed, close } = followed(reach(served.url), (ORIGIN + 1) as typeof ORIGIN)
    await headed
    expect(told).toEqual(['opened', 'entry key', 'head'])
    const [stream] = served.streams
    stream?.write(
      'event: spread\ndata: 40\n\nevent: spread\ndata: 9e9\n\nevent: spread\ndata: x\n\n',
    )
    stream?.write('event: spread\ndata: -1\n\nevent: more\ndata: x\n\nevent: head\ndata: h\n\n')
    served.append('lift', { id: 'rev_1' })
    await until(() => told.includes('entry lift'))
    expect(told.slice(3, 8)).toEqual(['spread 40', 'spread 1000', 'spread 0', 'spread 0', 'head'])
    close()
    await until(() => served.streams.size === 0)
  })

  it('hears nothing of a stream that it has closed, even in the midst of a chunk', async () => {
    const served = await testAuthority()
    const told: string[] = []
    const at = reach(served.url)
    const close = at.stream(ORIGIN, {
      opened: () => undefined,
      entry: (text) => {
        told.push(text)
        close()
      },
      head: () => told.push('head'),
      spread: () => undefined,
      closed: () => told.push('closed'),
    })
    await until(() => 0 < told.length && served.streams.size === 0)
    expect(told).toHaveLength(1)
    expect(told).not.toContain('closed')
  })

  it('tells a stream’s end: cut, ended, gone, refused, of another kind', async () => {
    const served = await testAuthority()
    const at = reach(served.url)
    const cut = followed(at)
    await cut.headed
    served.cut()
    expect(await cut.closed).toMatchObject({ status: 0 })

    const ended = followed(at)
    await ended.headed
    for (const stream of served.streams) stream.end()
    expect(await ended.closed).toMatchObject({ status: 200, reason: 'the stream ended' })

    served.floor = served.position()
    expect(await followed(at).closed).toMatchObject({ status: 410, code: 'feed-compacted' })

    served.intercept = answering(404, '{"code":"incarnation-unknown","detail":"who"}')
    expect(await followed(at).closed).toMatchObject({ status: 404, code: 'incarnation-unknown' })

    served.intercept = answering(200, 'event: head\ndata: h\n\n', 'text/plain')
    const foreign = followed(at)
    expect(await foreign.closed).toMatchObject({
      reason: expect.stringContaining('authority of ours'),
    })
    expect(foreign.told).toEqual([])
  })

  it.for([
    ['an HTML page', answering(200, '<html>'), { status: 200 }],
    ['a list', answering(200, '[]'), { status: 200 }],
    ['null', answering(200, 'null'), { status: 200 }],
    ['an answer without a head', answering(200, '{"feedKeys":[]}'), { status: 200 }],
    ['keys that are none', answering(200, '{"head":"h","feedKeys":[{"x":1}]}'), { status: 200 }],
    ['a redirect', answering(307, ''), { status: 307 }],
    ['a fault of something in front', answering(502, '<html>'), { status: 502 }],
    [
      'a refusal',
      answering(401, '{"code":"token-refused","detail":"it was removed","next":"make one"}'),
      { status: 401, code: 'token-refused', reason: 'it was removed; make one [token-refused]' },
    ],
    [
      'a refusal that would write to a terminal',
      answering(401, JSON.stringify({ code: 'token-refused', detail: '\u001b[2J\n\u202e' })),
      { status: 401, reason: '?[2J?? [token-refused]' },
    ],
    ['a code that is none', answering(401, '{"code":"<script>","detail":"x"}'), { status: 401 }],
    ['far too much', answering(200, 'x'.repeat(300 * 1024)), { status: 0 }],
  ] as const)('takes %s for a failure', async ([, intercept, expected]) => {
    const served = await testAuthority()
    served.intercept = intercept
    const failure = await reach(served.url).sync(question)
    expect(failure).toMatchObject({ isFailure: true, ...expected })
    expect(JSON.stringify(failure)).not.toContain('script')
  })

  it.for([
    ['no entries', '{"more":false}'],
    ['entries that are no texts', '{"entries":[{}]}'],
    ['entries that are no list', '{"entries":"x"}'],
  ] as const)('takes %s for a failure', async ([, body]) => {
    const served = await testAuthority()
    served.intercept = answering(200, body)
    expect(await reach(served.url).entries(ORIGIN)).toMatchObject({ isFailure: true })
  })

  it('reads a snapshot with and without a last line’s end, and none without a head', async () => {
    const served = await testAuthority()
    const at = reach(served.url)
    const expected = { head: 'h', entries: ['{"a":1}', '{"b":2}'] }
    for (const end of ['', '\n']) {
      served.intercept = answering(200, `{"head":"h"}\n{"a":1}\n{"b":2}${end}`)
      expect(await at.snapshot()).toEqual(expected)
    }
    served.intercept = answering(200, '{"a":1}\n')
    expect(await at.snapshot()).toMatchObject({ isFailure: true })
    served.intercept = answering(200, '')
    expect(await at.snapshot()).toMatchObject({ isFailure: true })
    served.intercept = answering(503, 'x'.repeat(300 * 1024))
    expect(await at.snapshot()).toMatchObject({ isFailure: true, status: 0 })
    served.intercept = answering(503, '{"code":"store-busy","detail":"wait"}')
    expect(await at.snapshot()).toMatchObject({ isFailure: true, code: 'store-busy' })
  })

  it('takes a snapshot of so many bytes, and gives up at one more, though no line is too long', async () => {
    const served = await testAuthority()
    const body = '{"head":"h"}\n{"a":1}\n{"b":2}\n'
    served.intercept = answering(200, body)
    const enough = reach(served.url, { snapshotBytesMax: body.length })
    expect(await enough.snapshot()).toMatchObject({ head: 'h' })
    const tooLittle = reach(served.url, { snapshotBytesMax: body.length - 1 })
    expect(await tooLittle.snapshot()).toMatchObject({ isFailure: true, status: 0 })
  })

  it('takes an answer that was cut for a failure', async () => {
    const served = await testAuthority()
    served.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{"head":"h",')
      setImmediate(() => response.destroy())
      return true
    }
    const at = reach(served.url)
    expect(await at.sync(question)).toMatchObject({ isFailure: true, status: 0 })
    expect(await at.snapshot()).toMatchObject({ isFailure: true, status: 0 })
  })

  it('goes from address to address, and from the last to the first', async () => {
    const one = await testAuthority()
    const other = await testAuthority()
    const at = reach([one.url, other.url])
    const asked = () => [one.questions.length, other.questions.length]
    await at.sync(question)
    expect([at.url, ...asked()]).toEqual([one.url, 1, 0])
    at.nextUrl('sync')
    await at.sync(question)
    expect([at.url, ...asked()]).toEqual([other.url, 1, 1])
    at.nextUrl('sync')
    await at.sync(question)
    expect([at.url, ...asked()]).toEqual([one.url, 2, 1])
  })

  it.for([
    ['a stream', 'stream', (at: Authority) => followed(at).close()],
    ['entries', 'fetch', (at: Authority) => at.entries(ORIGIN)],
    ['a snapshot', 'fetch', (at: Authority) => at.snapshot()],
  ] as const)('leaves an address once for what failed there: a question, and %s', async (row) => {
    const [, errand, work] = row
    const one = await testAuthority()
    const other = await testAuthority()
    const at = reach([one.url, other.url])
    await at.sync(question)
    await work(at)
    at.nextUrl('sync')
    at.nextUrl(errand)
    expect(at.url).toBe(other.url)
    await work(at)
    at.nextUrl('sync')
    expect(at.url).toBe(other.url)
    at.nextUrl(errand)
    expect(at.url).toBe(one.url)
  })

  it('is behind a path where its address has one', async () => {
    const served = await testAuthority()
    await reach(`${served.url}/auth`).sync(question)
    expect(served.requests.at(-1)?.path).toBe('/auth/v1/feed/sync')
  })

  it('keeps its connection, and sends again where that was closed meanwhile', async () => {
    const connections: Socket[] = []
    const answer = '{"head":"h","feedKeys":[]}'
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\n\r\n`
    let requests = 0
    const server = createTcp((socket) => {
      connections.push(socket)
      let isFirst = true
      socket.on('data', () => {
        requests += 1
        // A second request on a connection meets one that was just closed.
        if (isFirst) socket.write(head + answer)
        else socket.resetAndDestroy()
        isFirst = false
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const at = reach(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const small = { ...question, audiences: [] }
    expect(await at.sync(small)).toEqual({ head: 'h', feedKeys: [] })
    expect(await at.sync(small)).toEqual({ head: 'h', feedKeys: [] })
    expect([connections.length, requests]).toEqual([2, 3])
  })

  it('is not there', async () => {
    const served = await testAuthority()
    await served.stop()
    expect(await reach(served.url).sync(question)).toEqual({
      isFailure: true,
      status: 0,
      reason: 'ECONNREFUSED',
    })
  })

  it('that says nothing is given up, and idle connections with it', async () => {
    const served = await testAuthority()
    const at = reach(served.url)
    await Promise.all([at.sync(question), at.sync(question), at.sync(question)])
    expect(served.connections()).toBe(3)
    served.intercept = () => true
    expect(await at.sync(question)).toMatchObject({ reason: 'it took too long to answer' })
    await until(() => served.connections() === 0)
    served.intercept = undefined
    expect(await at.sync(question)).toMatchObject({ head: expect.any(String) })
  })

  it('loses every connection by a reset', async () => {
    const served = await testAuthority()
    const at = reach(served.url)
    const { headed, closed } = followed(at)
    await headed
    at.reset()
    expect(await closed).toMatchObject({ isFailure: true })
    expect(await at.sync(question)).toMatchObject({ head: expect.any(String) })
  })
})
