import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { activeKey } from '#app/mint.ts'
import { adminScopes } from '#domain/client/admin-scopes.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import { createOperations } from '#server/operations.ts'
import { createNodeSigner } from '#signer/node-signer.ts'
import {
  BEGINNING,
  createWorld,
  ISSUER,
  LOCAL,
  refusalOf,
  remote,
  type TestWorld,
} from '../world.ts'
import { opened } from './forge.ts'

async function withClient(
  client: Partial<Parameters<TestWorld['admin']['createClient']>[0]> = {},
): Promise<TestWorld> {
  const world = await createWorld()
  await world.admin.createClient({ id: 'bot', scopes: ['deploy:prod', 'read'], ...client })
  return world
}

describe('issuing', () => {
  it('mints what RFC 9068 and our feed ask for, and keeps the record of it', async () => {
    const world = await withClient({ audiences: ['https://api.example', 'https://b.example'] })
    const { position } = await world.admin.showAuthority({})
    const { items } = await world.admin.issueTokens({
      clientId: 'bot',
      scopes: ['deploy:prod'],
      subject: 'alice',
      ttlSeconds: 90,
      tags: { run: '7' },
      justification: 'release',
    })
    const [issued] = items
    const { header, claims } = opened(issued?.token ?? '')
    const { keyId } = await world.admin.showAuthority({})
    expect(header).toEqual({ typ: 'at+jwt', alg: 'ES256', kid: keyId })
    const iat = Date.UTC(2026, 10, 23, 19, 8) / 1000
    expect(claims).toEqual({
      iss: world.issuer,
      sub: 'alice',
      aud: 'https://api.example',
      client_id: 'bot',
      jti: issued?.credential.id,
      iat,
      exp: iat + 90,
      scope: 'deploy:prod',
      sid: issued?.credential.id,
      feed_seq: position,
      root_seq: position,
      root_iat: iat,
      status: {
        status_list: {
          idx: expect.any(Number),
          uri: expect.stringMatching(/^http:\/\/127.0.0.1:7420\/oauth\/status-lists\/[\w-]{8}$/),
        },
      },
    })
    expect(issued).toMatchObject({ tokenType: 'Bearer', expiresIn: 90 })
    expect(issued).not.toHaveProperty('clampedFrom')
    expect(await world.admin.showCredential({ id: String(claims['jti']) })).toEqual({
      id: claims['jti'],
      clientId: 'bot',
      subject: 'alice',
      scopes: ['deploy:prod'],
      audience: ['https://api.example'],
      issuedAt: '2026-11-23T19:08:00.000Z',
      expiresAt: '2026-11-23T19:09:30.000Z',
      keyId,
      sessionId: claims['jti'],
      state: 'active',
      createdBy: 'local:tester',
      justification: 'release',
      tags: { run: '7' },
    })
  })

  it.each([
    ['standard', undefined, 600, undefined],
    ['standard', 3600, 3600, undefined],
    ['standard', 3601, 3600, 3601],
    ['low', 7200, 900, 7200],
    ['high', 86_400, 3600, 86_400],
  ] as const)('clamps: tier %s, asked %s, gets %s', async (tier, asked, expiresIn, clampedFrom) => {
    const world = await withClient({ tier })
    const { items } = await world.admin.issueTokens({
      clientId: 'bot',
      ...(asked === undefined ? {} : { ttlSeconds: asked }),
    })
    expect(items[0]?.expiresIn).toBe(expiresIn)
    expect(items[0]?.clampedFrom).toBe(clampedFrom)
    const { issuedAt, expiresAt } = items[0]?.credential ?? { issuedAt: '', expiresAt: '' }
    expect(Date.parse(expiresAt) - Date.parse(issuedAt)).toBe(expiresIn * 1000)
  })

  it('makes as many as asked, each a session of its own', async () => {
    const world = await withClient()
    const { items } = await world.admin.issueTokens({ clientId: 'bot', count: 50 })
    expect(new Set(items.map(({ credential }) => credential.id)).size).toBe(50)
    expect(new Set(items.map(({ token }) => token)).size).toBe(50)
    for (const { credential } of items) expect(credential.sessionId).toBe(credential.id)
  })

  it('is for the first audience of the client, else the issuer', async () => {
    const world = await withClient()
    const { items } = await world.admin.issueTokens({ clientId: 'bot' })
    expect(items[0]?.credential.audience).toEqual([world.issuer])
    const both = await world.admin.updateClient({ id: 'bot', audiences: ['https://a.example'] })
    expect(both.audiences).toEqual(['https://a.example'])
    const asked = await world.admin.issueTokens({
      clientId: 'bot',
      audience: [world.issuer, 'https://a.example'],
    })
    expect(opened(asked.items[0]?.token ?? '').claims['aud']).toEqual([
      world.issuer,
      'https://a.example',
    ])
  })
})

