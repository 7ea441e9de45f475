import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { guardOf, middlewareOf } from '#boot/verifier/guards.ts'
import { refusalOf } from '#boot/verifier/refusal.ts'
import type { Accepted, Claims, Decision, GuardOptions, Refused } from '#boot/verifier/types.ts'

const claims: Claims = {
  iss: 'https://auth.test',
  sub: 's',
  aud: 'a',
  client_id: 'c',
  jti: 'j',
  iat: 1,
  exp: 2,
  scope: 'read',
  sid: 'x',
}
const accepted: Accepted = { verdict: 'accepted', claims }
const revoked = { verdict: 'revoked', claims, reason: 'compromise', revocationId: 'rev_1' } as const
const INVALID = 'Bearer error="invalid_token", error_description='

/** [decision, what was demanded, status, challenge] */
const refusals: readonly (readonly [Refused, GuardOptions, number, string | null])[] = [
  [revoked, {}, 401, `${INVALID}"the access token was revoked"`],
  [{ ...revoked, message: 'Ask ops' }, {}, 401, `${INVALID}"Ask ops"`],
  [{ ...revoked, message: 'say "a\\b"' }, {}, 401, `${INVALID}"say 'a/b'"`],
  [{ ...revoked, message: 'a\r\nset-cookie: b' }, {}, 401, `${INVALID}"a??set-cookie: b"`],
  [{ verdict: 'expired' }, {}, 401, `${INVALID}"the access token has expired"`],
  [{ verdict: 'not-yet-valid' }, {}, 401, `${INVALID}"the access token is not valid yet"`],
  [
    { verdict: 'invalid', detail: 'secret' },
    {},
    401,
    `${INVALID}"the access token is not valid here"`,
  ],
  [
    { verdict: 'proof-invalid' },
    {},
    401,
    `${INVALID}"the access token is bound to a key, unproved here"`,
  ],
  [
    { verdict: 'insufficient-scope' },
    { scopes: ['a', 'b:c'] },
    403,
    'Bearer error="insufficient_scope", error_description="the access token lacks a scope", scope="a b:c"',
  ],
  [
    { verdict: 'step-up-required' },
    { maxAgeSeconds: 60, acr: ['mfa', 'hwk'] },
    401,
    'Bearer error="insufficient_user_authentication", error_description="sign in anew, as asked", acr_values="mfa hwk", max_age="60"',
  ],
  [
    { verdict: 'step-up-required' },
    { maxAgeSeconds: 0 },
    401,
    'Bearer error="insufficient_user_authentication", error_description="sign in anew, as asked", max_age="0"',
  ],
  [{ verdict: 'stale', cause: 'lease', retryAfterSeconds: 1 }, {}, 503, null],
]

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** A server behind the middleware, asked by raw bytes, since a client would tidy them up. */
async function behind(decision: Decision, options: GuardOptions = {}) {
  const seen: string[] = []
  const verify = async (token: string): Promise<Decision> => {
    seen.push(token)
    return decision
  }
  const middleware = middlewareOf(verify, options)
  const server: Server = createServer((request, response) =>
    middleware(request, response, () => {
      response.end(JSON.stringify((request as { credctl?: unknown }).credctl))
    }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const ask = (headers: readonly string[], path = '/'): Promise<Answer> =>
    new Promise((resolve, reject) => {
      let text = ''
      const lines = [`GET ${path} HTTP/1.1`, 'host: a', 'connection: close', ...headers]
      const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n\r\n`))
      socket.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
      socket.on('error', reject).on('close', () => resolve(parsed(text)))
    })
  return { ask, seen }
}

function parsed(text: string): Answer {
  const [head = '', body = ''] = text.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 2),
    ]),
  )
  return {
    status: Number(first.split(' ')[1]),
    headers,
    body: body.replace(/^\w+\r\n|\r\n0$/g, ''),
  }
}

describe('the middleware', () => {
  it('lets through what is accepted, and hands the decision on', async () => {
    const { ask, seen } = await behind(accepted)
    const { status, body } = await ask(['authorization: Bearer a.b.c'])
    expect([status, JSON.parse(body)]).toEqual([200, accepted])
    expect(seen).toEqual(['a.b.c'])
  })

  it.for(refusals)('answers %j', async ([decision, options, status, challenge]) => {
    const { ask } = await behind(decision, options)
    const { headers, ...answer } = await ask(['authorization: Bearer t'])
    expect(answer.status).toBe(status)
    expect(headers['www-authenticate'] ?? null).toBe(challenge)
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['set-cookie']).toBeUndefined()
    expect(answer.body).not.toContain('secret')
  })

  it.for([
    ['Bearer t', 't'],
    ['bearer t', 't'],
    ['BEARER   t', 't'],
    ['Bearer a-b._~+/c==', 'a-b._~+/c=='],
  ] as const)('reads %s', async ([header, token]) => {
    const { ask, seen } = await behind(accepted)
    expect((await ask([`authorization: ${header}`])).status).toBe(200)
    expect(seen).toEqual([token])
  })

  it.for([
    ['nothing', [], '/'],
    ['another scheme', ['authorization: Basic dTpw'], '/'],
    ['a look-alike', ['authorization: Bearers t'], '/'],
    ['a token in the query only', [], '/?access_token=t'],
  ] as const)('asks for a token and names no error: %s', async ([, headers, path]) => {
    const { ask, seen } = await behind(accepted)
    const answer = await ask(headers, path)
    expect(answer).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer', 'cache-control': 'no-store' },
    })
    expect(seen).toEqual([])
  })

  it.for([
    ['no token', ['authorization: Bearer'], '/'],
    ['two words', ['authorization: Bearer a b'], '/'],
    ['a comma', ['authorization: Bearer a,b'], '/'],
    ['a token twice', ['authorization: Bearer a', 'authorization: Bearer b'], '/'],
    ['a token and another scheme', ['authorization: Basic x', 'authorization: Bearer b'], '/'],
    ['a token and one in the query', ['authorization: Bearer a'], '/x?y=1&access_token=b'],
    ['a token and an escaped one', ['authorization: Bearer a'], '/?access%5Ftoken=b'],
  ] as const)('calls the request malformed: %s', async ([, headers, path]) => {
    const { ask, seen } = await behind(accepted)
    const answer = await ask(headers, path)
    expect(answer.status).toBe(400)
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer error="invalid_request", /)
    expect(seen).toEqual([])
  })

  it('reads the headers of a request that has no raw ones', async () => {
    const decided = new Promise<unknown>((resolve) => {
      const request = { headers: { authorization: 'Bearer t' } }
      const response = { statusCode: 0, setHeader: () => undefined, end: () => undefined }
      middlewareOf(async () => accepted, {})(request, response, () => resolve(request))
    })
    expect(await decided).toMatchObject({ credctl: accepted })
  })

  it('says after how long to try again, in whole seconds', () => {
    const stale = { verdict: 'stale', cause: 'cold' } as const
    const { headers } = refusalOf({ ...stale, retryAfterSeconds: 1.2 }, {})
    expect(headers['retry-after']).toBe('2')
    expect(refusalOf({ ...stale, retryAfterSeconds: 0 }, {}).headers['retry-after']).toBe('1')
  })

  it('writes one header line whatever the message is', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 0xffff })), (units) => {
        const message = String.fromCharCode(...units)
        const { headers } = refusalOf({ ...revoked, message }, {})
        expect(headers['www-authenticate']).toMatch(
          /^Bearer error="invalid_token"(?:, error_description="[\x20\x21\x23-\x5b\x5d-\x7e]+")?$/,
        )
      }),
    )
  })
})

describe('the guard of a Request', () => {
  const request = (headers: Record<string, string> = {}, url = 'https://api.test/x') =>
    new Request(url, { headers })

  it('answers the decision that accepts', async () => {
    const given = request({ authorization: 'Bearer t' })
    expect(await guardOf(async () => accepted, given, {})).toBe(accepted)
  })

  it('answers a Response that refuses', async () => {
    const guarded = await guardOf(async () => revoked, request({ authorization: 'Bearer t' }), {})
    expect(guarded).toBeInstanceOf(Response)
    const response = guarded as Response
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('invalid_token')
    expect(await response.json()).toMatchObject({ error: 'invalid_token' })
  })

  it.for([
    [request(), 401, /^Bearer$/],
    [request({ authorization: 'Bearer a, Bearer b' }), 400, /invalid_request/],
    [
      request({ authorization: 'Bearer a' }, 'https://api.test/?access_token=b'),
      400,
      /invalid_request/,
    ],
  ] as const)('%#', async ([given, status, challenge]) => {
    const response = (await guardOf(async () => accepted, given, {})) as Response
    expect(response.status).toBe(status)
    expect(response.headers.get('www-authenticate')).toMatch(challenge)
  })
})
