import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type HttpTarget, httpTransport } from '#boot/http-transport.ts'
import type { WireCall } from '#contract/transport.ts'
import { refusalOf } from '../world.ts'

const SECRET = 'eyJhbGciOiJFUzI1NiJ9.c2VjcmV0.c2VjcmV0'

/** A server that answers as it is told, and what it was asked. */
async function serving(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<HttpTarget> {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => answer(request, response, body))
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/base/`, userAgent: 'test', token: SECRET }
}

const call = (more: Partial<WireCall> = {}): WireCall => ({
  operation: 'listClients',
  params: {},
  query: {},
  body: {},
  requestId: 'req_1',
  ...more,
})

describe('a call over HTTP', () => {
  it('carries path, query, body, request id, key and token', async () => {
    const asked: unknown[] = []
    const target = await serving(({ method, url, headers }, response, body) => {
      const { authorization, 'x-request-id': id, 'idempotency-key': key } = headers
      asked.push([method, url, id, key, authorization, body])
      response.end('{}')
    })
    const send = httpTransport(target)
    await send(call({ query: { limit: '2', cursor: 'a b&c' } }))
    await send(
      call({
        operation: 'updateClient',
        params: { id: 'a/../b' },
        body: { tier: 'low' },
        idempotencyKey: 'k#2',
      }),
    )
    expect(asked).toEqual([
      [
        'GET',
        '/base/v1/clients?limit=2&cursor=a+b%26c',
        'req_1',
        undefined,
        `Bearer ${SECRET}`,
        '',
      ],
      [
        'PATCH',
        '/base/v1/clients/a%2F..%2Fb',
        'req_1',
        'k#2',
        `Bearer ${SECRET}`,
        '{"tier":"low"}',
      ],
    ])
  })

  it.for<[string, RegExp, (response: ServerResponse) => void]>([
    ['says nothing', /it took too long to answer/, () => undefined],
    [
      'begins and does not end',
      /it took too long to answer/,
      (response) => void response.write('{"items":'),
    ],
    [
      'trickles for ever',
      /it took too long to answer/,
      (response) => {
        const timer = setInterval(() => response.write(' '), 5)
        response.on('close', () => clearInterval(timer))
      },
    ],
    ['cuts the line', /the connection was cut/, (response) => response.destroy()],
    ['answers with a page', /it answered 200 with something that is not JSON/, (r) => r.end('<p>')],
    [
      'refuses in words of its own',
      /it answered 502, and not as an authority of ours does/,
      (response) => response.writeHead(502).end('{"message":"bad gateway"}'),
    ],
    [
      'sends us elsewhere',
      /it answered 302/,
      (response) => response.writeHead(302, { location: 'http://192.0.2.1/' }).end(),
    ],
  ])('to a server that %s is refused in time, and tells no secret', async ([, why, answer]) => {
    const target = await serving((_, response) => answer(response))
    const problem = await refusalOf(httpTransport({ ...target, answerMsMax: 100 })(call()))
    expect(problem.code).toBe('authority-unreachable')
    expect(problem.message).toMatch(why)
    expect(JSON.stringify([problem.message, problem.next, problem.facts])).not.toContain(SECRET)
  })

  it('to nobody is refused', async () => {
    const target = { url: 'http://127.0.0.1:1', userAgent: 'test' }
    const problem = await refusalOf(httpTransport(target)(call()))
    expect(problem).toMatchObject({ code: 'authority-unreachable' })
    expect(problem.message).toMatch(/at http:\/\/127\.0\.0\.1:1: connection refused/)
  })
})