describe('issuing refuses', () => {
  it.each([
    [{ clientId: 'nobody' }, 'client-unknown'],
    [{ clientId: 'bot', scopes: ['deploy:dev'] }, 'scope-refused'],
    [{ clientId: 'bot', scopes: ['deploy:prod:eu'] }, 'scope-refused'],
    [{ clientId: 'bot', scopes: ['deploy'] }, 'scope-refused'],
    [{ clientId: 'bot', scopes: ['write:*'] }, 'scope-refused'],
    [{ clientId: 'bot', audience: ['https://elsewhere.example'] }, 'audience-refused'],
    [{ clientId: 'bot', ttlSeconds: 0 }, 'request-invalid'],
    [{ clientId: 'bot', ttlSeconds: -60 }, 'request-invalid'],
    [{ clientId: 'bot', ttlSeconds: 1.5 }, 'request-invalid'],
    [{ clientId: 'bot', scopes: [] }, 'request-invalid'],
    [{ clientId: 'bot', scopes: ['two words'] }, 'request-invalid'],
    [{ clientId: 'bot', count: 0 }, 'request-invalid'],
  ])('%j as %s, and records no token', async (request, code) => {
    const world = await withClient()
    expect((await refusalOf(world.admin.issueTokens(request))).code).toBe(code)
    expect((await world.admin.listCredentials({})).items).toEqual([])
  })

  it('a disabled client, until it is enabled', async () => {
    const world = await withClient()
    await world.admin.disableClient({ id: 'bot' })
    const refusal = await refusalOf(world.admin.issueTokens({ clientId: 'bot' }))
    expect(refusal.code).toBe('client-disabled')
    expect(refusal.next).toBe('credctl client enable bot')
    await world.admin.enableClient({ id: 'bot' })
    expect((await world.admin.issueTokens({ clientId: 'bot' })).items).toHaveLength(1)
  })

  it('what a block matches, until it ends, and names the block', async () => {
    const world = await withClient()
    const { revocation } = await world.admin.revoke({
      selector: { scopes: ['deploy:*'] },
      reason: 'compromise',
    })
    const refusal = await refusalOf(
      world.admin.issueTokens({ clientId: 'bot', scopes: ['read', 'deploy:prod'] }),
    )
    expect(refusal.code).toBe('issuance-blocked')
    expect(refusal.facts).toMatchObject({ revocationId: revocation?.id, reason: 'compromise' })
    expect(
      (await world.admin.issueTokens({ clientId: 'bot', scopes: ['read'] })).items,
    ).toHaveLength(1)
    await world.admin.unblockRevocation({ id: revocation?.id ?? '' })
    expect((await world.admin.issueTokens({ clientId: 'bot' })).items).toHaveLength(1)
  })

  it('while the clock is behind the feed, though revoking goes on', async () => {
    const world = await withClient()
    await world.admin.issueTokens({ clientId: 'bot' })
    await world.admin.rotateKey({})
    world.clock.advance(-2_001)
    const refusal = await refusalOf(world.admin.issueTokens({ clientId: 'bot' }))
    expect(refusal.code).toBe('clock-behind')
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['bot'] },
      reason: 'testing',
    })
    expect(revocation?.matched.credentials).toBe(1)
    world.clock.advance(1)
    expect((await refusalOf(world.admin.issueTokens({ clientId: 'bot' }))).code).toBe(
      'clock-behind',
    )
    world.clock.advance(1_000)
    expect((await world.admin.issueTokens({ clientId: 'bot' })).items).toHaveLength(1)
  })

  it('without a key to sign with', async () => {
    const world = await createWorld({ bare: true })
    await world.store.write((tx) => tx.createAuthority({ issuer: ISSUER, createdAt: BEGINNING }))
    const refusal = await refusalOf(world.admin.issueTokens({ clientId: 'bot' }))
    expect(refusal).toMatchObject({ code: 'key-unknown', next: 'credctl key rotate' })
    const { store } = await createWorld()
    const lost = store.read((tx) => activeKey({ ...tx, sealedKey: async () => undefined }))
    expect((await refusalOf(lost)).code).toBe('key-unknown')
  })

  it('with a key that cannot be opened, and leaves no record of tokens that nobody got', async () => {
    const world = await withClient()
    const locked = createOperations({
      ...world.deps,
      signer: createNodeSigner(() => new Uint8Array(32)),
    })
    const call = { caller: LOCAL, requestId: 'req_locked' }
    const request = { clientId: 'bot', tags: {}, count: 2 }
    expect((await refusalOf(locked.issueTokens(request, call))).code).toBe('key-locked')
    expect((await world.admin.listCredentials({})).items).toEqual([])
  })
})

