import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { describe, expect, it } from 'vitest'
import { adminApi } from '#contract/admin-api.ts'
import { type ProblemCode, problems, refuse } from '#kernel/problem.ts'
import { BODY_BYTES_MAX } from '#server/http.ts'
import { type Served, served } from './served.ts'

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

const PROBLEM_KEYS = ['type', 'title', 'status', 'detail', 'instance', 'code', 'facts', 'requestId']

describe('every refusal', () => {
  it.for(Object.entries(problems))('%s is a problem of its status', async ([code, row]) => {
    const on = await served({
      showClient: async () =>
        refuse(code as ProblemCode, 'because', { facts: { why: 1 }, next: 'do this' }),
    })
    const reply = await on.app.inject({
      url: '/v1/clients/some',
      headers: { ...bearer(await on.token()), 'x-request-id': 'req_mine' },
    })
    expect(reply.statusCode).toBe(row.status)
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(reply.headers['x-request-id']).toBe('req_mine')
    expect(reply.headers['cache-control']).toBe('no-store')
    expect(reply.json()).toEqual({
      type: `urn:credctl:problem:${code}`,
      title: row.title,
      status: row.status,
      detail: 'because',
      instance: '/v1/clients/some',
      code,
      facts: { why: 1 },
      next: 'do this',
      requestId: 'req_mine',
    })
    expect(on.faults).toHaveLength(code === 'internal' ? 1 : 0)
  })

  it('nobody foresaw tells its reader nothing and the log everything', async () => {
    const secret = new Error('SELECT secret FROM clients')
    const on = await served({ showClient: () => Promise.reject(secret) })
    const reply = await on.app.inject({
      url: '/v1/clients/some',
      headers: bearer(await on.token()),
    })
    expect(reply.statusCode).toBe(500)
    expect(Object.keys(reply.json())).toEqual(PROBLEM_KEYS)
    expect(reply.json()).toMatchObject({ code: 'internal', requestId: 'req_made_1', facts: {} })
    expect(reply.body).not.toContain('secret')
    expect(on.faults).toEqual([secret])
  })

  it('a reply that is not the contract’s is a fault, and a stranger in it does not pass', async () => {
    const broken = await served({ showAuthority: async () => ({ issuer: 1 }) as never })
    const headers = bearer(await broken.token())
    expect((await broken.app.inject({ url: '/v1/authority', headers })).statusCode).toBe(500)
    expect(broken.faults).toHaveLength(1)
    const talkative = await served()
    const { world } = talkative
    await world.admin.createClient({ id: 'x', scopes: ['read'], auth: 'secret' })
    const reply = await talkative.app.inject({
      url: '/v1/clients/x',
      headers: bearer(await talkative.token()),
    })
    expect(Object.keys(reply.json())).toEqual([
      'id',
      'tier',
      'scopes',
      'audiences',
      'authMethods',
      'keys',
      'state',
      'tags',
      'createdAt',
    ])
  })
})

