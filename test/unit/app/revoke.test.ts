import { describe, expect, it } from 'vitest'
import type { Credential } from '#domain/credential/credential.ts'
import { defaultPolicy } from '#domain/policy/policy.ts'
import { createWorld, refusalOf, remote } from '../world.ts'
import { stateOf, type Token, verdicts, withTokens } from './tokens.ts'

describe('a selector', () => {
  it.each<[string, (a: Token[], b: Token[]) => object, boolean[]]>([
    ['token', (a) => ({ tokens: [a[0]?.id] }), [true, false, false, false]],
    ['tokens of two', (a, b) => ({ tokens: [a[1]?.id, b[0]?.id] }), [false, true, true, false]],
    ['client', () => ({ clients: ['a'] }), [true, true, false, false]],
    ['subject', () => ({ subjects: ['b-job'] }), [false, false, true, true]],
    ['session', (_, b) => ({ sessions: [b[1]?.id] }), [false, false, false, true]],
    ['scope', () => ({ scopes: ['deploy:dev'] }), [true, true, false, false]],
    ['pattern', () => ({ scopes: ['deploy:*'] }), [true, true, false, false]],
    ['audience', () => ({ audiences: ['https://b.example'] }), [false, false, true, true]],
    ['one tag', () => ({ tags: { team: 'x' } }), [true, true, true, true]],
    ['two tags', () => ({ tags: { team: 'x', env: 'eu' } }), [false, false, true, true]],
    [
      'two dimensions',
      () => ({ clients: ['a', 'b'], scopes: ['read'] }),
      [false, false, true, true],
    ],
    ['all', () => ({ all: true }), [true, true, true, true]],
  ])('by %s hits those, and no others', async (_, selectorOf, hit) => {
    const { world, a, b } = await withTokens()
    const selector = selectorOf(a, b)
    const plan = await world.admin.planRevocation({ selector, reason: 'testing' })
    const { revocation, items } = await world.admin.revoke({
      selector,
      reason: 'testing',
      planHash: plan.hash,
    })
    const count = hit.filter(Boolean).length
    expect(plan.matched?.credentials).toBe(count)
    expect(revocation?.matched).toEqual(plan.matched)
    expect(items).toEqual(plan.items)
    expect((await verdicts(world, [...a, ...b])).map((verdict) => verdict === 'revoked')).toEqual(
      hit,
    )
    const listed = await world.admin.listCredentials({ state: 'revoked' })
    expect(listed.items).toHaveLength(count)
    for (const item of listed.items) expect(item.revocationId).toBe(revocation?.id)
  })

  it('by window hits what was issued within it', async () => {
    const { world, a } = await withTokens()
    world.clock.advance(10_000)
    const [late] = (await world.admin.issueTokens({ clientId: 'a' })).items
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'], issuedBefore: '2026-11-23T19:08:05Z' },
      reason: 'testing',
    })
    expect(revocation?.matched.credentials).toBe(2)
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
    expect((await world.admin.verifyToken({ token: late?.token ?? '' })).verdict).toBe('accepted')
  })

  it.each<[object, string]>([
    [{}, 'selector-empty'],
    [{ clients: [], tags: {} }, 'selector-empty'],
    [{ issuedAfter: '2026-11-23T19:00:00Z' }, 'selector-empty'],
    [{ all: true, clients: ['a'] }, 'request-invalid'],
    [{ keys: ['key_x'], clients: ['a'] }, 'request-invalid'],
    [
      {
        all: true,
        issuedAfter: '2026-11-23T19:00:00Z',
        issuedBefore: '2026-11-23T18:00:00Z',
      },
      'request-invalid',
    ],
    [{ clients: ['nobody'] }, 'nothing-matched'],
    [{ tokens: ['cred_x'] }, 'nothing-matched'],
    [{ keys: ['key_x'] }, 'nothing-matched'],
    [{ tags: { team: 'y' } }, 'nothing-matched'],
  ])('%j is refused as %s, and nothing is recorded', async (selector, code) => {
    const { world, a } = await withTokens()
    const before = (await world.admin.showAuthority({})).position
    expect((await refusalOf(world.admin.revoke({ selector, reason: 'testing' }))).code).toBe(code)
    expect((await world.admin.listRevocations({})).items).toEqual([])
    expect((await world.admin.showAuthority({})).position).toBe(before)
    expect(await verdicts(world, a)).toEqual(['accepted', 'accepted'])
  })
})

