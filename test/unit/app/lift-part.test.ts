import { describe, expect, it } from 'vitest'
import type { Credential } from '#domain/credential/credential.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { acknowledge, follow } from './followers.ts'
import { BEGINNING, refusalOf, type TestWorld } from '../world.ts'
import { type Token, verdicts, withTokens } from './tokens.ts'

const ids = (...tokens: (Token | undefined)[]): string[] => tokens.map((one) => one?.id ?? '')

async function revoked(world: TestWorld, over: object = {}): Promise<string> {
  const asked = { selector: { clients: ['a'] }, reason: 'testing' as const, ...over }
  return (await world.admin.revoke(asked)).revocation?.id ?? ''
}

describe('the end of a revocation', () => {
  const untilsOf = async ({ store }: TestWorld, after: number) =>
    (await store.read((tx) => tx.feedEntries(after, 9))).map(({ op, untilSeconds }) => [
      op,
      untilSeconds === undefined ? undefined : untilSeconds - BEGINNING / 1000,
    ])

  it('is needed as long as what it ends', async () => {
    const { world } = await withTokens()
    const { position } = await world.admin.showAuthority({})
    const plain = await revoked(world)
    world.clock.advance(100_000)
    await world.admin.liftRevocation({ id: plain })
    const block = await revoked(world, { block: true })
    world.clock.advance(100_000)
    await world.admin.unblockRevocation({ id: block })
    world.clock.advance(100_000)
    await world.admin.liftRevocation({ id: block })
    await revoked(world, { expiresAt: '2026-11-23T19:13:10Z' })
    world.clock.advance(20_000)
    await world.admin.issueTokens({ clientId: 'b' })
    expect(await untilsOf(world, position)).toEqual([
      ['revoke', 3601],
      ['lift', 3601],
      ['revoke', undefined],
      ['unblock', 3800],
      ['lift', 3800],
      ['revoke', 3901],
      ['lift', 3901],
    ])
  })

  it('of one that has the cut of an older one is needed as long as its own entry', async () => {
    const { world, a } = await withTokens()
    const { position } = await world.admin.showAuthority({})
    const id = await revoked(world)
    world.clock.advance(100_000)
    const { replacement } = await world.admin.liftRevocation({ id, onlyTokens: ids(a[0]) })
    world.clock.advance(50_000)
    await world.admin.liftRevocation({ id: replacement?.id ?? '' })
    expect(await untilsOf(world, position)).toEqual([
      ['revoke', 3601],
      ['lift', 3601],
      ['revoke', 3701],
      ['lift', 3701],
    ])
  })

  it('of a block that is lifted, or that runs out, is needed as if it were published then', async () => {
    const { world } = await withTokens()
    const { position } = await world.admin.showAuthority({})
    const block = await revoked(world, { block: true })
    world.clock.advance(100_000)
    await world.admin.liftRevocation({ id: block })
    await revoked(world, { block: true, expiresAt: '2026-11-23T19:10:00Z' })
    world.clock.advance(100_000)
    await world.admin.issueTokens({ clientId: 'b' })
    expect(await untilsOf(world, position)).toEqual([
      ['revoke', undefined],
      ['lift', 3700],
      ['revoke', undefined],
      ['unblock', 3800],
    ])
  })
})