describe('authentication', () => {
  const refusedAs = async (on: Served, authorization?: string) => {
    const reply = await on.app.inject({
      url: '/v1/authority',
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    })
    expect(Object.keys(reply.json())).toEqual(expect.arrayContaining(PROBLEM_KEYS))
    return [reply.statusCode, reply.json().code, reply.headers['www-authenticate']]
  }
  const NEEDED = [401, 'authentication-needed', 'Bearer']
  const REFUSED = [401, 'token-refused', 'Bearer error="invalid_token"']

  it('is by a bearer token of the authority, for itself', async () => {
    const on = await served()
    const token = await on.token()
    expect(await refusedAs(on)).toEqual(NEEDED)
    expect(await refusedAs(on, 'Basic b3BzOm9wcw==')).toEqual(NEEDED)
    expect(await refusedAs(on, 'Bearer')).toEqual(NEEDED)
    expect(await refusedAs(on, 'Bearer x')).toEqual(REFUSED)
    expect(await refusedAs(on, `Bearer ${token.slice(0, -8)}AAAAAAAA`)).toEqual(REFUSED)
    const lower = await on.app.inject({
      url: '/v1/authority',
      headers: { authorization: `bearer ${token}` },
    })
    expect(lower.statusCode).toBe(200)
  })

  it('refuses a token for another audience, an expired and a revoked one, and says why', async () => {
    const on = await served()
    const { admin, clock } = on.world
    await admin.createClient({ id: 'api', scopes: ['read'], audiences: ['https://api.example'] })
    const [elsewhere] = (await admin.issueTokens({ clientId: 'api' })).items
    expect(await refusedAs(on, `Bearer ${elsewhere?.token}`)).toEqual(REFUSED)
    const token = await on.token()
    await admin.revoke({
      selector: { clients: ['ops'] },
      reason: 'superseded',
      message: 'Ask the platform team.',
    })
    const reply = await on.app.inject({ url: '/v1/authority', headers: bearer(token) })
    expect(reply.json()).toMatchObject({
      code: 'token-refused',
      facts: { verdict: 'revoked', reason: 'superseded' },
    })
    expect(reply.json().detail).toContain('Ask the platform team.')
    const fresh = await on.token()
    clock.advance(600_000)
    expect(await refusedAs(on, `Bearer ${fresh}`)).toEqual(REFUSED)
  })

  it('is not enough: each route wants its scope, and what is refused is on record', async () => {
    const on = await served()
    const readers = bearer(await on.token(['admin:clients:read']))
    for (const route of Object.values(adminApi)) {
      const hasBody = route.method === 'POST' || route.method === 'PATCH'
      const reply = await on.app.inject({
        method: route.method,
        url: route.path.replace(':id', 'ops'),
        headers: { ...readers, ...(hasBody ? { 'content-type': 'application/json' } : {}) },
        // Malformed besides: whoever may not do it is not told how to ask for it.
        ...(hasBody ? { payload: '{"odd":1}' } : {}),
      })
      const isAllowed = route.scope === 'admin:clients:read'
      expect(reply.statusCode, route.path).toBe(isAllowed ? 200 : 403)
      if (isAllowed) continue
      expect(reply.json(), route.path).toMatchObject({
        code: 'scope-insufficient',
        facts: { scope: route.scope },
      })
      expect(reply.headers['www-authenticate']).toBe(
        `Bearer error="insufficient_scope", scope="${route.scope}"`,
      )
    }
    const { items } = await on.world.admin.listAudit({ outcome: 'scope-insufficient' })
    const wanted = Object.values(adminApi).filter(({ scope }) => scope !== 'admin:clients:read')
    expect(items).toHaveLength(wanted.length)
    expect(items[0]).toMatchObject({ actor: 'client:ops', origin: { transport: 'http' } })
  })
})

describe('what cannot be read', () => {
  const post = async (on: Served, payload: string, headers: Record<string, string>) =>
    on.app.inject({
      method: 'POST',
      url: '/v1/clients',
      payload,
      headers: { ...bearer(await on.token()), ...headers },
    })
  const json = { 'content-type': 'application/json' }
  const body = JSON.stringify({ id: 'x', scopes: ['read'] })

  it.for<[string, string, Record<string, string>, number, string]>([
    ['a body cut short', '{"id":', json, 400, 'request-invalid'],
    ['an empty body', '', json, 400, 'request-invalid'],
    ['a list', '[]', json, 400, 'request-invalid'],
    ['null', 'null', json, 400, 'request-invalid'],
    ['a field too many', '{"id":"x","scopes":["a"],"odd":1}', json, 400, 'request-invalid'],
    ['a poisoned prototype', '{"__proto__":{"id":"x"}}', json, 400, 'request-invalid'],
    [
      'a form',
      'id=x',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'media-type-unsupported',
    ],
    ['text', body, { 'content-type': 'text/plain' }, 415, 'media-type-unsupported'],
    ['too much', 'x'.repeat(BODY_BYTES_MAX + 1), json, 413, 'body-too-large'],
  ])('%s → %s', async ([, payload, headers, status, code]) => {
    const on = await served()
    const reply = await post(on, payload, headers)
    expect(reply.statusCode).toBe(status)
    expect(reply.json()).toMatchObject({ code, instance: '/v1/clients' })
    expect(Object.keys(reply.json())).toEqual(expect.arrayContaining(PROBLEM_KEYS))
    expect((await on.world.admin.listClients({})).items).toHaveLength(1)
  })

  it('is not a good body, whatever its charset', async () => {
    const on = await served()
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    expect((await post(on, body, headers)).statusCode).toBe(200)
  })

  it('names the field that is wrong', async () => {
    const on = await served()
    const reply = await post(on, '{"id":"x","scopes":["two words"],"tier":"top"}', json)
    const { detail, facts } = reply.json()
    expect(detail).toMatch(/^body\.scopes\.0: /)
    expect(facts.issues.map(({ at }: { at: string }) => at)).toEqual(['body.scopes.0', 'body.tier'])
  })

  it.for<[string, string]>([
    ['limit=0', 'query.limit'],
    ['limit=10001', 'query.limit'],
    ['limit=many', 'query.limit'],
    ['limit=1&limit=2', 'query.limit'],
    ['tier=a&tier=b', 'query.tier'],
    ['odd=1', 'query'],
  ])('?%s is invalid at %s', async ([query, at]) => {
    const on = await served()
    const reply = await on.app.inject({
      url: `/v1/clients?${query}`,
      headers: bearer(await on.token()),
    })
    expect(reply.statusCode).toBe(400)
    expect(reply.json().detail).toContain(at)
  })

  it.for<[number, number, string]>([
    [128, 404, 'client-unknown'],
    [129, 400, 'request-invalid'],
    [512, 400, 'request-invalid'],
    [513, 400, 'request-invalid'],
  ])('an id of %i characters → %i %s', async ([length, status, code]) => {
    const on = await served()
    const url = `/v1/clients/${'x'.repeat(length)}`
    const reply = await on.app.inject({ url, headers: bearer(await on.token()) })
    expect([reply.statusCode, reply.json().code]).toEqual([status, code])
  })

  it.for<['GET' | 'PUT' | 'DELETE' | 'POST', string, number, string, string | undefined]>([
    ['GET', '/', 404, 'route-unknown', undefined],
    ['GET', '/v1', 404, 'route-unknown', undefined],
    ['GET', '/v2/clients', 404, 'route-unknown', undefined],
    ['GET', '/v1/clients/a/b', 404, 'route-unknown', undefined],
    ['PUT', '/v1/clients', 405, 'method-unknown', 'GET, HEAD, POST'],
    ['PUT', '/v1/clients/a?x=1', 405, 'method-unknown', 'DELETE, GET, HEAD, PATCH'],
    ['GET', '/v1/clients/a/disable', 405, 'method-unknown', 'POST'],
    ['DELETE', '/v1/revocations', 405, 'method-unknown', 'GET, HEAD, POST'],
    ['POST', '/openapi.json', 405, 'method-unknown', 'GET, HEAD'],
    ['GET', '/v1/clients/%zz', 400, 'request-invalid', undefined],
  ])('%s %s → %i %s', async ([method, url, status, code, allow]) => {
    const on = await served()
    const reply = await on.app.inject({ method, url, headers: { 'x-request-id': 'req_mine' } })
    expect(reply.statusCode).toBe(status)
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(reply.headers['x-request-id']).toBe('req_mine')
    expect(reply.headers['allow']).toBe(allow)
    expect(reply.json()).toMatchObject({ code, instance: url, requestId: 'req_mine' })
  })
})

