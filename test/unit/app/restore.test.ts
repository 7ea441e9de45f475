import { describe, expect, it } from 'vitest'
import { issueHead } from '#app/heads.ts'
import { reopen } from '#app/restore.ts'
import { epochOf, position } from '#domain/feed/position.ts'
import { createNodeSigner } from '#signer/node-signer.ts'
import { BEGINNING, createWorld, LOCAL, refusalOf, type TestWorld } from '../world.ts'

const context = { caller: LOCAL, requestId: 'req_restore' }
const tokenKeys = async ({ admin }: TestWorld) =>
  (await admin.listKeys({ purpose: 'token' })).items.map(({ id, state }) => [id, state])

/** Two clients, one of them for emergencies, with a token each; and keys in several states. */
async function withTokens() {
  const world = await createWorld()
  const { admin } = world
  await admin.createClient({ id: 'a', scopes: ['read'] })
  await admin.createClient({ id: 'break-glass', scopes: ['admin:*'] })
  const issue = async (clientId: string): Promise<string> =>
    (await admin.issueTokens({ clientId })).items[0]?.token ?? ''
  const tokens = [await issue('a'), await issue('break-glass')]
  await admin.rotateKey({})
  tokens.push(await issue('a'), await issue('break-glass'))
  const verdicts = () =>
    Promise.all(tokens.map(async (token) => (await admin.verifyToken({ token })).verdict))
  return { world, admin, issue, verdicts }
}

describe('reopening a database that was brought back', () => {
  it('spares no one, also not those whom `--all` spares', async () => {
    const { world, admin, verdicts } = await withTokens()
    await admin.revoke({ selector: { all: true }, reason: 'testing' })
    expect(await verdicts()).toEqual(['revoked', 'accepted', 'revoked', 'accepted'])
    const { revocationId } = await reopen(world.deps, context, 1)
    expect(await verdicts()).toEqual(['revoked', 'revoked', 'revoked', 'revoked'])
    const revocation = await admin.showRevocation({ id: revocationId })
    expect(revocation).toMatchObject({ selector: { all: true }, final: true, blocks: false })
    expect(Object.values(revocation.exceptions).flat()).toEqual([])
    const { items } = await admin.listCredentials({})
    expect(items.map(({ state }) => state)).toEqual(items.map(() => 'revoked'))
    expect((await refusalOf(admin.liftRevocation({ id: revocationId }))).code).toBe(
      'revocation-final',
    )
  })

  it('certifies nothing while verifiers that it has forgotten may hold a lease', async () => {
    const { world, admin } = await withTokens()
    const { revocationId: id } = await reopen(world.deps, context, 1)
    const standing = () => admin.showEnforcement({ id })
    // The default class is `standard`: a head of before is a lease for 30 s.
    world.clock.advance(29_000)
    const before = await standing()
    expect(before.verifiers).toEqual({ total: 1, acknowledged: 0, lapsed: 0, waiting: 1 })
    expect(before.stragglers.map(({ name }) => name)).toEqual(['verifiers of before the restore'])
    world.clock.advance(2000)
    const after = await standing()
    expect(after.verifiers).toEqual({ total: 1, acknowledged: 0, lapsed: 1, waiting: 0 })
  })

  it('revokes every key, makes a new one, and issues with it at once', async () => {
    const { world, admin, issue } = await withTokens()
    const earlier = (await tokenKeys(world)).map(([id]) => String(id))
    expect(earlier).toHaveLength(2)
    const [status] = (await world.admin.listKeys({ purpose: 'status' })).items
    const { keyId, revokedKeys } = await reopen(world.deps, context, 1)
    expect(revokedKeys.toSorted()).toEqual([...earlier, status?.id ?? ''].toSorted())
    const now = await tokenKeys(world)
    expect(now.filter(([, state]) => state !== 'revoked')).toEqual([[keyId, 'active']])
    for (const clientId of ['a', 'break-glass']) {
      const token = await issue(clientId)
      expect((await admin.verifyToken({ token })).verdict).toBe('accepted')
    }
  })

  it.for([
    [0, 2],
    [1, 2],
    [2, 3],
    [41, 42],
  ] as const)('of an authority that reached epoch %i opens epoch %i', async ([above, epoch]) => {
    const { world, admin } = await withTokens()
    const reopened = await reopen(world.deps, context, above)
    expect(reopened.epoch).toBe(epoch)
    expect(epochOf(reopened.position)).toBe(epoch)
    expect(position(epoch, 0)).toBeLessThanOrEqual(reopened.position)
    const { items } = await admin.listAudit({ action: 'authority.restore' })
    expect(items).toMatchObject([
      { outcome: 'ok', requestId: 'req_restore', detail: { epoch, keyId: reopened.keyId } },
    ])
    // The chain goes on from what there was: the epoch's first entry names it.
    const entries = await world.store.read((tx) => tx.feedEntries(0, 100))
    expect(entries.some(({ op }) => op === 'epoch')).toBe(true)
    expect(entries.map((entry) => entry.position)).toEqual(
      entries.map((entry) => entry.position).toSorted((a, b) => a - b),
    )
  })

  it('with another key-encryption key changes nothing but the log', async () => {
    const { world, admin, verdicts } = await withTokens()
    const before = [
      await tokenKeys(world),
      await verdicts(),
      await world.store.read((tx) => tx.feed()),
    ]
    const signer = createNodeSigner(() => new Uint8Array(32).fill(9))
    const problem = await refusalOf(reopen({ ...world.deps, signer }, context, 1))
    expect(problem.code).toBe('key-locked')
    const after = [
      await tokenKeys(world),
      await verdicts(),
      await world.store.read((tx) => tx.feed()),
    ]
    expect(after).toEqual(before)
    expect((await admin.listRevocations({})).items).toEqual([])
  })

  it('that holds no authority is refused', async () => {
    const world = await createWorld({ bare: true })
    expect((await refusalOf(reopen(world.deps, context, 1))).code).toBe('store-foreign')
  })
})

