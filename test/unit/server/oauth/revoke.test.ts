import { describe, expect, it } from 'vitest'
import { altered, opened } from '../../app/forge.ts'
import { basic, oauthWorld, type OauthWorld } from './world.ts'

async function stage() {
  const world = await oauthWorld()
  const secret = await world.withSecret('a')
  const headers = basic('a', secret)
  return {
    world,
    secret,
    token: await world.tokenOf('a', secret),
    revoke: (token: string, more = {}) => world.post('revocation', { token, ...more }, { headers }),
  }
}
const verdictOf = async ({ admin }: OauthWorld, token: string) =>
  (await admin.verifyToken({ token })).verdict
const idOf = (token: string): string => String(opened(token).claims['jti'])
const DONE = { status: 200, headers: {}, body: '' }

describe('revocation', () => {
  it('kills the token, on record under the client’s name, for good', async () => {
    const { world, token, revoke } = await stage()
    expect(await revoke(token)).toEqual(DONE)
    expect(await verdictOf(world, token)).toBe('revoked')
    const { items } = await world.admin.listRevocations({})
    expect(items).toEqual([
      expect.objectContaining({
        selector: expect.objectContaining({ tokens: [idOf(token)], clients: [] }),
        reason: 'sign-out',
        final: true,
        blocks: false,
        actor: 'client:a',
      }),
    ])
    expect(await world.audit('credential.revoke')).toEqual([
      expect.objectContaining({
        actor: 'client:a',
        target: `credential:${idOf(token)}`,
        outcome: 'ok',
        detail: { revocationId: items[0]?.id, position: items[0]?.position },
      }),
    ])
    expect((await world.post('token', 'x')).status).toBe(400)
  })

  it('leaves the client’s other tokens alone', async () => {
    const { world, token, secret, revoke } = await stage()
    const other = await world.tokenOf('a', secret)
    await revoke(token)
    expect(await verdictOf(world, other)).toBe('accepted')
  })

  it.for([
    ['nothing of ours', () => 'x'],
    ['a forged one', (token: string) => altered(token, { claims: { sub: 'root' } })],
    ['one with a second spelling', (token: string) => `${token}=`],
  ] as const)('of %s is done already', async ([, made]) => {
    const { world, token, revoke } = await stage()
    expect(await revoke(made(token))).toEqual(DONE)
    expect(await verdictOf(world, token)).toBe('accepted')
    expect((await world.admin.listRevocations({})).items).toEqual([])
  })

  it('of an expired token, or a second time, is done already', async () => {
    const { world, token, revoke } = await stage()
    await revoke(token)
    expect(await revoke(token)).toEqual(DONE)
    world.clock.advance(601_000)
    expect(await revoke(token)).toEqual(DONE)
    expect((await world.admin.listRevocations({})).items).toHaveLength(1)
  })

  it('ends what is only suspended: a lift does not bring it back', async () => {
    const { world, token, revoke } = await stage()
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'testing',
      expiresAt: '2026-11-23T19:10:00.000Z',
    })
    expect(await revoke(token)).toEqual(DONE)
    await world.admin.liftRevocation({ id: revocation?.id ?? '' })
    expect(await verdictOf(world, token)).toBe('revoked')
  })

  it.for(['access_token', 'refresh_token', 'nonsense'])('ignores the hint %s', async (hint) => {
    const { world, token, revoke } = await stage()
    expect(await revoke(token, { token_type_hint: hint })).toEqual(DONE)
    expect(await verdictOf(world, token)).toBe('revoked')
  })

  it('of another client’s token is refused', async () => {
    const { world, token } = await stage()
    const headers = basic('b', await world.withSecret('b'))
    const { status, body } = await world.post('revocation', { token }, { headers })
    expect([status, body.error]).toEqual([400, 'unauthorized_client'])
    expect(await verdictOf(world, token)).toBe('accepted')
  })

  it('needs a token, and somebody who asks', async () => {
    const { world, token, revoke } = await stage()
    const missing = await revoke('')
    expect([missing.status, missing.body]).toEqual([
      400,
      { error: 'invalid_request', error_description: 'token is missing' },
    ])
    for (const fields of [
      { token },
      { token, client_id: 'a' },
      { token, client_id: 'a', client_secret: 'x' },
    ]) {
      const { status, body } = await world.post('revocation', fields)
      expect([status, body.error]).toEqual([401, 'invalid_client'])
    }
    expect(await verdictOf(world, token)).toBe('accepted')
  })

  it('refuses a disabled client, whose tokens are dead anyway', async () => {
    const { world, token, revoke } = await stage()
    await world.admin.disableClient({ id: 'a' })
    const { status, body } = await revoke(token)
    expect([status, body.error]).toEqual([400, 'unauthorized_client'])
  })
})

