import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as oauth from 'oauth4webapi'
import { describe, expect, it, onTestFinished } from 'vitest'
import { guardOf, middlewareOf, type Verify } from '#boot/verifier/guards.ts'
import { protectedResourceMetadata, settleResource } from '#boot/verifier/resource.ts'
import type { GuardOptions, ProtectedResourceOptions } from '#boot/verifier/types.ts'

const ISSUER = 'https://auth.example'
const refusing: Verify = async () => ({ verdict: 'expired' })
const lacking: Verify = async () => ({ verdict: 'insufficient-scope' })
const unknowing: Verify = async () => ({ verdict: 'stale', cause: 'cold', retryAfterSeconds: 1 })

const made = (resource: string, more: Partial<ProtectedResourceOptions> = {}) =>
  protectedResourceMetadata({ resource, authorizationServers: [ISSUER], ...more })

/** A resource server at loopback, whose name is where it listens. */
async function served(path = '', more: Partial<ProtectedResourceOptions> = {}) {
  const server = createServer((request, response) =>
    middleware(request, response, () => response.end('served')),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const resource = made(`http://127.0.0.1:${port}${path}`, more)
  const options: GuardOptions = { resource }
  const middleware = middlewareOf(refusing, options)
  return { resource, origin: `http://127.0.0.1:${port}` }
}

describe('the metadata of a protected resource', () => {
  it.for([
    ['https://api.example', 'https://api.example/.well-known/oauth-protected-resource'],
    ['https://api.example/', 'https://api.example/.well-known/oauth-protected-resource'],
    [
      'https://api.example:8443/a/b',
      'https://api.example:8443/.well-known/oauth-protected-resource/a/b',
    ],
    ['https://api.example/a/', 'https://api.example/.well-known/oauth-protected-resource/a/'],
    ['https://api.example?t=1', 'https://api.example/.well-known/oauth-protected-resource?t=1'],
    ['https://api.example/a?t=1', 'https://api.example/.well-known/oauth-protected-resource/a?t=1'],
    ['http://127.0.0.1:1/a', 'http://127.0.0.1:1/.well-known/oauth-protected-resource/a'],
  ])('of %s is at %s', ([resource, url]) => {
    expect(made(resource ?? '')).toMatchObject({ url, document: { resource } })
  })

  it('says what there is, and leaves out what is empty', () => {
    expect(made('https://api.example', { scopes: [] }).document).toEqual({
      resource: 'https://api.example',
      authorization_servers: [ISSUER],
      bearer_methods_supported: ['header'],
    })
    const more = { scopes: ['read'], name: 'Orders', documentation: 'https://docs.example' }
    expect(made('https://api.example', more).document).toEqual({
      resource: 'https://api.example',
      authorization_servers: [ISSUER],
      scopes_supported: ['read'],
      bearer_methods_supported: ['header'],
      resource_name: 'Orders',
      resource_documentation: 'https://docs.example',
    })
  })

  it.for<[string, object]>([
    ['no URL', { resource: 'api' }],
    ['plain http', { resource: 'http://api.example' }],
    ['a name that begins like loopback', { resource: 'http://127.example.com' }],
    ['a fragment', { resource: 'https://api.example#x' }],
    ['an empty fragment', { resource: 'https://api.example#' }],
    ['a password', { resource: 'https://a:b@api.example' }],
    ['no issuer', { authorizationServers: [] }],
    ['an issuer that is none', { authorizationServers: ['auth'] }],
    ['one text for a list', { authorizationServers: ISSUER }],
    ['scopes in one text', { scopes: ['a b'] }],
  ])('is refused %s', ([, change]) => {
    const make = () => made('https://api.example', change)
    expect(make).toThrow(expect.objectContaining({ code: 'usage-invalid' }))
  })

  it('is refused by a verifier whose tokens would be for somebody else', () => {
    const resource = made('https://api.example')
    settleResource(undefined, [])
    settleResource(resource, ['a', 'https://api.example'])
    const slash = () => settleResource(resource, ['https://api.example/'])
    expect(slash).toThrow(expect.objectContaining({ code: 'usage-invalid' }))
  })

  it.for(['', '/v1', '/v1?tenant=a'])(
    'is found by oauth4webapi, of a resource at "%s"',
    async (path) => {
      const { resource } = await served(path, { scopes: ['read'] })
      const name = new URL(String(resource.document['resource']))
      const answer = await oauth.resourceDiscoveryRequest(name, {
        [oauth.allowInsecureRequests]: true,
      })
      const found = await oauth.processResourceDiscoveryResponse(name, answer)
      expect(found).toMatchObject({ authorization_servers: [ISSUER], scopes_supported: ['read'] })
    },
  )

  it('is pointed to where a token is refused, or missing', async () => {
    const { resource, origin } = await served('/v1')
    const bare = await fetch(`${origin}/v1/orders`)
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer resource_metadata="${resource.url}"`,
    ])
    const expired = await fetch(`${origin}/v1`, { headers: { authorization: 'Bearer x' } })
    expect(expired.headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", error_description="the access token has expired", resource_metadata="${resource.url}"`,
    )
    const malformed = await fetch(`${origin}/v1`, { headers: { authorization: 'Bearer' } })
    expect([malformed.status, malformed.headers.get('www-authenticate')]).toEqual([
      400,
      expect.not.stringContaining('resource_metadata'),
    ])
  })

  it('is given to anybody, by GET and HEAD, and nothing else is at its place', async () => {
    const { resource } = await served('/v1')
    const got = await fetch(resource.url)
    expect([got.status, await got.json()]).toEqual([200, resource.document])
    expect(Object.fromEntries(got.headers)).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'public, max-age=3600',
      'access-control-allow-origin': '*',
    })
    const head = await fetch(resource.url, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    for (const [url, method] of [
      [resource.url, 'POST'],
      [`${resource.url}/more`, 'GET'],
      [`${resource.url}?x`, 'GET'],
      [resource.url.replace('/v1', ''), 'GET'],
    ] as const) {
      expect((await fetch(url, { method })).status).toBe(401)
    }
  })

  it('is at its place also where a router took a part of the path away', async () => {
    const resource = made('https://api.example/v1')
    const said: string[] = []
    const response = {
      statusCode: 0,
      setHeader: () => undefined,
      end: (body: string) => said.push(body),
    }
    const request = { method: 'GET', url: '/v1', originalUrl: resource.path, headers: {} }
    middlewareOf(refusing, { resource })(request, response, () => undefined)
    await new Promise((resolve) => setImmediate(resolve))
    expect([response.statusCode, said]).toEqual([200, [JSON.stringify(resource.document)]])
  })

  it('is served and pointed to by a guard too', async () => {
    const resource = made('https://api.example/v1')
    const ask = async (verify: Verify, request: Request): Promise<Response> => {
      const answer = await guardOf(verify, request, { resource })
      if (answer instanceof Response) return answer
      throw new Error('it was let through')
    }
    const got = await ask(refusing, new Request(resource.url))
    expect([got.status, await got.json()]).toEqual([200, resource.document])
    const head = await ask(refusing, new Request(resource.url, { method: 'HEAD' }))
    expect([head.status, await head.text()]).toEqual([200, ''])
    const bare = await ask(refusing, new Request('https://api.example/v1'))
    expect(bare.headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${resource.url}"`)
    const headers = { authorization: 'Bearer x' }
    const scope = await ask(lacking, new Request('https://api.example/v1', { headers }))
    expect([scope.status, scope.headers.get('www-authenticate')]).toEqual([
      403,
      expect.stringContaining(`resource_metadata="${resource.url}"`),
    ])
    const stale = await ask(unknowing, new Request('https://api.example/v1', { headers }))
    expect([stale.status, stale.headers.get('www-authenticate')]).toEqual([503, null])
  })
})
