import { describe, expect, it } from 'vitest'
import { refuse } from '#kernel/problem.ts'
import { opened } from '../../app/forge.ts'
import { BEGINNING, ISSUER } from '../../world.ts'
import { API, basic, CLIENT_CREDENTIALS, oauthWorld, type OauthWorld } from './world.ts'

const now = BEGINNING / 1000

async function stage(more: Parameters<OauthWorld['withSecret']>[1] = {}) {
  const world = await oauthWorld()
  const secret = await world.withSecret('api', more)
  const ask = (fields: Record<string, string> | [string, string][] = {}) =>
    world.post(
      'token',
      [
        ['grant_type', CLIENT_CREDENTIALS],
        ...(Array.isArray(fields) ? fields : Object.entries(fields)),
      ],
      { headers: basic('api', secret) },
    )
  return { world, secret, ask }
}

describe('client_credentials', () => {
  it('is answered as RFC 6749 §5.1 says, with a token as RFC 9068 has it', async () => {
    const { world, ask } = await stage()
    const { position } = await world.admin.showAuthority({})
    const { status, body } = await ask({ scope: 'read' })
    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'read',
    })
    const { header, claims } = opened(body.access_token)
    expect(header).toMatchObject({ typ: 'at+jwt', alg: 'ES256' })
    expect(claims).toEqual({
      iss: ISSUER,
      sub: 'api',
      aud: API,
      client_id: 'api',
      jti: expect.stringMatching(/^cred_/),
      iat: now,
      exp: now + 600,
      scope: 'read',
      sid: claims['jti'],
      feed_seq: position,
      root_seq: position,
      root_iat: now,
      status: {
        status_list: {
          idx: expect.any(Number),
          uri: expect.stringMatching(/^http:\/\/127.0.0.1:7420\/oauth\/status-lists\/[\w-]{8}$/),
        },
      },
    })
  })

  it('records what an administrator’s issue records, in the client’s own name', async () => {
    const { world, ask } = await stage()
    const { body } = await ask()
    const id = String(opened(body.access_token).claims['jti'])
    expect(await world.admin.showCredential({ id })).toMatchObject({
      clientId: 'api',
      subject: 'api',
      scopes: ['read', 'write'],
      audience: [API],
      state: 'active',
      createdBy: 'client:api',
      tags: {},
    })
    expect(await world.audit('credential.issue')).toEqual([
      expect.objectContaining({
        actor: 'client:api',
        target: `credential:${id}`,
        outcome: 'ok',
        requestId: 'req_1',
        origin: { transport: 'http', ip: '192.0.2.7' },
        detail: expect.objectContaining({
          grantType: CLIENT_CREDENTIALS,
          scopes: ['read', 'write'],
          ttlSeconds: 600,
        }),
      }),
    ])
  })

  it('gives a token that the authority accepts, and its revocations hit', async () => {
    const { world, ask } = await stage()
    const { body } = await ask()
    const verify = async () =>
      (await world.admin.verifyToken({ token: body.access_token, audience: API })).verdict
    expect(await verify()).toBe('accepted')
    await world.admin.revoke({ selector: { clients: ['api'] }, reason: 'testing' })
    expect(await verify()).toBe('revoked')
    const again = await ask()
    expect((await world.admin.verifyToken({ token: again.body.access_token })).verdict).toBe(
      'accepted',
    )
  })

  it.for<[string, Record<string, string>, object]>([
    ['all that the client may have', {}, { scope: 'read write' }],
    ['one scope', { scope: 'write' }, { scope: 'write' }],
    ['the same twice', { scope: 'read read' }, { scope: 'read' }],
    ['a shorter life', { expires_in: '90' }, { expires_in: 90 }],
    ['a longer life than policy allows', { expires_in: '86400' }, { expires_in: 3600 }],
    ['what is not known', { nonsense: 'x' }, { scope: 'read write' }],
  ])('grants %s', async ([, fields, expected]) => {
    const { ask } = await stage()
    expect((await ask(fields)).body).toMatchObject(expected)
  })

  it('takes several resources and audiences, and puts all of them into the token', async () => {
    const { ask } = await stage({ audiences: [API, 'https://b.example', 'c'] })
    const audOf = async (fields: [string, string][]) =>
      opened((await ask(fields)).body.access_token).claims['aud']
    expect(await audOf([['resource', 'https://b.example']])).toBe('https://b.example')
    expect(
      await audOf([
        ['audience', 'c'],
        ['resource', API],
        ['resource', 'https://b.example'],
        ['resource', API],
      ]),
    ).toEqual([API, 'https://b.example', 'c'])
  })

  it.for<[string, [string, string][], string]>([
    ['a scope that is not the client’s', [['scope', 'admin']], 'invalid_scope'],
    ['a scope among others that is not', [['scope', 'read admin']], 'invalid_scope'],
    ['a malformed scope', [['scope', 'a"b']], 'invalid_scope'],
    ['an audience that is not the client’s', [['audience', 'https://b.example']], 'invalid_target'],
    ['a resource that is not', [['resource', 'https://b.example']], 'invalid_target'],
    ['a resource that is no URI', [['resource', 'x']], 'invalid_target'],
    ['a lifetime that is none', [['expires_in', 'long']], 'invalid_request'],
  ])('refuses %s', async ([, fields, error]) => {
    const { world, ask } = await stage()
    const { status, headers, body } = await ask(fields)
    expect({ status, headers }).toEqual({ status: 400, headers: {} })
    expect(body.error).toBe(error)
    expect((await world.admin.listCredentials({})).items).toEqual([])
  })

  it('says no more of a refusal than its code, and leaves the rest to the audit log', async () => {
    const { world, ask } = await stage()
    const { body } = await ask({ scope: 'deploy:prod' })
    expect(body).toEqual({
      error: 'invalid_scope',
      error_description: 'the scope is not one that this client may have',
    })
    expect(await world.audit('credential.issue')).toEqual([
      expect.objectContaining({
        actor: 'client:api',
        target: 'client:api',
        outcome: 'scope-refused',
        detail: expect.objectContaining({ refused: 'deploy:prod', allowed: ['read', 'write'] }),
      }),
    ])
  })

  it('gives a client its own administrative scopes, and no others', async () => {
    const { ask } = await stage({ scopes: ['admin:keys:read', 'read'] })
    expect((await ask()).body.scope).toBe('admin:keys:read read')
    expect((await ask({ scope: 'admin:keys:write' })).body.error).toBe('invalid_scope')
  })

  it('expands a pattern into what is known by name', async () => {
    const { ask } = await stage({ scopes: ['deploy:*', 'deploy:prod'] })
    expect((await ask({ scope: 'deploy:*' })).body.scope).toBe('deploy:prod')
    expect((await ask({ scope: 'deploy:eu' })).body.scope).toBe('deploy:eu')
  })

  it('gives nothing to the emergency client', async () => {
    const { post, withSecret } = await oauthWorld()
    const headers = basic('break-glass', await withSecret('break-glass'))
    const { status, body } = await post('token', { grant_type: CLIENT_CREDENTIALS }, { headers })
    expect([status, body.error]).toEqual([400, 'invalid_scope'])
  })

  it('gives nothing to a client that is disabled, once it is known to be it', async () => {
    const { world, ask } = await stage()
    await world.admin.disableClient({ id: 'api' })
    const { status, body } = await ask()
    expect([status, body.error]).toEqual([400, 'unauthorized_client'])
    const wrong = await world.post(
      'token',
      { grant_type: CLIENT_CREDENTIALS },
      { headers: basic('api', 'x') },
    )
    expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client'])
  })

  it('gives nothing while a block lasts, and does not say which', async () => {
    const { world, ask } = await stage()
    const selector = { clients: ['api'] }
    await ask()
    const { revocation } = await world.admin.revoke({ selector, reason: 'compromise', block: true })
    const { status, body } = await ask()
    expect([status, body.error]).toEqual([400, 'unauthorized_client'])
    expect(JSON.stringify(body)).not.toContain('rev_')
    await world.admin.unblockRevocation({ id: revocation?.id ?? '' })
    const again = await ask()
    expect(again.status).toBe(200)
    const { verdict } = await world.admin.verifyToken({ token: again.body.access_token })
    expect(verdict).toBe('accepted')
  })

  it('gives nothing while the clock is behind, and may be asked again', async () => {
    const { world, ask } = await stage()
    await world.admin.rotateKey({})
    world.clock.advance(-3000)
    const { status, headers, body } = await ask()
    expect({ status, headers, error: body.error }).toEqual({
      status: 503,
      headers: { 'retry-after': '1' },
      error: 'temporarily_unavailable',
    })
  })

  it.for(['store-busy', 'store-full'] as const)(
    'gives nothing while the database is as %s says, and may be asked again',
    async (code) => {
      const { world, ask } = await stage()
      Object.assign(world.deps.store, { write: async () => refuse(code, 'not now') })
      const { status, headers, body } = await ask()
      expect({ status, headers, error: body.error }).toEqual({
        status: 503,
        headers: { 'retry-after': '1' },
        error: 'temporarily_unavailable',
      })
    },
  )

  it('signs with the key that is active at that moment', async () => {
    const { world, ask } = await stage()
    const { key } = await world.admin.rotateKey({})
    expect(opened((await ask()).body.access_token).header['kid']).toBe(key.id)
  })

  it('says that the authority failed where it did, and tells its operator what it was', async () => {
    const { world, ask } = await stage()
    await world.store.close()
    const { status, body } = await ask()
    expect([status, body.error]).toEqual([500, 'server_error'])
    expect(world.faults).not.toEqual([])
  })
})

