import { describe, expect, it } from 'vitest'
import { initAuthority } from '#app/authority.ts'
import { connect } from '#client/connect.ts'
import { type Admin, adminApi } from '#contract/admin-api.ts'
import { createDispatch } from '#server/dispatch.ts'
import { createOperations } from '#server/operations.ts'
import type { Store, Writing } from '#store/port.ts'
import { createWorld, LOCAL, refusalOf, remote, type TestWorld } from '../world.ts'

/** An authority in which there is something to do for every mutation. */
async function busy(): Promise<{ world: TestWorld; blockId: string; openId: string }> {
  const world = await createWorld()
  const { admin } = world
  for (const id of ['a', 'b', 'c', 'd', 'off']) await admin.createClient({ id, scopes: ['read'] })
  await admin.disableClient({ id: 'off' })
  for (const clientId of ['a', 'b', 'c', 'd']) await admin.issueTokens({ clientId })
  const block = await admin.revoke({ selector: { clients: ['a'] }, reason: 'compromise' })
  const open = await admin.revoke({ selector: { clients: ['b'] }, reason: 'testing' })
  return { world, blockId: block.revocation?.id ?? '', openId: open.revocation?.id ?? '' }
}

type Mutation = (admin: Admin, ids: { blockId: string; openId: string }) => Promise<unknown>

/** Every mutation there is, what the log calls it, and what it says it acted on. */
const mutations: readonly [string, Mutation, RegExp][] = [
  ['client.create', (admin) => admin.createClient({ id: 'new', scopes: ['read'] }), /^client:new$/],
  ['client.update', (admin) => admin.updateClient({ id: 'c', tier: 'high' }), /^client:c$/],
  ['client.disable', (admin) => admin.disableClient({ id: 'c' }), /^client:c$/],
  ['client.enable', (admin) => admin.enableClient({ id: 'off' }), /^client:off$/],
  ['client.delete', (admin) => admin.deleteClient({ id: 'c' }), /^client:c$/],
  ['credential.issue', (admin) => admin.issueTokens({ clientId: 'c' }), /^credential:cred_/],
  ['credential.issue', (admin) => admin.issueTokens({ clientId: 'c', count: 3 }), /^client:c$/],
  [
    'revocation.create',
    (admin) => admin.revoke({ selector: { clients: ['d'] }, reason: 'other' }),
    /^revocation:rev_/,
  ],
  [
    'revocation.lift',
    (admin, { openId }) => admin.liftRevocation({ id: openId }),
    /^revocation:rev_/,
  ],
  [
    'revocation.unblock',
    (admin, { blockId }) => admin.unblockRevocation({ id: blockId }),
    /^revocation:rev_/,
  ],
  ['key.rotate', (admin) => admin.rotateKey({}), /^key:key_/],
]

/** Everything that is kept, but the audit log. */
async function everything({ store }: TestWorld): Promise<unknown> {
  return store.read(async (tx) => ({
    feed: await tx.feed(),
    entries: await tx.feedEntries(0, 10_000),
    clients: await tx.listClients({}, { limit: 1000 }),
    credentials: await tx.listCredentials({}, { limit: 1000 }),
    revocations: await tx.listRevocations({}, { limit: 1000 }),
    keys: await tx.listKeys({}, { limit: 1000 }),
  }))
}

/** The real store, whose audit log takes nothing more. */
const withoutAudit = (store: Store): Store => ({
  ...store,
  write: (work) =>
    store.write((tx) =>
      work(
        new Proxy(tx, {
          get: (target, name: keyof Writing) =>
            name === 'appendAudit'
              ? () => Promise.reject(new Error('the audit log is full'))
              : Reflect.get(target, name),
        }),
      ),
    ),
})

describe.each(mutations)('%s', (action, mutate, target) => {
  it('is in the log with what it did, once', async () => {
    const { world, ...ids } = await busy()
    const before = (await world.admin.listAudit({})).items.length
    await mutate(world.as({ ...LOCAL, actor: 'local:auditor' }), ids)
    const { items } = await world.admin.listAudit({})
    expect(items).toHaveLength(before + 1)
    expect(items[0]).toMatchObject({
      action,
      outcome: 'ok',
      actor: 'local:auditor',
      origin: { transport: 'embedded' },
      policyVersion: 1,
      at: '2026-11-23T19:08:00.000Z',
    })
    expect(items[0]?.requestId).toMatch(/^req_/)
    expect(items[0]?.target).toMatch(target)
  })

  it('is not done when it cannot be logged', async () => {
    const { world, ...ids } = await busy()
    const before = await everything(world)
    const faults: unknown[] = []
    const deps = { ...world.deps, store: withoutAudit(world.store) }
    const dispatch = createDispatch(createOperations(deps), {
      onScopeRefused: async () => {},
      onFault: (fault) => faults.push(fault),
    })
    const admin = connect(
      adminApi,
      (call) => dispatch(call, LOCAL),
      () => 'req_x',
    )
    expect((await refusalOf(mutate(admin, ids))).code).toBe('internal')
    expect(faults).toHaveLength(1)
    expect(await everything(world)).toEqual(before)
  })
})

