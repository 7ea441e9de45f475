import { describe, expect, it } from 'vitest'
import { metadata } from '#server/documents.ts'
import { createHttp, type HttpOptions } from '#server/http.ts'
import { createOauthEndpoints } from '#server/oauth/endpoints.ts'
import { served, type Served } from '../served.ts'
import { basic } from './world.ts'

const FORM = 'application/x-www-form-urlencoded'

async function stage() {
  const it = await served()
  const { clientSecret = '' } = await it.world.admin.createClient({
    id: 'api',
    scopes: ['read'],
    auth: 'secret',
  })
  const headers = { 'content-type': FORM, ...basic('api', clientSecret) }
  const post = (url: string, payload: string, more = {}) =>
    it.app.inject({ method: 'POST', url, payload, headers: { ...headers, ...more } })
  return { ...it, post, headers, clientSecret }
}

describe('over HTTP', () => {
  it.for([FORM, `${FORM}; charset=UTF-8`, FORM.toUpperCase()])(
    'a token is had by a form of type %s',
    async (type) => {
      const { post } = await stage()
      const answer = await post('/oauth/token', 'grant_type=client_credentials', {
        'content-type': type,
      })
      expect(answer.statusCode).toBe(200)
      expect(answer.headers).toMatchObject({
        'cache-control': 'no-store',
        pragma: 'no-cache',
        'content-type': 'application/json; charset=utf-8',
        'x-content-type-options': 'nosniff',
        'x-request-id': expect.any(String),
      })
      expect(answer.json()).toMatchObject({ token_type: 'Bearer', scope: 'read' })
    },
  )

  it('errors are as RFC 6749 §5.2 says, and kept by nobody', async () => {
    const { post } = await stage()
    const answer = await post('/oauth/token', 'grant_type=client_credentials', {
      authorization: 'Basic eDp5',
    })
    expect(answer.statusCode).toBe(401)
    expect(answer.headers).toMatchObject({
      'www-authenticate': 'Basic realm="credctl"',
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'content-type': 'application/json; charset=utf-8',
    })
    expect(answer.json()).toEqual({
      error: 'invalid_client',
      error_description: 'client authentication failed',
    })
  })

  it.for<[string, string, Record<string, string>]>([
    ['JSON', '{"grant_type":"client_credentials"}', { 'content-type': 'application/json' }],
    ['text', 'grant_type=client_credentials', { 'content-type': 'text/plain' }],
    ['a form that does not say so', 'grant_type=client_credentials', { 'content-type': '' }],
    ['too large a form', `a=${'x'.repeat(65_537)}`, {}],
    ['an empty body', '', {}],
    ['bytes beyond ASCII', 'grant_type=é', {}],
  ])('%s is an invalid request', async ([, payload, headers]) => {
    const { post, faults } = await stage()
    const answer = await post('/oauth/token', payload, headers)
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(faults).toEqual([])
  })

  it('no body at all is an invalid request', async () => {
    const { app } = await stage()
    const answer = await app.inject({ method: 'POST', url: '/oauth/token' })
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
  })

  it('what stands in the URI is refused, and in two headers too', async () => {
    const { app, post, headers } = await stage()
    for (const query of ['?client_secret=x', '?x']) {
      const answer = await post(`/oauth/token${query}`, 'grant_type=client_credentials')
      expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
    }
    await app.listen({ port: 0, host: '127.0.0.1' })
    const address = app.addresses()[0] as { readonly port: number } | undefined
    const { request } = await import('node:http')
    const status = await new Promise((resolve, reject) => {
      const twice = ['authorization', headers.authorization, 'authorization', headers.authorization]
      const list = [
        'host',
        'x',
        'content-type',
        FORM,
        'content-length',
        '29',
        'connection',
        'close',
      ]
      const asked = request({
        port: address?.port,
        method: 'POST',
        path: '/oauth/token',
        headers: [...list, ...twice],
      })
      asked.on('response', (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      })
      asked.on('error', reject)
      asked.end('grant_type=client_credentials')
    })
    expect(status).toBe(400)
  })

  it.for(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'] as const)(
    '%s is not how a token is asked for',
    async (method) => {
      const { app } = await stage()
      const answer = await app.inject({ method, url: '/oauth/token' })
      expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'POST'])
    },
  )

  it('an introspection may be signed', async () => {
    const { post } = await stage()
    const type = 'application/token-introspection+jwt'
    const answer = await post('/oauth/introspect', 'token=x', { accept: type })
    expect(answer.headers['content-type']).toBe(type)
    expect(answer.body.split('.')).toHaveLength(3)
  })

  it('a revocation is answered with nothing', async () => {
    const { post } = await stage()
    const answer = await post('/oauth/revoke', 'token=x')
    expect([answer.statusCode, answer.body]).toEqual([200, ''])
  })

  it('the forms of OAuth are no forms of the admin API', async () => {
    const { app, token } = await stage()
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/clients',
      payload: 'id=x',
      headers: { 'content-type': FORM, authorization: `Bearer ${await token()}` },
    })
    expect(answer.statusCode).toBe(415)
  })
})