const UNSUPPORTED = 'this grant type is not supported'

describe('the token endpoint refuses', () => {
  it.for<[string, string, string, string]>([
    ['no grant', '', 'invalid_request', 'grant_type is missing'],
    ['an empty grant', 'grant_type=', 'invalid_request', 'grant_type is missing'],
    ['an unknown grant', 'grant_type=password', 'unsupported_grant_type', UNSUPPORTED],
    [
      'a grant of another case',
      'grant_type=Client_Credentials',
      'unsupported_grant_type',
      UNSUPPORTED,
    ],
    [
      'a parameter twice',
      'grant_type=a&grant_type=b',
      'invalid_request',
      'a parameter is repeated',
    ],
    ['what is not well encoded', 'grant_type=%', 'invalid_request', 'the form is not well encoded'],
  ])('%s', async ([, body, error, description]) => {
    const { post, withSecret } = await oauthWorld()
    const answer = await post('token', body, { headers: basic('a', await withSecret('a')) })
    expect([answer.status, answer.body.error]).toEqual([400, error])
    expect(answer.body.error_description).toBe(description)
  })

  it('parameters in the URI, where they end up in logs', async () => {
    const { post, withSecret } = await oauthWorld()
    const secret = await withSecret('a')
    const fields = { grant_type: CLIENT_CREDENTIALS }
    const query = new URLSearchParams({ client_id: 'a', client_secret: secret }).toString()
    const { status, body } = await post('token', fields, { query })
    expect([status, body.error]).toEqual([400, 'invalid_request'])
    const both = await post('token', fields, { query: 'x', headers: basic('a', secret) })
    expect([both.status, both.body.error]).toEqual([400, 'invalid_request'])
  })
})