describe('a client without credentials', () => {
  async function withJob() {
    const world = await oauthWorld()
    await world.admin.createClient({ id: 'job', scopes: ['deploy'] })
    const issue = async (): Promise<string> =>
      (await world.admin.issueTokens({ clientId: 'job' })).items[0]?.token ?? ''
    return { world, issue, token: await issue() }
  }

  it('revokes the token that it holds', async () => {
    const { world, token, issue } = await withJob()
    const other = await issue()
    expect(await world.post('revocation', { token, client_id: 'job' })).toEqual(DONE)
    expect(await verdictOf(world, token)).toBe('revoked')
    expect(await verdictOf(world, other)).toBe('accepted')
    expect(await world.post('revocation', { token, client_id: 'job' })).toEqual(DONE)
    world.clock.advance(601_000)
    expect(await world.post('revocation', { token, client_id: 'job' })).toEqual(DONE)
  })

  it('is told nothing else: not even whether there is such a client', async () => {
    const { world, token } = await withJob()
    const secret = await world.withSecret('a')
    const others = await world.tokenOf('a', secret)
    const answers = await Promise.all([
      world.post('revocation', { token: 'x', client_id: 'job' }),
      world.post('revocation', { token: 'x', client_id: 'nobody' }),
      world.post('revocation', { token: others, client_id: 'job' }),
      world.post('revocation', { token: others, client_id: 'a' }),
      world.post('revocation', { token, client_id: 'nobody' }),
      world.post('revocation', {
        token: altered(token, { claims: { sub: 'x' } }),
        client_id: 'job',
      }),
    ])
    for (const { status, body } of answers) {
      expect([status, body.error]).toEqual([401, 'invalid_client'])
    }
    expect(await verdictOf(world, others)).toBe('accepted')
  })

  it('gets no token, and no introspection', async () => {
    const { world, token } = await withJob()
    const asked = { token, client_id: 'job', grant_type: 'client_credentials' }
    expect((await world.post('token', asked)).status).toBe(401)
    expect((await world.post('introspection', asked)).status).toBe(401)
  })
})

describe('revocations that come together', () => {
  it('are one entry of the feed', async () => {
    const { world, secret, revoke } = await stage()
    const tokens = await Promise.all(Array.from({ length: 30 }, () => world.tokenOf('a', secret)))
    const { position } = await world.admin.showAuthority({})
    await Promise.all(tokens.map((token) => revoke(token)))
    expect((await world.admin.showAuthority({})).position).toBe(position + 1)
    const { items } = await world.admin.listRevocations({})
    expect(items).toHaveLength(1)
    expect(items[0]?.selector.tokens.toSorted()).toEqual(tokens.map(idOf).toSorted())
    for (const token of tokens) expect(await verdictOf(world, token)).toBe('revoked')
    expect(await world.audit('credential.revoke')).toHaveLength(30)
  })

  it('of several clients are the authority’s, and each is on record under its own name', async () => {
    const { world, token, revoke } = await stage()
    const secret = await world.withSecret('b')
    const other = await world.tokenOf('b', secret)
    const headers = basic('b', secret)
    await Promise.all([revoke(token), world.post('revocation', { token: other }, { headers })])
    const { items } = await world.admin.listRevocations({})
    expect(items.map(({ actor }) => actor)).toEqual(['authority'])
    const audit = await world.audit('credential.revoke')
    expect(audit.map(({ actor, target }) => `${actor} ${target}`).toSorted()).toEqual([
      `client:a credential:${idOf(token)}`,
      `client:b credential:${idOf(other)}`,
    ])
  })

  it('of one token are one revocation', async () => {
    const { world, token, revoke } = await stage()
    expect(await Promise.all([revoke(token), revoke(token)])).toEqual([DONE, DONE])
    expect((await world.admin.listRevocations({})).items).toHaveLength(1)
  })

  it('fail together where the authority cannot record them', async () => {
    const { world, token, revoke } = await stage()
    const { store } = world
    const write = store.write.bind(store)
    Object.assign(store, { write: () => Promise.reject(new Error('disk')) })
    const { status, body } = await revoke(token)
    Object.assign(store, { write })
    expect([status, body.error]).toEqual([500, 'server_error'])
    expect(await revoke(token)).toEqual(DONE)
    expect(await verdictOf(world, token)).toBe('revoked')
  })
})