const seenBeyond = { position: position(1, 99), chain: 'c', seenBy: 'verifier api', at: BEGINNING }

describe('a database that was seen to be an old one', () => {
  it('issues nothing and signs no head, says why and what helps, and revokes all the same', async () => {
    const { world, admin, issue, verdicts } = await withTokens()
    await world.store.write((tx) => tx.recordDivergence(seenBeyond))
    const problem = await refusalOf(issue('a'))
    expect(problem).toMatchObject({
      code: 'authority-restored',
      next: expect.stringContaining('credctl restore --adopt'),
      facts: { seenPosition: position(1, 99), seenAt: '2026-11-23T19:08:00.000Z' },
    })
    expect(problem.message).toContain('verifier api has seen position')
    const head = refusalOf(issueHead(world.deps))
    expect((await head).code).toBe('authority-restored')
    await admin.revoke({ selector: { all: true }, reason: 'testing' })
    expect(await verdicts()).toEqual(['revoked', 'accepted', 'revoked', 'accepted'])
    expect((await refusalOf(issue('a'))).code).toBe('authority-restored')
  })

  it('is adopted by reopening, above the epoch that was seen', async () => {
    const { world, issue } = await withTokens()
    const beyond = { ...seenBeyond, position: position(7, 3) }
    await world.store.write((tx) => tx.recordDivergence(beyond))
    const { epoch } = await reopen(world.deps, context, 2)
    expect(epoch).toBe(8)
    expect(await world.store.read((tx) => tx.divergence())).toBeUndefined()
    expect(await issue('a')).not.toBe('')
    expect((await issueHead(world.deps)).claims.position).toBeGreaterThan(position(8, 0))
  })

  it.for([
    [1002, 1003],
    [1003, 3],
    [2 ** 21 - 1, 3],
  ] as const)('by somebody who says epoch %i goes on in epoch %i', async ([said, epoch]) => {
    const { world } = await withTokens()
    const beyond = { ...seenBeyond, position: position(said, 3) }
    await world.store.write((tx) => tx.recordDivergence(beyond))
    expect((await reopen(world.deps, context, 2)).epoch).toBe(epoch)
  })
})

describe('keys of other purposes', () => {
  it('are revoked for status lists and stay for heads', async () => {
    const { world } = await withTokens()
    const { deps, store } = world
    await issueHead(deps)
    const states = async (purpose: 'feed' | 'status') =>
      (await store.read((tx) => tx.listKeys({ purpose }, { limit: 9 }))).items.map(
        ({ state }) => state,
      )
    expect([await states('feed'), await states('status')]).toEqual([['active'], ['active']])
    await reopen(deps, context, 1)
    expect([await states('feed'), await states('status')]).toEqual([
      ['active'],
      ['active', 'revoked'],
    ])
  })
})