describe('lifting a part', () => {
  it('gives just these tokens back, and says what became of each', async () => {
    const { world, a, b } = await withTokens()
    const id = await revoked(world)
    const other = await revoked(world, { selector: { tokens: ids(a[1]) } })
    const [dead] = (await world.admin.issueTokens({ clientId: 'b', ttlSeconds: 1 })).items
    world.clock.advance(1000)
    const lifted = await world.admin.liftRevocation({
      id,
      onlyTokens: [...ids(a[0], a[1], b[0]), 'cred_x', dead?.credential.id ?? '', ...ids(a[0])],
      justification: 'not stolen',
    })
    expect(lifted.items).toEqual([
      { target: `token:${a[0]?.id}`, result: 'revived' },
      { target: `token:${a[1]?.id}`, result: 'still-revoked', detail: `by ${other}` },
      { target: `token:${b[0]?.id}`, result: 'not-revoked-by-it' },
      { target: 'token:cred_x', result: 'not-found', detail: 'no such credential is on record' },
      {
        target: `token:${dead?.credential.id}`,
        result: 'not-revoked-by-it',
        detail: 'it expired at 2026-11-23T19:08:01.000Z',
      },
    ])
    expect(lifted).toMatchObject({
      alreadyLifted: false,
      revocation: { id, state: 'lifted' },
      revived: { credentials: 1, byClient: { a: 1 } },
      replacement: {
        exceptions: { tokens: ids(a[0], a[1]).sort(), sessions: ids(a[0], a[1]).sort() },
        matched: { credentials: 0, byClient: {} },
      },
    })
    const found = await verdicts(world, [...a, ...b])
    expect(found).toEqual(['accepted', 'revoked', 'accepted', 'accepted'])
  })

  it('says what something else revokes still', async () => {
    const { world, a } = await withTokens()
    const other = await revoked(world, { selector: { subjects: ['a-job'] }, block: true })
    const id = await revoked(world, { block: true })
    const { items, revived } = await world.admin.liftRevocation({ id, onlyTokens: ids(a[0]) })
    expect(items).toEqual([
      { target: `token:${a[0]?.id}`, result: 'still-revoked', detail: `by ${other}` },
    ])
    expect(revived.credentials).toBe(0)
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
  })

  it('is two entries, one after the other: the old cut, the old publication, and more spared', async () => {
    const { world, a } = await withTokens()
    const id = await revoked(world, { graceSeconds: 30, message: 'ask ops', incidentId: 'inc-1' })
    const old = await world.admin.showRevocation({ id })
    world.clock.advance(4321)
    const [fresh] = (await world.admin.issueTokens({ clientId: 'a' })).items
    const { position } = await world.admin.showAuthority({})
    const { replacement, revived } = await world.admin.liftRevocation({
      id,
      onlyTokens: ids(a[0]),
    })
    expect(revived.credentials).toBe(0)
    const entries = await world.store.read((tx) => tx.feedEntries(position, 9))
    const records = entries.map(({ bytes }) => readRecord(new TextDecoder().decode(bytes)))
    expect(records).toMatchObject([
      { op: 'lift', id, untilSeconds: expect.any(Number) },
      {
        op: 'revoke',
        id: replacement?.id,
        position: position + 2,
        cut: old.position,
        publishedMs: Date.parse(old.publishedAt),
        graceEndMs: Date.parse(old.publishedAt) + 30_000,
        message: 'ask ops',
        exceptions: { tokens: ids(a[0]), sessions: ids(a[0]) },
      },
    ])
    const same = (shown: typeof old) => {
      const { cut, reach, reason, message, graceSeconds, publishedAt, selector, incidentId } = shown
      return { cut, reach, reason, message, graceSeconds, publishedAt, selector, incidentId }
    }
    expect(replacement && same(replacement)).toEqual(same(old))
    // In grace it had taken nothing yet; when that is over, it takes the other one and nothing newer.
    world.clock.advance(30_000 - 4321)
    const all = [...a, { token: fresh?.token ?? '', id: '' }]
    expect(await verdicts(world, all)).toEqual(['accepted', 'revoked', 'accepted'])
  })

  it('keeps a block, and an end that was set', async () => {
    const { world, a } = await withTokens()
    const id = await revoked(world, { block: true, expiresAt: '2026-11-23T19:10:00Z' })
    const { replacement } = await world.admin.liftRevocation({ id, onlyTokens: ids(a[0]) })
    expect(replacement).toMatchObject({
      blocks: true,
      cut: null,
      expiresAt: '2026-11-23T19:10:00.000Z',
    })
    expect(await verdicts(world, a)).toEqual(['accepted', 'revoked'])
    const issue = () => world.admin.issueTokens({ clientId: 'a' })
    expect((await refusalOf(issue())).code).toBe('issuance-blocked')
    world.clock.advance(120_000)
    expect((await issue()).items).toHaveLength(1)
    expect(await verdicts(world, a)).toEqual(['accepted', 'revoked'])
  })

  it('after a block has ended keeps the place at which it did', async () => {
    const { world, a } = await withTokens()
    const id = await revoked(world, { block: true })
    await world.admin.unblockRevocation({ id })
    const { cut } = await world.admin.showRevocation({ id })
    const [fresh] = (await world.admin.issueTokens({ clientId: 'a' })).items
    const { replacement } = await world.admin.liftRevocation({ id, onlyTokens: ids(a[0]) })
    expect(replacement).toMatchObject({ cut, blocks: false })
    const all = [...a, { token: fresh?.token ?? '', id: '' }]
    expect(await verdicts(world, all)).toEqual(['accepted', 'revoked', 'accepted'])
    const again = await world.admin.liftRevocation({
      id: replacement?.id ?? '',
      onlyTokens: ids(a[1]),
    })
    expect(again.replacement).toMatchObject({ cut })
    expect(await verdicts(world, all)).toEqual(['accepted', 'accepted', 'accepted'])
  })

  it('is enforced anew, and concerns whom the old one did', async () => {
    const { world, a } = await withTokens()
    await world.admin.updateClient({ id: 'a', audiences: ['https://a.example'] })
    await follow(world, { id: 'inc_1', audiences: ['https://a.example', world.issuer] })
    const id = await revoked(world)
    await acknowledge(world, 'inc_1')
    expect((await world.admin.showRevocation({ id })).state).toBe('enforced')
    const { replacement } = await world.admin.liftRevocation({ id, onlyTokens: ids(a[0]) })
    expect(replacement).toMatchObject({
      state: 'published',
      enforcedBy: '2026-11-23T19:08:10.001Z',
    })
    const ofBoth = await Promise.all(
      [id, replacement?.id ?? ''].map((one) => world.store.read((tx) => tx.findRevocation(one))),
    )
    const [old, fresh] = ofBoth.map((one) => one?.coverage)
    expect(fresh).toEqual({ ...old, publishedMicros: fresh?.publishedMicros })
    expect(fresh?.publishedMicros).toBeGreaterThan(old?.publishedMicros ?? Infinity)
    await acknowledge(world, 'inc_1')
    expect((await world.admin.showRevocation({ id: replacement?.id ?? '' })).state).toBe('enforced')
  })

  it('of a list keeps the rest of the list', async () => {
    const { world, a, b } = await withTokens()
    const id = await revoked(world, { selector: { tags: { team: 'x' } } })
    const { replacement } = await world.admin.liftRevocation({ id, onlyTokens: ids(b[1]) })
    expect(replacement?.matched).toEqual({
      credentials: 3,
      byClient: { a: 2, b: 1 },
      byScope: { 'deploy:prod': 2, 'deploy:dev': 2, read: 1 },
      byAudience: { [world.issuer]: 2, 'https://b.example': 1 },
    })
    expect(await verdicts(world, [...a, ...b])).toEqual([
      'revoked',
      'revoked',
      'revoked',
      'accepted',
    ])
  })

  it('takes the session along', async () => {
    const { world, a } = await withTokens()
    const parent = await world.store.read((tx) => tx.findCredential(a[0]?.id ?? ''))
    if (parent === undefined) throw new Error('no parent')
    const child: Credential = { ...parent, id: 'cred_child', parentId: parent.id }
    await world.store.write((tx) => tx.insertCredentials([child]))
    const id = await revoked(world)
    const { revived } = await world.admin.liftRevocation({ id, onlyTokens: ['cred_child'] })
    expect(revived.credentials).toBe(2)
    expect(await verdicts(world, a)).toEqual(['accepted', 'revoked'])
  })

  it('counts of the session only what it had hit', async () => {
    const { world, a } = await withTokens()
    const parent = await world.store.read((tx) => tx.findCredential(a[0]?.id ?? ''))
    if (parent === undefined) throw new Error('no parent')
    const child: Credential = { ...parent, id: 'cred_child', scopes: ['read'] }
    await world.store.write((tx) => tx.insertCredentials([child]))
    const id = await revoked(world, { selector: { scopes: ['deploy:*'] } })
    const { revived } = await world.admin.liftRevocation({ id, onlyTokens: ids(a[0]) })
    expect(revived.credentials).toBe(1)
  })

  it('spares what was spared before, too', async () => {
    const { world, a } = await withTokens()
    const exceptions = { tokens: ids(a[0]) }
    const id = await revoked(world, { selector: { tags: { team: 'x' } }, exceptions })
    const { replacement } = await world.admin.liftRevocation({ id, onlyTokens: ids(a[1]) })
    expect(replacement?.exceptions.tokens).toEqual(ids(...a).sort())
  })

  it('refuses what is final, lifted, unknown, or hits none of them, and changes nothing', async () => {
    const { world, a, b } = await withTokens()
    const id = await revoked(world)
    const final = await revoked(world, { selector: { clients: ['b'] }, final: true })
    const { position } = await world.admin.showAuthority({})
    const codeOf = async (one: string, onlyTokens: string[]) =>
      (await refusalOf(world.admin.liftRevocation({ id: one, onlyTokens }))).code
    expect(await codeOf(final, ids(b[0]))).toBe('revocation-final')
    expect(await codeOf(final, ids(a[0]))).toBe('revocation-final')
    expect(await codeOf('rev_x', ids(a[0]))).toBe('revocation-unknown')
    expect(await codeOf(id, ids(b[0]))).toBe('nothing-matched')
    expect(await codeOf(id, [])).toBe('nothing-matched')
    expect((await world.admin.showAuthority({})).position).toBe(position)
    await world.admin.liftRevocation({ id })
    expect(await codeOf(id, ids(a[0]))).toBe('revocation-lifted')
  })

  it('is told again under its key, and is on record on both sides', async () => {
    const { world, a } = await withTokens()
    const id = await revoked(world)
    const body = { onlyTokens: ids(a[0]), justification: 'not stolen' }
    const call = () =>
      world.call('liftRevocation', { params: { id }, body, idempotencyKey: 'once' })
    const first = await call()
    const second = await call()
    expect(second).toEqual(first)
    expect((await world.admin.listRevocations({})).items).toHaveLength(2)
    const replacement = (await world.admin.listRevocations({})).items[0]?.id
    const [lift] = (await world.admin.listAudit({ action: 'revocation.lift' })).items
    expect(lift).toMatchObject({
      target: `revocation:${id}`,
      justification: 'not stolen',
      detail: { replacement, tokens: ids(a[0]), credentials: 1 },
    })
    const [create] = (await world.admin.listAudit({ target: `revocation:${replacement}` })).items
    expect(create).toMatchObject({ action: 'revocation.create', detail: { replaces: id } })
  })
})