describe('revoking', () => {
  it('hits what was minted before, and nothing minted after', async () => {
    const { world, a } = await withTokens()
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'superseded' })
    const [fresh] = (await world.admin.issueTokens({ clientId: 'a' })).items
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
    expect((await world.admin.verifyToken({ token: fresh?.token ?? '' })).verdict).toBe('accepted')
  })

  it('answers for each value that was named', async () => {
    const { world, a, b } = await withTokens()
    const [first, second] = a
    await world.admin.revoke({ selector: { tokens: [first?.id ?? ''] }, reason: 'testing' })
    const { items, revocation } = await world.admin.revoke({
      selector: { tokens: [first, second, b[0]].map((one) => one?.id ?? '').concat('cred_gone') },
      exceptions: { tokens: [b[0]?.id ?? ''] },
      reason: 'testing',
    })
    const results = Object.fromEntries(items.map(({ target, result }) => [target, result]))
    expect(results).toEqual({
      [`token:${first?.id}`]: 'already-revoked',
      [`token:${second?.id}`]: 'revoked',
      [`token:${b[0]?.id}`]: 'spared',
      'token:cred_gone': 'not-found',
    })
    expect(revocation?.matched.credentials).toBe(1)
    expect(revocation?.exceptions.sessions).toEqual([b[0]?.id])
  })

  it.each(['clients', 'subjects', 'sessions', 'audiences', 'trusts', 'tokens'])(
    'answers for ten thousand %s of which nothing is alive',
    async (dimension) => {
      const { world } = await withTokens()
      const values = Array.from({ length: 10_000 }, (_, index) => `none-${index}`)
      const selector = { clients: ['a'], [dimension]: values }
      const { items } = await world.admin.planRevocation({ selector, reason: 'testing' })
      expect(items.filter(({ result }) => result === 'not-found')).toHaveLength(
        dimension === 'clients' ? values.length : values.length + 1,
      )
      expect(world.faults).toEqual([])
    },
  )

  it('again what is revoked is success, makes no entry and names the one that did it', async () => {
    const { world } = await withTokens()
    const request = { selector: { clients: ['a'] }, reason: 'testing' as const }
    const first = await world.admin.revoke(request)
    const { position } = await world.admin.showAuthority({})
    const again = await world.admin.revoke(request)
    expect(again.revocation?.id).toBe(first.revocation?.id)
    expect(again.items).toEqual([{ target: 'client:a', result: 'already-revoked' }])
    expect((await world.admin.showAuthority({})).position).toBe(position)
  })

  it('what has expired, or is spared whole, is success with nothing recorded', async () => {
    const { world, a } = await withTokens()
    const spared = await world.admin.revoke({
      selector: { clients: ['a'] },
      exceptions: { subjects: ['a-job'] },
      reason: 'testing',
    })
    expect(spared).toEqual({ items: [{ target: 'client:a', result: 'spared' }] })
    // Ten minutes, and the leeway after them.
    world.clock.advance(602_000)
    const expired = await world.admin.revoke({
      selector: { tokens: [a[0]?.id ?? ''] },
      reason: 'testing',
    })
    expect(expired.revocation).toBeUndefined()
    expect(expired.items).toMatchObject([{ result: 'already-revoked' }])
    expect((await world.admin.listRevocations({})).items).toEqual([])
  })

  it('a list holds what verifiers still accept after its expiry, within the leeway', async () => {
    const { world, a } = await withTokens()
    const id = a[0]?.id ?? ''
    world.clock.advance(601_999)
    const { revocation } = await world.admin.revoke({
      selector: { tokens: [id] },
      reason: 'testing',
    })
    expect(revocation?.matched.credentials).toBe(1)
  })

  it('refuses a plan that no longer fits, and a grace that policy forbids', async () => {
    const { world } = await withTokens()
    const selector = { clients: ['a'] }
    const plan = await world.admin.planRevocation({ selector, reason: 'testing' })
    const drifted = world.admin.revoke({ selector, reason: 'compromise', planHash: plan.hash })
    expect((await refusalOf(drifted)).code).toBe('plan-drift')
    const graceful = world.admin.revoke({ selector, reason: 'testing', graceSeconds: 31 })
    expect((await refusalOf(graceful)).code).toBe('policy-denied')
    const stolen = world.admin.revoke({ selector, reason: 'compromise', graceSeconds: 1 })
    expect((await refusalOf(stolen)).code).toBe('request-invalid')
    const listBlock = world.admin.revoke({
      selector: { tags: { team: 'x' } },
      reason: 'compromise',
      block: true,
    })
    expect((await refusalOf(listBlock)).code).toBe('request-invalid')
    expect((await world.admin.listRevocations({})).items).toEqual([])
  })

  it('spares the break-glass clients of policy from all, and says so', async () => {
    const { world } = await withTokens()
    await world.admin.createClient({ id: 'break-glass', scopes: ['read'] })
    const [glass] = (await world.admin.issueTokens({ clientId: 'break-glass' })).items
    const request = { selector: { all: true as const }, reason: 'compromise' as const }
    const plan = await world.admin.planRevocation(request)
    expect(plan).toMatchObject({ severe: true, phrase: 'all', matched: { credentials: 4 } })
    expect(plan.warnings).toContain('spared from all: client:break-glass')
    await world.admin.revoke(request)
    expect((await world.admin.verifyToken({ token: glass?.token ?? '' })).verdict).toBe('accepted')
    expect((await world.admin.issueTokens({ clientId: 'break-glass' })).items).toHaveLength(1)
  })

  it('is severe above what policy confirms unasked', async () => {
    const revocation = { ...defaultPolicy.revocation, confirmAbove: 3 }
    const world = await createWorld({ policy: { ...defaultPolicy, revocation } })
    await world.admin.createClient({ id: 'a', scopes: ['read'] })
    const plan = async () =>
      (await world.admin.planRevocation({ selector: { clients: ['a'] }, reason: 'testing' })).severe
    await world.admin.issueTokens({ clientId: 'a', count: 3 })
    expect(await plan()).toBe(false)
    await world.admin.issueTokens({ clientId: 'a' })
    expect(await plan()).toBe(true)
  })

  it('warns who would revoke the credential in hand', async () => {
    const { world, a } = await withTokens()
    const as = world.as(remote(['admin:revocations:write'], a[0]?.id))
    const warning = 'this would revoke the credential you are using'
    const warningsOf = async (selector: object, exceptions = {}): Promise<string[]> =>
      (await as.planRevocation({ selector, exceptions, reason: 'testing' })).warnings
    expect(await warningsOf({ clients: ['a'] })).toContain(warning)
    expect(await warningsOf({ all: true })).toContain(warning)
    expect(await warningsOf({ tokens: [a[0]?.id] })).toContain(warning)
    expect(await warningsOf({ tokens: [a[1]?.id] })).not.toContain(warning)
    expect(await warningsOf({ clients: ['b'] })).not.toContain(warning)
    expect(await warningsOf({ all: true }, { tokens: [a[0]?.id] })).not.toContain(warning)
  })

  it('a token takes its descendants along, and counts each once', async () => {
    const { world, a } = await withTokens()
    const parent = await world.store.read((tx) => tx.findCredential(a[0]?.id ?? ''))
    if (parent === undefined) throw new Error('no parent')
    const derived = (id: string, parentId: string): Credential => ({
      ...parent,
      id,
      parentId,
      sessionId: parent.sessionId,
      clientId: 'b',
    })
    await world.store.write((tx) =>
      tx.insertCredentials([derived('cred_child', parent.id), derived('cred_grand', 'cred_child')]),
    )
    const tokens = [parent.id, 'cred_grand']
    const beside = await world.admin.planRevocation({
      selector: { tokens, clients: ['nobody'] },
      reason: 'testing',
    })
    expect(beside.matched?.credentials).toBe(0)
    const { revocation } = await world.admin.revoke({ selector: { tokens }, reason: 'testing' })
    expect(revocation?.matched).toMatchObject({ credentials: 3, byClient: { a: 1, b: 2 } })
    for (const id of ['cred_child', 'cred_grand']) {
      expect((await world.admin.showCredential({ id })).state).toBe('revoked')
    }
    const { revived } = await world.admin.liftRevocation({ id: revocation?.id ?? '' })
    expect(revived.credentials).toBe(3)
  })
})