describe('a refusal', () => {
  it.each<[string, string, Mutation]>([
    ['client.create', 'client-exists', (admin) => admin.createClient({ id: 'a', scopes: ['x'] })],
    ['client.create', 'policy-denied', (admin) => admin.createClient({ id: 'e', scopes: ['*'] })],
    ['client.update', 'client-unknown', (admin) => admin.updateClient({ id: 'nobody' })],
    ['client.disable', 'client-unknown', (admin) => admin.disableClient({ id: 'nobody' })],
    ['client.enable', 'client-unknown', (admin) => admin.enableClient({ id: 'nobody' })],
    ['client.delete', 'client-unknown', (admin) => admin.deleteClient({ id: 'nobody' })],
    ['credential.issue', 'issuance-blocked', (admin) => admin.issueTokens({ clientId: 'a' })],
    ['credential.issue', 'client-disabled', (admin) => admin.issueTokens({ clientId: 'off' })],
    [
      'credential.issue',
      'scope-refused',
      (admin) => admin.issueTokens({ clientId: 'c', scopes: ['write'] }),
    ],
    [
      'revocation.create',
      'nothing-matched',
      (admin) => admin.revoke({ selector: { clients: ['nobody'] }, reason: 'other' }),
    ],
    [
      'revocation.create',
      'selector-empty',
      (admin) => admin.revoke({ selector: {}, reason: 'other' }),
    ],
    [
      'revocation.create',
      'plan-drift',
      (admin) => admin.revoke({ selector: { all: true }, reason: 'other', planHash: 'x' }),
    ],
    ['revocation.lift', 'revocation-unknown', (admin) => admin.liftRevocation({ id: 'rev_x' })],
    ['key.rotate', 'request-invalid', (admin) => admin.rotateKey({ purpose: 'audit' })],
  ])('%s as %s is in the log, and nothing else has changed', async (action, code, mutate) => {
    const { world, ...ids } = await busy()
    const before = await everything(world)
    const log = (await world.admin.listAudit({})).items.length
    const everyScope = [
      'admin:clients:write',
      'admin:credentials:write',
      'admin:keys:write',
      'admin:revocations:write',
    ]
    const refusal = await refusalOf(mutate(world.as(remote(everyScope)), ids))
    expect(refusal.code).toBe(code)
    const { items } = await world.admin.listAudit({})
    expect(items).toHaveLength(log + 1)
    expect(items[0]).toMatchObject({
      action,
      outcome: code,
      actor: 'client:ops',
      origin: { transport: 'http', ip: '192.0.2.7' },
      requestId: refusal.requestId,
      detail: { refusal: refusal.message },
    })
    expect(await everything(world)).toEqual(before)
    expect(world.faults).toEqual([])
  })

  it('for want of a scope is in the log too', async () => {
    const { world } = await busy()
    const refusal = await refusalOf(world.as(remote(['admin:audit:read'])).showClient({ id: 'a' }))
    expect(refusal.code).toBe('scope-insufficient')
    const { items } = await world.admin.listAudit({ outcome: 'scope-insufficient' })
    expect(items).toMatchObject([{ action: 'showClient', target: 'a', actor: 'client:ops' }])
  })
})

describe('the log', () => {
  it('begins with the making of the authority, which is made once', async () => {
    const world = await createWorld()
    expect((await world.admin.listAudit({})).items).toMatchObject([
      { action: 'authority.init', target: `authority:${world.issuer}`, outcome: 'ok' },
    ])
    const context = { caller: LOCAL, requestId: 'req_again' }
    const again = initAuthority(world.deps, context, 'https://other.example', '/data')
    expect((await refusalOf(again)).code).toBe('authority-exists')
    expect((await world.admin.showAuthority({})).issuer).toBe(world.issuer)
  })

  it('holds justifications and never a secret', async () => {
    const { world, openId } = await busy()
    const { clientSecret } = await world.admin.createClient({
      id: 'secretive',
      scopes: ['read'],
      auth: 'secret',
    })
    await world.admin.createClient({
      id: 'imported',
      scopes: ['read'],
      auth: 'secret',
      secret: 'hunter2-hunter2-hunter2',
    })
    const { items } = await world.admin.issueTokens({ clientId: 'c', justification: 'release 7' })
    await world.admin.liftRevocation({ id: openId, justification: 'false alarm' })
    const log = (await world.admin.listAudit({})).items
    expect(log.map(({ justification }) => justification).filter(Boolean)).toEqual([
      'false alarm',
      'release 7',
    ])
    const text = JSON.stringify(log)
    expect(clientSecret).toMatch(/^credctl_cs_[\w-]{43}$/)
    for (const secret of [clientSecret, 'hunter2', items[0]?.token]) {
      expect(text).not.toContain(secret)
    }
  })

  it('of a refusal that lists thousands keeps some, and how many there were', async () => {
    const { world } = await busy()
    const tokens = Array.from({ length: 5_000 }, (_, index) => `none-${index}`)
    await refusalOf(world.admin.revoke({ selector: { tokens }, reason: 'testing' }))
    const [entry] = (await world.admin.listAudit({ limit: 1 })).items
    expect(entry).toMatchObject({ outcome: 'nothing-matched', detail: { itemsTotal: 5_000 } })
    expect(entry?.detail['items']).toHaveLength(20)
  })

  it('is found by actor, action, target, outcome, request and time', async () => {
    const { world } = await busy()
    world.clock.advance(10_000)
    await refusalOf(world.as(remote(['admin:clients:write'])).deleteClient({ id: 'nobody' }))
    const count = async (filter: object): Promise<number> =>
      (await world.admin.listAudit(filter)).items.length
    const [last] = (await world.admin.listAudit({ limit: 1 })).items
    expect(await count({ actor: 'client:ops' })).toBe(1)
    expect(await count({ action: 'client.delete' })).toBe(1)
    expect(await count({ target: 'client:nobody' })).toBe(1)
    expect(await count({ outcome: 'client-unknown' })).toBe(1)
    expect(await count({ requestId: last?.requestId })).toBe(1)
    expect(await count({ after: '2026-11-23T19:08:05Z' })).toBe(1)
    expect(await count({ before: '2026-11-23T19:08:05Z', outcome: 'client-unknown' })).toBe(0)
  })
})