describe('the metadata', () => {
  const PLACES = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']

  it.for(PLACES)('is at %s, and names what is there', async (url) => {
    const { app } = await stage()
    const { issuer, ...rest } = (await app.inject({ url })).json()
    expect(issuer).toBe('http://127.0.0.1:7420')
    const auth = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
    const algs = ['ES256', 'RS256', 'EdDSA', 'Ed25519']
    expect(rest).toMatchObject({
      token_endpoint: `${issuer}/oauth/token`,
      revocation_endpoint: `${issuer}/oauth/revoke`,
      introspection_endpoint: `${issuer}/oauth/introspect`,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      response_types_supported: [],
      grant_types_supported: expect.arrayContaining(['client_credentials']),
      token_endpoint_auth_methods_supported: [...auth, 'none'],
      token_endpoint_auth_signing_alg_values_supported: algs,
      revocation_endpoint_auth_methods_supported: [...auth, 'none'],
      revocation_endpoint_auth_signing_alg_values_supported: algs,
      introspection_endpoint_auth_methods_supported: auth,
      introspection_endpoint_auth_signing_alg_values_supported: algs,
      introspection_signing_alg_values_supported: ['ES256'],
    })
    const paths = Object.entries(rest)
      .filter(([name]) => name.endsWith('_endpoint'))
      .map(([, endpoint]) => String(endpoint).slice(issuer.length))
    const statuses = paths.map(
      async (path) => (await app.inject({ method: 'POST', url: path })).statusCode,
    )
    expect(await Promise.all(statuses)).toEqual([400, 401, 401, 405])
  })

  it('and the endpoints are below the path of an issuer that has one', async () => {
    const { world, app: plain } = await stage()
    await plain.close()
    const issuer = 'https://example.com/tenant'
    const app = createHttp(withPath(world, issuer))
    for (const url of [
      '/.well-known/oauth-authorization-server/tenant',
      '/tenant/.well-known/openid-configuration',
      '/.well-known/openid-configuration/tenant',
    ]) {
      expect((await app.inject({ url })).json().token_endpoint).toBe(`${issuer}/oauth/token`)
    }
    const statuses = ['token', 'revoke', 'introspect'].map(
      async (name) =>
        (await app.inject({ method: 'POST', url: `/tenant/oauth/${name}` })).statusCode,
    )
    expect(await Promise.all(statuses)).toEqual([400, 401, 401])
    await app.close()
  })
})

function withPath({ deps }: Served['world'], issuer: string): HttpOptions {
  const nothing = async (): Promise<never> => {
    throw new Error('not asked for')
  }
  return {
    dispatch: nothing,
    authenticate: nothing,
    newRequestId: () => 'req_1',
    publicDocuments: {
      issuerPath: new URL(issuer).pathname,
      jwks: nothing,
      openapi: nothing,
      metadata: () => metadata(issuer),
    },
    oauth: createOauthEndpoints(deps, { endOfTick: async () => {}, onFault: nothing }),
    ready: async () => true,
    onFault: nothing,
    trustProxy: false,
  }
}
