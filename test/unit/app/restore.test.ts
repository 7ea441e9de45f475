import { describe, expect, it } from 'vitest'
import { reopen } from '#app/restore.ts'
import { epochOf, position } from '#domain/feed/position.ts'
import { createNodeSigner } from '#signer/node-signer.ts'
import { createWorld, LOCAL, refusalOf, type TestWorld } from '../world.ts'

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

  it('revokes every key, makes a new one, and issues with it at once', async () => {
    const { world, admin, issue } = await withTokens()
    const earlier = (await tokenKeys(world)).map(([id]) => String(id))
    expect(earlier).toHaveLength(2)
    const { keyId, revokedKeys } = await reopen(world.deps, context, 1)
    expect(revokedKeys.toSorted()).toEqual(earlier.toSorted())
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
