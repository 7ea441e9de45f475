import { describe, expect, it } from 'vitest'
import { settleEnforcement } from '#app/proof.ts'
import { ISSUER, type TestWorld } from '../world.ts'
import { acknowledge, follow } from './followers.ts'
import { withTokens } from './tokens.ts'

const B = { selector: { clients: ['b'] }, reason: 'testing' as const }

async function revoked(world: TestWorld, over: object = {}): Promise<string> {
  const { revocation } = await world.admin.revoke({ ...B, ...over })
  return revocation?.id ?? ''
}
const stateOf = async ({ admin }: TestWorld, id: string): Promise<string> =>
  (await admin.showRevocation({ id })).state

describe('coverage', () => {
  it.each<[string, object, string[]]>([
    [
      'a client: of its tokens and of itself',
      { clients: ['b'] },
      ['https://b.example', 'https://c'],
    ],
    ['a token', { tokens: ['b0'] }, ['https://b.example', 'https://c']],
    [
      'a tag that two clients have',
      { tags: { team: 'x' } },
      ['http://127.0.0.1:7420', 'https://b.example', 'https://c'],
    ],
    [
      'all: every one that is known',
      { all: true },
      ['http://127.0.0.1:7420', 'https://b.example', 'https://c', 'https://d', 'https://v'],
    ],
    [
      'a key: every one that is known',
      { keys: ['key'] },
      ['http://127.0.0.1:7420', 'https://b.example', 'https://c', 'https://d', 'https://v'],
    ],
  ])('of %s', async (_, selector, audiences) => {
    const { world, b } = await withTokens()
    await world.admin.updateClient({ id: 'b', audiences: ['https://b.example', 'https://c'] })
    await world.admin.createClient({ id: 'd', scopes: ['read'], audiences: ['https://d'] })
    await follow(world, { id: 'inc_v', audiences: ['https://v'] })
    const { keyId } = await world.admin.showAuthority({})
    const names: Record<string, string> = { b0: b[0]?.id ?? '', key: keyId }
    const named = Object.fromEntries(
      Object.entries(selector).map(([field, value]) => [
        field,
        Array.isArray(value) ? value.map((one: string) => names[one] ?? one) : value,
      ]),
    )
    const id = await revoked(world, { selector: named })
    const { coverage } = (await world.store.read((tx) => tx.findRevocation(id))) ?? {}
    expect(coverage?.audiences).toEqual(audiences)
    expect(coverage?.uncovered).toEqual(audiences.filter((one) => one !== 'https://v'))
  })

  it('is of every known one where nobody counted, until the last token of any expires', async () => {
    const { world } = await withTokens()
    await world.admin.issueTokens({ clientId: 'a', ttlSeconds: 3600 })
    const id = await revoked(world, { count: false })
    const { coverage } = (await world.store.read((tx) => tx.findRevocation(id))) ?? {}
    expect(coverage?.audiences).toEqual([ISSUER, 'https://b.example'])
    expect(coverage?.matchedUntil).toBe(world.clock.now() + 3600_000)
  })

  it('leaves spared tokens out, and takes in what was revoked before', async () => {
    const { world, b } = await withTokens()
    await world.admin.issueTokens({ clientId: 'b', ttlSeconds: 3600 })
    await revoked(world)
    const spared = await revoked(world, {
      selector: { tags: { team: 'x' } },
      exceptions: { clients: ['b'] },
    })
    const again = await revoked(world, { selector: { tags: { team: 'x' } }, block: false })
    const coverageOf = async (id: string) =>
      (await world.store.read((tx) => tx.findRevocation(id)))?.coverage
    expect((await coverageOf(spared))?.audiences).toEqual([ISSUER])
    const { items } = await world.admin.listRevocations({})
    expect(items).toHaveLength(3)
    expect(items.map(({ id }) => id)).toContain(again)
    expect(b).toHaveLength(2)
  })

  it('of a key lasts as long as its thief may have minted', async () => {
    const { world } = await withTokens()
    const { keyId } = await world.admin.showAuthority({})
    const id = await revoked(world, { selector: { keys: [keyId] } })
    const { coverage } = (await world.store.read((tx) => tx.findRevocation(id))) ?? {}
    expect(coverage?.matchedUntil).toBe(world.clock.now() + 3600_000)
  })
})