describe('reach', () => {
  it('sessions hits what derives from an old sign-in; tokens only what was minted itself', async () => {
    const { world, a } = await withTokens()
    const root = await world.store.read((tx) => tx.findCredential(a[0]?.id ?? ''))
    if (root === undefined) throw new Error('no root')
    // One that derives from before, minted after the first revocation.
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reach: 'tokens',
      reason: 'policy-change',
    })
    const { position } = await world.admin.showAuthority({})
    const renewed: Credential = {
      ...root,
      id: 'cred_renewed',
      parentId: root.id,
      feedSeq: position as Credential['feedSeq'],
    }
    await world.store.write((tx) => tx.insertCredentials([renewed]))
    expect(revocation?.reach).toBe('tokens')
    expect(await stateOf(world, { token: '', id: 'cred_renewed' })).toBe('active')
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'policy-change' })
    expect(await stateOf(world, { token: '', id: 'cred_renewed' })).toBe('revoked')
  })
})

describe('listing', () => {
  it('shows revocations by state, reason and actor, the newest first', async () => {
    const { world } = await withTokens()
    const one = await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing' })
    const two = await world.admin.revoke({ selector: { clients: ['b'] }, reason: 'other' })
    await world.admin.liftRevocation({ id: one.revocation?.id ?? '' })
    const idsOf = async (filter: object): Promise<string[]> =>
      (await world.admin.listRevocations(filter)).items.map(({ id }) => id)
    const ids = [two, one].map(({ revocation }) => revocation?.id)
    expect(await idsOf({})).toEqual(ids)
    expect(await idsOf({ state: 'open' })).toEqual([ids[0]])
    expect(await idsOf({ state: 'lifted' })).toEqual([ids[1]])
    expect(await idsOf({ state: 'enforced' })).toEqual([])
    expect(await idsOf({ reason: 'testing' })).toEqual([ids[1]])
    expect(await idsOf({ actor: 'local:tester' })).toEqual(ids)
    expect(await idsOf({ actor: 'client:ops' })).toEqual([])
    const page = await world.admin.listRevocations({ limit: 1 })
    expect(page.nextCursor).toBeTypeOf('string')
    const rest = await world.admin.listRevocations({ limit: 1, cursor: page.nextCursor ?? '' })
    expect([...page.items, ...rest.items].map(({ id }) => id)).toEqual(ids)
    expect(rest.nextCursor).toBeNull()
  })

  it('by a cursor of another list, or none of ours, is refused', async () => {
    const { world } = await withTokens()
    expect((await refusalOf(world.admin.listRevocations({ cursor: 'x' }))).code).toBe(
      'request-invalid',
    )
  })
})
