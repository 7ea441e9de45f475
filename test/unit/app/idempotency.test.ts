import { describe, expect, it } from 'vitest'
import { REPLY_SECONDS_MAX } from '#app/idempotency.ts'
import { fingerprint } from '#domain/audit/fingerprint.ts'
import { purgeStep } from '#app/purge.ts'
import { createWorld, LOCAL, remote, type TestWorld } from '../world.ts'

async function withClient(): Promise<TestWorld> {
  const world = await createWorld()
  await world.admin.createClient({ id: 'a', scopes: ['read'] })
  return world
}

/** Everything by which a mutation done twice would show. */
async function traces({ admin, store }: TestWorld) {
  const all = { limit: 1000 }
  return {
    clients: (await admin.listClients(all)).items,
    credentials: (await admin.listCredentials(all)).items.length,
    revocations: (await admin.listRevocations(all)).items.length,
    audit: (await admin.listAudit(all)).items.length,
    feed: await store.read((tx) => tx.feed()),
  }
}

describe('a mutation sent again under its key', () => {
  it.for<[string, { params?: Record<string, string>; body?: unknown }]>([
    ['createClient', { body: { id: 'b', scopes: ['read'] } }],
    ['createClient', { body: { id: 'b', scopes: ['read'], auth: 'secret' } }],
    ['updateClient', { params: { id: 'a' }, body: { tier: 'low' } }],
    ['disableClient', { params: { id: 'a' } }],
    ['deleteClient', { params: { id: 'a' } }],
    ['revoke', { body: { selector: { clients: ['a'] }, reason: 'compromise' } }],
    ['rotateKey', {}],
  ])('%s %j is done once and answered alike', async ([operation, input]) => {
    const world = await withClient()
    await world.admin.issueTokens({ clientId: 'a' })
    const first = await world.call(operation, { ...input, idempotencyKey: 'k1' })
    const then = await traces(world)
    world.clock.advance(5_000)
    const again = await world.call(operation, { ...input, idempotencyKey: 'k1' })
    expect(first.ok).toBe(true)
    expect(JSON.parse(JSON.stringify(again))).toEqual(JSON.parse(JSON.stringify(first)))
    expect(await traces(world)).toEqual(then)
  })

  it('gives the same credentials, whose tokens are kept nowhere', async () => {
    const world = await withClient()
    const send = () =>
      world.call('issueTokens', { body: { clientId: 'a', count: 2 }, idempotencyKey: 'k1' })
    type Issued = Awaited<ReturnType<TestWorld['admin']['issueTokens']>>
    const first = (await send()) as { value: Issued }
    const then = await traces(world)
    world.clock.advance(5_000)
    const again = (await send()) as { value: Issued }
    const ids = ({ value }: { value: Issued }) => value.items.map(({ credential }) => credential.id)
    expect(ids(again)).toEqual(ids(first))
    expect(again.value.items[0]?.expiresIn).toBe(595)
    for (const { token } of again.value.items) {
      expect((await world.admin.verifyToken({ token })).verdict).toBe('accepted')
    }
    expect(await traces(world)).toEqual(then)
  })

  it('with another body is a conflict, and changes nothing but the log', async () => {
    const world = await withClient()
    const revoke = (reason: string) =>
      world.call('revoke', {
        body: { selector: { all: true }, reason, block: true },
        idempotencyKey: 'k1',
      })
    expect((await revoke('testing')).ok).toBe(true)
    const { audit: _, ...then } = await traces(world)
    const answer = await revoke('compromise')
    expect(answer).toMatchObject({ ok: false, problem: { code: 'idempotency-conflict' } })
    const { audit: __, ...now } = await traces(world)
    expect(now).toEqual(then)
  })

  it('by somebody else is another request', async () => {
    const world = await withClient()
    const input = { body: { clientId: 'a' }, idempotencyKey: 'k1' }
    await world.call('issueTokens', input, LOCAL)
    await world.call('issueTokens', input, remote(['admin:credentials:write']))
    expect((await traces(world)).credentials).toBe(2)
  })

  it('with an imported secret keeps no hash of it that can be guessed without the key', async () => {
    const world = await createWorld()
    const body = { id: 'b', scopes: ['read'], auth: 'secret', secret: 'correct horse battery' }
    const send = (secret: string) =>
      world.call('createClient', { body: { ...body, secret }, idempotencyKey: 'k1' })
    const first = await send(body.secret)
    expect(first.ok).toBe(true)
    expect(await send(body.secret)).toEqual(first)
    expect(await send('another secret, as long')).toMatchObject({
      problem: { code: 'idempotency-conflict' },
    })
    const kept = await world.store.read((tx) => tx.findReply(LOCAL.actor, 'k1'))
    const input = { ...body, tier: 'standard', audiences: [], keys: [], tags: {} }
    const { id, scopes, tier, audiences, auth, keys, secret, tags } = input
    const parsed = { id, scopes, tier, audiences, auth, keys, secret, tags }
    expect(kept?.fingerprint).not.toBe(fingerprint('createClient', parsed))
  })

  it.for([
    ['issueTokens', { clientId: 'op' }],
    ['createClient', { id: 'b', scopes: ['admin:keys:write'], auth: 'secret' }],
  ] as const)(
    '%s gives a lesser token nothing that it could not hand out',
    async ([name, body]) => {
      const world = await createWorld()
      await world.admin.createClient({ id: 'op', scopes: ['admin:keys:write'] })
      const send = (...more: string[]) =>
        world.call(
          name,
          { body, idempotencyKey: 'k1' },
          remote(['admin:clients:write', 'admin:credentials:write', ...more]),
        )
      expect((await send('admin:keys:write')).ok).toBe(true)
      expect(await send()).toMatchObject({ ok: false, problem: { code: 'policy-denied' } })
      expect((await send('admin:keys:write')).ok).toBe(true)
    },
  )

  it('that was refused is tried anew', async () => {
    const world = await withClient()
    const send = () => world.call('issueTokens', { body: { clientId: 'b' }, idempotencyKey: 'k1' })
    expect(await send()).toMatchObject({ ok: false, problem: { code: 'client-unknown' } })
    await world.admin.createClient({ id: 'b', scopes: ['read'] })
    expect((await send()).ok).toBe(true)
  })

  it('says of what it gives again what has become of it', async () => {
    const world = await withClient()
    const send = () =>
      world.call('issueTokens', {
        body: { clientId: 'a', count: 3, ttlSeconds: 60 },
        idempotencyKey: 'k1',
      })
    const states = async () => {
      const answer = await send()
      if (!answer.ok) throw new Error(answer.problem.detail)
      const { items } = answer.value as Awaited<ReturnType<TestWorld['admin']['issueTokens']>>
      return items.map(({ credential, expiresIn }) => [credential.state, expiresIn])
    }
    expect(await states()).toEqual(Array.from({ length: 3 }, () => ['active', 60]))
    const { items } = await world.admin.listCredentials({})
    const [revoked = ''] = items.map(({ id }) => id)
    const { revocation } = await world.admin.revoke({
      selector: { tokens: [revoked] },
      reason: 'superseded',
    })
    expect(await states()).toEqual([
      ['active', 60],
      ['active', 60],
      ['revoked', 60],
    ])
    expect((await send()) as object).toMatchObject({
      value: { items: [{}, {}, { credential: { revocationId: revocation?.id } }] },
    })
    world.clock.advance(60_000)
    expect(await states()).toEqual([
      ['expired', 0],
      ['expired', 0],
      ['revoked', 0],
    ])
  })

  it('is recalled before it is prepared: a suspension that has ended is answered too', async () => {
    const world = await withClient()
    await world.admin.issueTokens({ clientId: 'a' })
    const send = () =>
      world.call('revoke', {
        body: {
          selector: { clients: ['a'] },
          reason: 'testing',
          expiresAt: '2026-11-23T19:09:00.000Z',
        },
        idempotencyKey: 'k1',
      })
    const first = await send()
    expect(first.ok).toBe(true)
    world.clock.advance(120_000)
    expect(await send()).toEqual(first)
  })

  it('may be numbered behind its key, which has at most 128 characters', async () => {
    const world = await withClient()
    const send = (idempotencyKey: string) =>
      world.call('issueTokens', { body: { clientId: 'a' }, idempotencyKey })
    const longest = 'k'.repeat(128)
    for (const key of [longest, `${longest}#2`, '#', '~', 'k#1']) {
      expect(await send(key), key).toMatchObject({ ok: true })
    }
    for (const key of ['', '#2', `${longest}k`, `${longest}k#2`, 'a b', 'a\u007f', 'ä']) {
      expect(await send(key), key).toMatchObject({ problem: { code: 'request-invalid' } })
    }
  })

  it('is another one after 24 hours, when the answer is forgotten', async () => {
    const world = await withClient()
    const send = () => world.call('issueTokens', { body: { clientId: 'a' }, idempotencyKey: 'k1' })
    await send()
    world.clock.advance(REPLY_SECONDS_MAX * 1000)
    await purgeStep(world.deps)
    await send()
    expect((await traces(world)).credentials).toBe(1)
    world.clock.advance(1)
    await purgeStep(world.deps)
    await send()
    expect((await traces(world)).credentials).toBe(2)
  })
})