describe('the state of a revocation', () => {
  it('is open while an audience has no verifier on record, until the last token expires', async () => {
    const { world } = await withTokens()
    const id = await revoked(world)
    const shown = await world.admin.showRevocation({ id })
    expect(shown).toMatchObject({ state: 'open', enforcedBy: '2026-11-23T19:18:00.000Z' })
    expect(shown.enforcedAt).toBeUndefined()
    world.clock.advance(599_999)
    expect(await stateOf(world, id)).toBe('open')
    world.clock.advance(1)
    expect(await world.admin.showRevocation({ id })).toMatchObject({
      state: 'enforced',
      enforcedAt: '2026-11-23T19:18:00.000Z',
    })
  })

  it('is enforced at once where verifiers are known and nobody holds a lease', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_old', headsUntilMicros: (world.clock.now() - 60_000) * 1000 })
    const { revocation } = await world.admin.revoke(B)
    expect(revocation?.state).toBe('enforced')
    expect(revocation?.enforcedAt).toBe(revocation?.enforcedBy)
    const { enforcedAt } =
      (await world.store.read((tx) => tx.findRevocation(revocation?.id ?? ''))) ?? {}
    expect(enforcedAt).toBeDefined()
  })

  it('is published until every verifier has acknowledged, and enforced from then on', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_1' })
    await follow(world, { id: 'inc_2', limitSeconds: 30 })
    const id = await revoked(world)
    expect(await world.admin.showRevocation({ id })).toMatchObject({
      state: 'published',
      enforcedBy: '2026-11-23T19:08:30.001Z',
    })
    world.clock.advance(40)
    await acknowledge(world, 'inc_1')
    expect(await stateOf(world, id)).toBe('published')
    world.clock.advance(40)
    await acknowledge(world, 'inc_2')
    expect(await world.admin.showRevocation({ id })).toMatchObject({
      state: 'enforced',
      enforcedAt: '2026-11-23T19:08:00.080Z',
    })
  })

  it('of whoever is silent waits for its lease, and names it', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_1', name: 'checkout' })
    const id = await revoked(world)
    const { state, verifiers, stragglers, certainBy, audiences, at } =
      await world.admin.showEnforcement({ id })
    expect({ state, verifiers, certainBy, audiences, at }).toEqual({
      state: 'published',
      verifiers: { total: 1, acknowledged: 0, lapsed: 0, waiting: 1 },
      certainBy: '2026-11-23T19:08:10.001Z',
      audiences: [{ audience: 'https://b.example', verifiers: 1, state: 'waiting' }],
      at: '2026-11-23T19:08:00.000Z',
    })
    expect(stragglers).toEqual([
      {
        verifierId: 'local',
        incarnation: 'inc_1',
        name: 'checkout',
        leaseEndsAt: '2026-11-23T19:08:10.001Z',
        lapsed: false,
      },
    ])
    world.clock.advance(10_001)
    const later = await world.admin.showEnforcement({ id })
    expect(later).toMatchObject({
      state: 'enforced',
      verifiers: { lapsed: 1, waiting: 0 },
      stragglers: [{ lapsed: true }],
    })
  })

  it('waits for the end of grace', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_1' })
    const id = await revoked(world, { graceSeconds: 20 })
    await acknowledge(world, 'inc_1')
    world.clock.advance(19_999)
    expect(await world.admin.showEnforcement({ id })).toMatchObject({
      state: 'published',
      graceEndsAt: '2026-11-23T19:08:20.000Z',
      certainBy: '2026-11-23T19:08:20.000Z',
    })
    world.clock.advance(1)
    expect(await stateOf(world, id)).toBe('enforced')
  })

  it('filters a list exactly, over pages', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_1' })
    const token = async (audience: string) =>
      (await world.admin.issueTokens({ clientId: 'b', audience: [audience] })).items[0]?.credential
        .id ?? ''
    await world.admin.updateClient({ id: 'b', audiences: ['https://b.example'] })
    const expected: Record<string, string[]> = { published: [], enforced: [], open: [], lifted: [] }
    for (let i = 0; i < 3; i++) {
      const enforced = await revoked(world, {
        selector: { tokens: [await token('https://b.example')] },
      })
      await acknowledge(world, 'inc_1')
      expected['enforced']?.unshift(enforced)
      const lifted = await revoked(world, {
        selector: { tokens: [await token('https://b.example')] },
      })
      await world.admin.liftRevocation({ id: lifted })
      expected['lifted']?.unshift(lifted)
    }
    for (let i = 0; i < 3; i++) {
      expected['published']?.unshift(
        await revoked(world, { selector: { tokens: [await token('https://b.example')] } }),
      )
      const [a] = (await world.admin.issueTokens({ clientId: 'a' })).items
      expected['open']?.unshift(
        await revoked(world, { selector: { tokens: [a?.credential.id ?? ''] } }),
      )
    }
    for (const state of ['published', 'enforced', 'open', 'lifted'] as const) {
      const found: string[] = []
      let cursor: string | undefined
      do {
        const page = await world.admin.listRevocations({ state, limit: 2, cursor })
        expect(page.items.length).toBeLessThanOrEqual(2)
        for (const one of page.items) expect(one.state).toBe(state)
        found.push(...page.items.map(({ id }) => id))
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      expect([state, found]).toEqual([state, expected[state]])
    }
    expect((await world.admin.listRevocations({})).items).toHaveLength(12)
  })
})