describe('a request id', () => {
  it.for<[string | undefined, string]>([
    [undefined, 'req_made_1'],
    ['abc-1.2_3', 'abc-1.2_3'],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['x'.repeat(65), 'req_made_1'],
    ['two words', 'req_made_1'],
    ['<script>', 'req_made_1'],
  ])('%s is answered as %s, and is the one in the log', async ([given, id]) => {
    const on = await served()
    const reply = await on.app.inject({
      method: 'DELETE',
      url: '/v1/clients/nobody',
      headers: {
        ...bearer(await on.token()),
        ...(given === undefined ? {} : { 'x-request-id': given }),
      },
    })
    expect(reply.headers['x-request-id']).toBe(id)
    expect(reply.json().requestId).toBe(id)
    const [entry] = (await on.world.admin.listAudit({ action: 'client.delete' })).items
    expect(entry?.requestId).toBe(id)
  })
})

describe('what anyone may read', () => {
  it('is the key set, the metadata and the health, without a credential', async () => {
    const on = await served()
    const keys = await on.app.inject('/.well-known/jwks.json')
    expect(keys.statusCode).toBe(200)
    expect(keys.headers['cache-control']).toBe('public, max-age=300')
    expect(keys.headers['x-content-type-options']).toBe('nosniff')
    expect(keys.json().keys).toHaveLength(2)
    expect(JSON.stringify(keys.json())).not.toMatch(/"d":/)
    const metadata = await on.app.inject('/.well-known/oauth-authorization-server')
    expect(metadata.json()).toMatchObject({
      issuer: on.world.issuer,
      jwks_uri: `${on.world.issuer}/.well-known/jwks.json`,
    })
    expect((await on.app.inject('/livez')).json()).toEqual({ status: 'ok' })
    expect((await on.app.inject('/readyz')).statusCode).toBe(200)
    on.state.ready = false
    const unready = await on.app.inject('/readyz')
    expect([unready.statusCode, unready.json()]).toEqual([503, { status: 'unavailable' }])
    expect((await on.app.inject('/livez')).statusCode).toBe(200)
  })
})

describe('a real socket', () => {
  it('that speaks no HTTP gets 400 and the server goes on', async () => {
    const on = await served()
    const address = await on.app.listen({ host: '127.0.0.1', port: 0 })
    const socket = connectTcp(Number(new URL(address).port), '127.0.0.1')
    socket.write('HELLO\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /)
    socket.destroy()
    const reply = await fetch(`${address}/livez`)
    expect(await reply.json()).toEqual({ status: 'ok' })
  })
})