describe('power over the authority', () => {
  it('is handed out only by those who hold it', async () => {
    const world = await createWorld()
    await world.admin.createClient({ id: 'ops', scopes: ['admin:*', '*'] })
    const some = world.as(remote(['admin:credentials:write', 'admin:clients:write']))
    const denied = [
      some.issueTokens({ clientId: 'ops', scopes: ['admin:keys:write'] }),
      some.issueTokens({ clientId: 'ops', scopes: ['admin:*'] }),
      some.issueTokens({ clientId: 'ops', scopes: ['*'] }),
      some.issueTokens({ clientId: 'ops' }),
      some.createClient({ id: 'mine', scopes: ['admin:keys:write'] }),
      some.createClient({ id: 'mine', scopes: ['*'] }),
      some.createClient({ id: 'mine', scopes: ['admin:*'] }),
      some.updateClient({ id: 'ops', scopes: ['*', 'admin:*', 'admin:audit:read'] }),
    ]
    for (const attempt of denied) {
      expect((await refusalOf(attempt)).code).toBe('policy-denied')
    }
    const own = await some.issueTokens({ clientId: 'ops', scopes: ['admin:credentials:write'] })
    expect(own.items[0]?.credential.scopes).toEqual(['admin:credentials:write'])
    const local = await world.admin.issueTokens({ clientId: 'ops', scopes: ['admin:*'] })
    expect(local.items[0]?.credential.scopes).toEqual(adminScopes)
  })
})

describe('a token', () => {
  it('never carries a pattern, and never more than the client has', async () => {
    const word = fc.constantFrom('deploy', 'prod')
    const scope = fc
      .tuple(fc.array(word, { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([parts, star]) => (star ? [...parts, '*'] : parts).join(':'))
    const scopes = fc.array(scope, { minLength: 1, maxLength: 4 })
    const world = await createWorld()
    let next = 0
    const seen = { granted: 0, expanded: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(scopes, fc.option(scopes, { nil: undefined }), async (has, asks) => {
        const id = `c${next++}`
        await world.admin.createClient({ id, scopes: has })
        const request = { clientId: id, ...(asks === undefined ? {} : { scopes: asks }) }
        const answer = await world.call('issueTokens', { body: request })
        expect(answer.ok ? 'scope-refused' : answer.problem.code).toBe('scope-refused')
        if (!answer.ok) {
          seen.refused++
          return
        }
        const { items } = answer.value as { items: { token: string }[] }
        const carried = String(opened(items[0]?.token ?? '').claims['scope']).split(' ')
        for (const one of carried) {
          expect(one).not.toContain('*')
          expect(has.some((allowed) => matchesPattern(allowed, one))).toBe(true)
          expect((asks ?? has).some((asked) => matchesPattern(asked, one))).toBe(true)
        }
        seen.granted++
        if ((asks ?? has).some((one) => one.includes('*'))) seen.expanded++
      }),
      { numRuns: 300, seed: 7 },
    )
    for (const times of Object.values(seen)) expect(times).toBeGreaterThan(5)
  })
})