describe('settling enforcement', () => {
  const recorded = async (world: TestWorld, id: string) =>
    (await world.store.read((tx) => tx.findRevocation(id)))?.enforcedAt

  it('puts on record since when, once, when a word has come', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_1' })
    const id = await revoked(world)
    expect(await settleEnforcement(world.deps)).toBe(0)
    world.clock.advance(50)
    await acknowledge(world, 'inc_1')
    const at = world.clock.now()
    world.clock.advance(50)
    expect(await settleEnforcement(world.deps)).toBe(1)
    expect(await recorded(world, id)).toBe(at)
    expect(await settleEnforcement(world.deps)).toBe(0)
  })

  it('reads nothing but the feed while nothing can have changed', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_1' })
    const reads: string[] = []
    const store: TestWorld['store'] = {
      ...world.store,
      read: (work) =>
        world.store.read((tx) =>
          work(
            new Proxy(tx, {
              get(target, name, receiver) {
                reads.push(String(name))
                return Reflect.get(target, name, receiver) as unknown
              },
            }),
          ),
        ),
    }
    const deps = { ...world.deps, store }
    await acknowledge(world, 'inc_1')
    const open = await revoked(world, { selector: { clients: ['a'] } })
    await acknowledge(world, 'inc_1')
    expect(await settleEnforcement(deps)).toBe(0)
    expect(reads).toContain('unenforcedRevocations')
    reads.length = 0
    expect(await settleEnforcement(deps)).toBe(0)
    expect(new Set(reads)).toEqual(new Set(['feed']))
    // A new entry, and the end of what was unproven, are looked at again.
    const graceful = await revoked(world, { graceSeconds: 5 })
    await acknowledge(world, 'inc_1')
    expect(await settleEnforcement(deps)).toBe(0)
    world.clock.advance(4999)
    expect(await settleEnforcement(deps)).toBe(0)
    world.clock.advance(1)
    expect(await settleEnforcement(deps)).toBe(1)
    expect(await recorded(world, graceful)).toBe(world.clock.now())
    world.clock.advance(595_000)
    expect(await settleEnforcement(deps)).toBe(1)
    expect(await recorded(world, open)).toBe(world.clock.now())
  })

  it('leaves what was lifted meanwhile alone', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_1' })
    const id = await revoked(world)
    await acknowledge(world, 'inc_1')
    await world.admin.liftRevocation({ id })
    expect(await settleEnforcement(world.deps)).toBe(0)
    expect(await recorded(world, id)).toBeUndefined()
    expect(await stateOf(world, id)).toBe('lifted')
  })
})
