import { describe, expect, it } from 'vitest'
import type { Reader } from '#app/reader.ts'
import { createSelection, SELECTION_TOKENS_MAX, withSelection } from '#app/selections.ts'
import { ITEMS_LISTED_MAX } from '#app/tally.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { PART_TOKENS_MAX } from '#domain/feed/parts.ts'
import { LOCAL, refusalOf, remote } from '../world.ts'
import { verdicts, withTokens } from './tokens.ts'

const reason = 'testing' as const

describe('a selection', () => {
  it('comes in parts, in order, and parts that are sent again change nothing', async () => {
    const { world } = await withTokens()
    const { id, tokens, createdAt, expiresAt } = await world.admin.createSelection({})
    expect({ tokens, createdAt, expiresAt }).toEqual({
      tokens: 0,
      createdAt: '2026-11-23T19:08:00.000Z',
      expiresAt: '2026-11-24T19:08:00.000Z',
    })
    const add = async (offset: number, list: string[]) =>
      (await world.admin.appendSelection({ id, offset, tokens: list })).tokens
    expect(await add(0, ['x', 'y'])).toBe(2)
    expect(await add(0, ['x', 'y'])).toBe(2)
    expect(await add(1, ['y', 'z'])).toBe(3)
    const gap = await refusalOf(world.admin.appendSelection({ id, offset: 4, tokens: ['q'] }))
    expect(gap).toMatchObject({ code: 'selection-gap', facts: { tokens: 3 } })
    expect((await world.admin.showSelection({ id })).tokens).toBe(3)
    expect(await world.store.read((tx) => tx.selectionTokens(id))).toEqual(['x', 'y', 'z'])
  })

  it('is its actor’s alone, and for a day', async () => {
    const { world, a } = await withTokens()
    const { id } = await world.admin.createSelection({})
    await world.admin.appendSelection({ id, offset: 0, tokens: [a[0]?.id ?? ''] })
    const other = world.as(remote(['admin:revocations:write', 'admin:revocations:read']))
    const attempts = (admin: typeof other) => [
      () => admin.showSelection({ id }),
      () => admin.appendSelection({ id, offset: 0, tokens: ['x'] }),
      () => admin.planRevocation({ selector: {}, selectionId: id, reason }),
      () => admin.revoke({ selector: {}, selectionId: id, reason }),
    ]
    for (const attempt of attempts(other)) {
      expect((await refusalOf(attempt())).code).toBe('selection-unknown')
    }
    world.clock.advance(24 * 3600_000 - 1)
    expect((await world.admin.showSelection({ id })).tokens).toBe(1)
    world.clock.advance(1)
    for (const attempt of attempts(world.admin)) {
      expect((await refusalOf(attempt())).code).toBe('selection-unknown')
    }
    await createSelection(world.deps, { caller: LOCAL, requestId: 'req_1' })
    world.clock.advance(1)
    await createSelection(world.deps, { caller: LOCAL, requestId: 'req_2' })
    expect(await world.store.read((tx) => tx.findSelection(id))).toBeUndefined()
  })

  it('holds a million, and no more', async () => {
    const { world } = await withTokens()
    const { id } = await world.admin.createSelection({})
    const store = world.store
    await store.write((tx) =>
      tx.appendSelection(
        id,
        0,
        Array.from({ length: SELECTION_TOKENS_MAX - 1 }, (_, i) => `t${i}`),
      ),
    )
    const add = (tokens: string[]) =>
      world.admin.appendSelection({ id, offset: SELECTION_TOKENS_MAX - 1, tokens })
    expect((await refusalOf(add(['x', 'y']))).code).toBe('request-invalid')
    expect((await add(['x'])).tokens).toBe(SELECTION_TOKENS_MAX)
  })

  it('stands in the place of tokens: never beside them, and never empty', async () => {
    const { world, a } = await withTokens()
    const { id } = await world.admin.createSelection({})
    const both = { selector: { tokens: ['x'] }, selectionId: id, reason }
    expect((await refusalOf(world.admin.revoke(both))).code).toBe('request-invalid')
    const empty = { selector: { clients: ['a'] }, selectionId: id, reason }
    expect((await refusalOf(world.admin.revoke(empty))).code).toBe('selector-empty')
    expect(await verdicts(world, a)).toEqual(['accepted', 'accepted'])
  })

  it('is what it held when it was looked at, though more comes while it is read', async () => {
    const { world } = await withTokens()
    const { id } = await world.admin.createSelection({})
    await world.admin.appendSelection({ id, offset: 0, tokens: ['x', 'y'] })
    const read: Reader = async (work) => {
      const seen = await world.store.read(work)
      await world.admin.appendSelection({ id, offset: 2, tokens: ['z'] })
      return seen
    }
    const asked = { selector: {}, selectionId: id, reason }
    const context = { caller: LOCAL, requestId: 'req_1' }
    const { selector } = await withSelection(world.deps, read, context, asked)
    expect(selector.tokens).toEqual(['x', 'y'])
  })

  it('is planned and revoked, with one result a token', async () => {
    const { world, a, b } = await withTokens()
    const { id } = await world.admin.createSelection({})
    const tokens = [a[1]?.id ?? '', b[0]?.id ?? '', 'cred_gone']
    await world.admin.appendSelection({ id, offset: 0, tokens })
    const plan = await world.admin.planRevocation({ selector: {}, selectionId: id, reason })
    expect(plan).toMatchObject({ selectionId: id, matched: { credentials: 2 } })
    const listed = await world.admin.planRevocation({ selector: { tokens }, reason })
    expect(plan.hash).toBe(listed.hash)
    const asked = { selector: {}, selectionId: id, reason, planHash: plan.hash }
    const { items } = await world.admin.revoke(asked)
    expect(items.map(({ result }) => result).sort()).toEqual(['not-found', 'revoked', 'revoked'])
    expect(await verdicts(world, [...a, ...b])).toEqual([
      'accepted',
      'revoked',
      'revoked',
      'accepted',
    ])
    await world.admin.appendSelection({ id, offset: 3, tokens: [a[0]?.id ?? ''] })
    expect((await refusalOf(world.admin.revoke(asked))).code).toBe('plan-drift')
  })
})

