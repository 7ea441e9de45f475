import { describe, expect, it } from 'vitest'
import { refusalOf } from '../world.ts'
import { stateOf, type Token, verdicts, withTokens } from './tokens.ts'

describe('lifting', () => {
  it('revives what no other revocation matches, and tells what', async () => {
    const { world, a, b } = await withTokens()
    const all = await world.admin.revoke({ selector: { tags: { team: 'x' } }, reason: 'testing' })
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'compromise', block: true })
    const { revived, revocation, alreadyLifted } = await world.admin.liftRevocation({
      id: all.revocation?.id ?? '',
      justification: 'false alarm',
    })
    expect(revived).toEqual({
      credentials: 2,
      byClient: { b: 2 },
      byScope: { read: 2 },
      byAudience: { 'https://b.example': 2 },
    })
    expect({ state: revocation.state, alreadyLifted }).toEqual({
      state: 'lifted',
      alreadyLifted: false,
    })
    expect(await verdicts(world, [...a, ...b])).toEqual([
      'revoked',
      'revoked',
      'accepted',
      'accepted',
    ])
  })

  it('ends the block too', async () => {
    const { world, a } = await withTokens()
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'compromise',
    })
    await world.admin.liftRevocation({ id: revocation?.id ?? '' })
    expect(await verdicts(world, a)).toEqual(['accepted', 'accepted'])
    expect((await world.admin.issueTokens({ clientId: 'a' })).items).toHaveLength(1)
  })

  it('twice is success, and makes one entry', async () => {
    const { world } = await withTokens()
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'testing',
    })
    const id = revocation?.id ?? ''
    const first = await world.admin.liftRevocation({ id })
    world.clock.advance(1_000)
    const { position } = await world.admin.showAuthority({})
    const second = await world.admin.liftRevocation({ id })
    expect(second).toMatchObject({ alreadyLifted: true, revived: { credentials: 0 } })
    expect(second.revocation.liftedAt).toBe(first.revocation.liftedAt)
    expect((await world.admin.showAuthority({})).position).toBe(position)
    expect((await refusalOf(world.admin.unblockRevocation({ id }))).code).toBe('revocation-lifted')
  })

  it('refuses a final one, a key’s, and one that does not exist', async () => {
    const { world, a } = await withTokens()
    const final = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'testing',
      final: true,
    })
    const { keyId } = await world.admin.showAuthority({})
    const key = await world.admin.revoke({ selector: { keys: [keyId] }, reason: 'compromise' })
    for (const { revocation } of [final, key]) {
      const refusal = await refusalOf(world.admin.liftRevocation({ id: revocation?.id ?? '' }))
      expect(refusal.code).toBe('revocation-final')
    }
    expect((await refusalOf(world.admin.liftRevocation({ id: 'rev_x' }))).code).toBe(
      'revocation-unknown',
    )
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
  })
})

describe('what is revoked twice', () => {
  it('stays dead when the first is lifted, though nothing was left for the second to hit', async () => {
    const { world, a } = await withTokens()
    const [stolen] = a as [Token, Token]
    const whole = await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'superseded' })
    const request = { selector: { tokens: [stolen.id] }, reason: 'compromise' as const }
    const one = await world.admin.revoke(request)
    expect(one.items).toEqual([{ target: `token:${stolen.id}`, result: 'already-revoked' }])
    expect(one.revocation?.id).not.toBe(whole.revocation?.id)
    expect(one.revocation?.matched.credentials).toBe(0)
    // Said again, each of them is what it was.
    for (const selector of [{ clients: ['a'] }, request.selector]) {
      const again = await world.admin.revoke({ selector, reason: 'other' })
      expect(again.revocation?.id).toBe(whole.revocation?.id)
    }
    const { revived } = await world.admin.liftRevocation({ id: whole.revocation?.id ?? '' })
    expect(revived.credentials).toBe(1)
    expect(await verdicts(world, a)).toEqual(['revoked', 'accepted'])
    const back = await world.admin.liftRevocation({ id: one.revocation?.id ?? '' })
    expect(back.revived.credentials).toBe(1)
    expect(await verdicts(world, a)).toEqual(['accepted', 'accepted'])
  })

  it('is final where the second is, and needs no other after that', async () => {
    const { world, a } = await withTokens()
    const selector = { clients: ['a'] }
    const first = await world.admin.revoke({ selector, reason: 'testing' })
    const second = await world.admin.revoke({ selector, reason: 'testing', final: true })
    expect(second.revocation).toMatchObject({ final: true })
    const { position } = await world.admin.showAuthority({})
    const { subjects, tokens } = { subjects: ['a-job'], tokens: a.map(({ id }) => id) }
    for (const other of [{ subjects }, { tokens }, selector]) {
      const third = await world.admin.revoke({ selector: other, reason: 'testing' })
      expect(third.items.every(({ result }) => result === 'already-revoked')).toBe(true)
    }
    expect((await world.admin.showAuthority({})).position).toBe(position)
    await world.admin.liftRevocation({ id: first.revocation?.id ?? '' })
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
  })

  it('with other exceptions is another revocation', async () => {
    const { world, a } = await withTokens()
    const [spared] = a as [Token, Token]
    const selector = { clients: ['a'] }
    const first = await world.admin.revoke({ selector, reason: 'testing' })
    const exceptions = { tokens: [spared.id] }
    const second = await world.admin.revoke({ selector, exceptions, reason: 'testing' })
    expect(second.revocation?.exceptions.tokens).toEqual([spared.id])
    const third = await world.admin.revoke({ selector, exceptions, reason: 'testing' })
    expect(third.revocation?.id).toBe(first.revocation?.id)
    await world.admin.liftRevocation({ id: first.revocation?.id ?? '' })
    expect(await verdicts(world, a)).toEqual(['accepted', 'revoked'])
  })

  it.for(['disableClient', 'deleteClient'] as const)(
    'by an operator and then by %s stays dead when the operator lifts',
    async (end) => {
      const { world, a } = await withTokens()
      const { revocation } = await world.admin.revoke({
        selector: { clients: ['a'] },
        reason: 'superseded',
      })
      await world.admin[end]({ id: 'a' })
      await world.admin.liftRevocation({ id: revocation?.id ?? '' })
      expect(await Promise.all(a.map((one) => stateOf(world, one)))).toEqual(['revoked', 'revoked'])
    },
  )
})