describe('a long list', () => {
  it('is published in parts with one id, one cut and one time, and lifted by one entry', async () => {
    const { world, a } = await withTokens()
    const { position: before } = await world.admin.showAuthority({})
    const count = 2 * PART_TOKENS_MAX + 1
    const ids: string[] = []
    for (let left = count; 0 < left; left -= 5000) {
      const { items } = await world.admin.issueTokens({
        clientId: 'a',
        count: Math.min(5000, left),
      })
      ids.push(...items.map(({ credential }) => credential.id))
    }
    const { id } = await world.admin.createSelection({})
    for (let offset = 0; offset < count; offset += 9000) {
      await world.admin.appendSelection({ id, offset, tokens: ids.slice(offset, offset + 9000) })
    }
    await world.admin.appendSelection({ id, offset: count, tokens: ['cred_gone'] })
    const done = await world.admin.revoke({ selector: {}, selectionId: id, reason })
    const { revocation } = done
    expect(ITEMS_LISTED_MAX).toBeLessThan(count)
    expect(done.items).toEqual([
      { target: 'token:cred_gone', result: 'not-found', detail: 'no such credential is on record' },
    ])
    expect(done.itemCounts).toEqual({
      revoked: count,
      'already-revoked': 0,
      'not-found': 1,
      spared: 0,
      failed: 0,
    })
    expect(revocation?.selector).toMatchObject({ tokens: [], tokenCount: count + 1 })
    expect(revocation?.matched.credentials).toBe(count)
    const entries = await world.store.read((tx) => tx.feedEntries(before, 10))
    const records = entries.map(({ bytes }) => readRecord(new TextDecoder().decode(bytes)))
    expect(records).toHaveLength(3)
    const tokens: string[] = []
    for (const [i, record] of records.entries()) {
      if (typeof record === 'string' || record.op !== 'revoke')
        throw new Error('not of a revocation')
      expect(record).toMatchObject({
        id: revocation?.id,
        position: before + 1 + i,
        cut: revocation?.position,
        publishedMs: world.clock.now(),
      })
      // A token that is being minted lives an hour at most; the entry is younger than its second.
      expect(record.untilSeconds).toBe(world.clock.now() / 1000 + 3601)
      tokens.push(...(record.selector.tokens ?? []))
    }
    expect(tokens).toEqual([...ids].sort())
    expect(revocation?.position).toBe(before + 3)
    expect(await verdicts(world, a)).toEqual(['accepted', 'accepted'])
    const lifted = await world.admin.liftRevocation({ id: revocation?.id ?? '' })
    expect(lifted.revived.credentials).toBe(count)
    expect((await world.admin.showAuthority({})).position).toBe(before + 4)
  })

  it('counts what of it was done before or spared as done, though nothing is left', async () => {
    const { world } = await withTokens()
    const { items } = await world.admin.issueTokens({ clientId: 'a', count: 10_000 })
    const tokens = items.map(({ credential }) => credential.id)
    const { id } = await world.admin.createSelection({})
    await world.admin.appendSelection({ id, offset: 0, tokens })
    await world.admin.appendSelection({ id, offset: 10_000, tokens: ['cred_gone'] })
    const asked = { selector: {}, selectionId: id, reason }
    const first = await world.admin.revoke(asked)
    const again = await world.admin.revoke(asked)
    expect(again.revocation?.id).toBe(first.revocation?.id)
    expect(again.itemCounts).toMatchObject({ 'already-revoked': 10_000, 'not-found': 1 })
    const unknown = await world.admin.createSelection({})
    const none = Array.from({ length: 10_000 }, (_, i) => `cred_none${i}`)
    await world.admin.appendSelection({ id: unknown.id, offset: 0, tokens: none })
    await world.admin.appendSelection({ id: unknown.id, offset: 10_000, tokens: ['cred_gone'] })
    const refused = world.admin.revoke({ ...asked, selectionId: unknown.id })
    expect((await refusalOf(refused)).code).toBe('nothing-matched')
  })
})