describe('a block', () => {
  it('moves the cut along, and its end leaves dead what was dead', async () => {
    const { world, a } = await withTokens()
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'compromise',
    })
    const id = revocation?.id ?? ''
    expect(revocation).toMatchObject({ blocks: true, cut: null, state: 'open' })
    const { revocation: ended } = await world.admin.unblockRevocation({ id })
    expect(ended).toMatchObject({ blocks: false })
    expect(ended.cut).toBe((await world.admin.showAuthority({})).position)
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
    expect(await world.admin.unblockRevocation({ id })).toMatchObject({ alreadyUnblocked: true })
    const [fresh] = (await world.admin.issueTokens({ clientId: 'a' })).items
    expect((await world.admin.verifyToken({ token: fresh?.token ?? '' })).verdict).toBe('accepted')
  })

  it('that expires is ended before the first mint after its time, and its tokens stay dead', async () => {
    const { world, a } = await withTokens()
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'compromise',
      expiresAt: '2026-11-23T19:09:00Z',
    })
    world.clock.advance(59_999)
    const refusal = await refusalOf(world.admin.issueTokens({ clientId: 'a' }))
    expect(refusal.code).toBe('issuance-blocked')
    expect(refusal.message).toContain('until 2026-11-23T19:09:00.000Z')
    world.clock.advance(1)
    const [fresh] = (await world.admin.issueTokens({ clientId: 'a' })).items
    expect((await world.admin.verifyToken({ token: fresh?.token ?? '' })).verdict).toBe('accepted')
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
    expect(await world.admin.showRevocation({ id: revocation?.id ?? '' })).toMatchObject({
      blocks: false,
      state: 'open',
    })
  })
})

describe('a suspension', () => {
  it('holds until its end is written, then gives everything back', async () => {
    const { world, a } = await withTokens()
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'other',
      expiresAt: '2026-11-23T19:09:00Z',
    })
    expect(await stateOf(world, a[0] as Token)).toBe('suspended')
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
    // A suspension is no revocation for good, so one may still come on top of it.
    const plan = await world.admin.planRevocation({ selector: { clients: ['a'] }, reason: 'other' })
    expect(plan.items).toEqual([{ target: 'client:a', result: 'revoked' }])
    world.clock.advance(60_000)
    await world.admin.issueTokens({ clientId: 'b' })
    expect(await verdicts(world, a)).toEqual(['accepted', 'accepted'])
    expect(await world.admin.showRevocation({ id: revocation?.id ?? '' })).toMatchObject({
      state: 'lifted',
      liftedAt: '2026-11-23T19:09:00.000Z',
    })
    const [entry] = (await world.admin.listAudit({ action: 'revocation.lift' })).items
    expect(entry).toMatchObject({ actor: 'authority', origin: { transport: 'authority' } })
  })

  it('that would end in the past, or that is final, is refused', async () => {
    const { world } = await withTokens()
    const request = { selector: { clients: ['a'] }, reason: 'other' as const }
    const past = world.admin.revoke({ ...request, expiresAt: '2026-11-23T19:08:00Z' })
    expect((await refusalOf(past)).code).toBe('request-invalid')
    const final = world.admin.revoke({
      ...request,
      expiresAt: '2026-11-23T20:00:00Z',
      final: true,
    })
    expect((await refusalOf(final)).code).toBe('request-invalid')
  })
})
