import { describe, expect, it } from 'vitest'
import { jwks } from '#app/keys.ts'
import { purgeStep } from '#app/purge.ts'
import { reopen } from '#app/restore.ts'
import { createStatusLists } from '#app/status-lists.ts'
import { splitCompact } from '#domain/credential/token.ts'
import { fromSeconds, instant } from '#kernel/instant.ts'
import type { Reading, Store } from '#store/port.ts'
import { ISSUER, LOCAL, refusalOf } from '../world.ts'
import { listWorld, policyOf } from './status-list-world.ts'

const context = { caller: LOCAL, requestId: 'req_1' }
const [VALID, INVALID, SUSPENDED] = [0, 1, 2]

describe('a status list', () => {
  it('says what the draft asks for, under a key of its own that is in the key set', async () => {
    const { world, lists, issue, listOf } = await listWorld()
    const credential = await issue()
    const { list = '' } = credential.status ?? {}
    const { header, claims } = await listOf(credential)
    const [key] = (await world.admin.listKeys({ purpose: 'status' })).items
    expect(header).toEqual({ typ: 'statuslist+jwt', alg: 'ES256', kid: key?.id })
    const iat = world.clock.now() / 1000
    expect(claims).toEqual({
      sub: `${ISSUER}/oauth/status-lists/${list}`,
      iat,
      exp: iat + 60,
      ttl: 60,
      status_list: {
        bits: 2,
        lst: expect.any(String),
        aggregation_uri: `${ISSUER}/oauth/status-lists`,
      },
    })
    const parts = splitCompact((await lists.issue(list)).text)
    if (typeof parts === 'string') throw new Error(parts)
    const { keys } = await jwks(world.deps)
    const jwk = keys.find(({ kid }) => kid === key?.id) ?? {}
    expect(world.deps.signer.verify(jwk, parts.signed, parts.signature)).toBe(true)
    expect(await lists.uris()).toEqual([claims.sub])
  })

  it('is no token, whatever it is held against', async () => {
    const { world, lists, issue } = await listWorld()
    const { text: token } = await lists.issue((await issue()).status?.list ?? '')
    expect(await world.admin.verifyToken({ token })).toMatchObject({ verdict: 'invalid' })
  })

  it('that could not be made is made for the next who asks', async () => {
    const { world, issue } = await listWorld()
    let tries = 0
    const lists = createStatusLists(world.deps, async (bytes) => {
      if ((tries += 1) === 1) throw new Error('no memory')
      return bytes
    })
    const { list = '' } = (await issue()).status ?? {}
    await expect(lists.issue(list)).rejects.toThrow(/no memory/)
    expect((await lists.issue(list)).text).toMatch(/^eyJ/)
    await lists.issue(list)
    expect(tries).toBe(2)
  })

  it('is unknown where it was never opened', async () => {
    const { lists } = await listWorld()
    expect((await refusalOf(lists.issue('x'))).code).toBe('status-list-unknown')
  })

  it('has no place for what was issued before there were lists, which it does not concern', async () => {
    const { world, issue, statusOf } = await listWorld()
    const credential = await issue()
    const { status: _, ...old } = credential
    await world.store.write((tx) => tx.insertCredentials([{ ...old, id: 'cred_old' }]))
    await world.admin.revoke({ selector: { tokens: ['cred_old'] }, reason: 'testing' })
    expect(await statusOf(credential)).toBe(VALID)
  })

  it('gives random places, none of them twice, over as many lists as it takes', async () => {
    const { world, lists } = await listWorld(policyOf({ size: 8 }))
    await world.admin.issueTokens({ clientId: 'a', count: 5 })
    await world.admin.issueTokens({ clientId: 'a', count: 21 })
    const { items } = await world.store.read((tx) => tx.listCredentials({}, { limit: 99 }))
    const places = items.map(({ status }) => `${status?.list} ${status?.index}`)
    expect(new Set(places).size).toBe(26)
    expect(await lists.uris()).toHaveLength(4)
    for (const { status } of items) expect(status?.index).toBeLessThan(8)
  })
})

describe('a place', () => {
  it('is VALID until a revocation is published, and again once that is lifted', async () => {
    const { world, issue, statusOf } = await listWorld()
    const [one, other] = [await issue(), await issue()]
    expect([await statusOf(one), await statusOf(other)]).toEqual([VALID, VALID])
    world.clock.advance(1000)
    const { revocation } = await world.admin.revoke({
      selector: { tokens: [one.id] },
      reason: 'testing',
    })
    expect([await statusOf(one), await statusOf(other)]).toEqual([INVALID, VALID])
    world.clock.advance(1000)
    await world.admin.liftRevocation({ id: revocation?.id ?? '' })
    expect([await statusOf(one), await statusOf(other)]).toEqual([VALID, VALID])
  })

  it('is SUSPENDED while only suspensions hold, and VALID when their time has come', async () => {
    const { world, issue, statusOf } = await listWorld()
    const one = await issue()
    const expiresAt = new Date(world.clock.now() + 60_000).toISOString()
    const selector = { clients: ['a'] }
    await world.admin.revoke({ selector, reason: 'testing', expiresAt, block: false })
    expect(await statusOf(one)).toBe(SUSPENDED)
    // Nobody mints or revokes meanwhile: the list itself ends what is due.
    world.clock.advance(60_000)
    expect(await statusOf(one)).toBe(VALID)
    world.clock.advance(1000)
    const again = new Date(world.clock.now() + 60_000).toISOString()
    await world.admin.revoke({ selector, reason: 'testing', expiresAt: again, block: false })
    await world.admin.revoke({ selector, reason: 'testing' })
    expect(await statusOf(one)).toBe(INVALID)
  })

  it('is VALID in a grace period, and no list outlives its end', async () => {
    const { world, issue, listOf } = await listWorld()
    const one = await issue()
    const index = one.status?.index ?? Number.NaN
    const graceSeconds = 20
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing', graceSeconds })
    const first = await listOf(one)
    expect(first.at(index)).toBe(VALID)
    expect(first.claims).toMatchObject({ exp: first.claims.iat + 20, ttl: 20 })
    world.clock.advance(18_999)
    await world.admin.rotateKey({})
    const last = await listOf(one)
    expect(last.at(index)).toBe(VALID)
    expect([last.claims.exp, last.claims.ttl]).toEqual([first.claims.exp, 2])
    // A whole second is the least that a list can be good for, so it begins to refuse within the last.
    world.clock.advance(1)
    await world.admin.rotateKey({})
    const after = await listOf(one)
    expect(after.at(index)).toBe(INVALID)
    expect(after.claims.exp).toBe(after.claims.iat + 60)
  })

  it('is INVALID from the end of a grace on, though nothing is published then', async () => {
    const { world, issue, statusOf } = await listWorld()
    const one = await issue()
    const selector = { clients: ['a'] }
    await world.admin.revoke({ selector, reason: 'testing', graceSeconds: 20 })
    expect(await statusOf(one)).toBe(VALID)
    world.clock.advance(19_999)
    expect(await statusOf(one)).toBe(VALID)
    world.clock.advance(1)
    expect(await statusOf(one)).toBe(INVALID)
  })

  it('stays INVALID a while after the expiry, for clocks that are minutes off, and then is VALID', async () => {
    const { world, issue, statusOf } = await listWorld()
    const one = await issue({ ttlSeconds: 3600 })
    await world.admin.revoke({ selector: { tokens: [one.id] }, reason: 'testing' })
    expect(await statusOf(one)).toBe(INVALID)
    world.clock.advance(3600_000 - 1000)
    expect(await statusOf(one)).toBe(INVALID)
    world.clock.advance(290_000)
    expect(await statusOf(one)).toBe(INVALID)
    world.clock.advance(60_000)
    expect(await statusOf(one)).toBe(VALID)
  })

  it('of an old, long-lived rule below the floor of the feed is found all the same', async () => {
    const { world, issue, statusOf } = await listWorld()
    const one = await issue({ ttlSeconds: 3600 })
    await world.admin.revoke({ selector: { tokens: [one.id] }, reason: 'testing' })
    for (let i = 0; i < 3; i++) await world.admin.rotateKey({ purpose: 'feed' })
    const { position } = await world.store.read((tx) => tx.feed())
    await world.store.write((tx) =>
      tx.compactFeed({ floor: position, endedBeforeSeconds: 0, limit: 100 }),
    )
    expect(await statusOf(one)).toBe(INVALID)
  })

  it('is found by a list of tokens so long that it was published in parts', async () => {
    const { world, issue, listOf } = await listWorld()
    const one = await issue({ tags: { leaked: 'yes' } })
    const many = Array.from({ length: 5001 }, (_, i) => ({
      ...one,
      id: `${one.id}${i}`,
      sessionId: `${one.id}${i}`,
      status: { list: one.status?.list ?? '', index: i },
    }))
    await world.store.write((tx) => tx.insertCredentials(many))
    const { position: before } = await world.store.read((tx) => tx.feed())
    await world.admin.revoke({ selector: { tags: { leaked: 'yes' } }, reason: 'testing' })
    const { position: after } = await world.store.read((tx) => tx.feed())
    expect(after - before).toBe(2)
    const { at } = await listOf(one)
    const wrong = many.filter(({ status }) => at(status.index) !== INVALID)
    expect(wrong).toEqual([])
  })

  it('of a list that a restore has lost track of is INVALID, and a new list is begun', async () => {
    const { world, lists, issue, listOf, statusOf } = await listWorld(policyOf({ size: 64 }))
    const before = await issue()
    await reopen(world.deps, context, 1)
    const after = await issue()
    expect(after.status?.list).not.toBe(before.status?.list)
    expect(await statusOf(after)).toBe(VALID)
    const lost = await listOf(before)
    expect(Array.from({ length: 64 }, (_, i) => lost.at(i))).toEqual(Array(64).fill(INVALID))
    expect(await lists.uris()).toHaveLength(2)
  })
})

describe('giving lists out', () => {
  it('makes one text for everybody, until something is published or half of its time is over', async () => {
    const { world, lists, issue } = await listWorld()
    const { list = '' } = (await issue()).status ?? {}
    const issued = async (): Promise<string> => (await lists.issue(list)).text
    const [first, same] = await Promise.all([issued(), issued()])
    expect(same).toBe(first)
    world.clock.advance(29_999)
    expect(await issued()).toBe(first)
    world.clock.advance(1)
    const second = await issued()
    expect(second).not.toBe(first)
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing' })
    // So often it is not made that a feed which never rests would cost more than its readers.
    world.clock.advance(999)
    expect(await issued()).toBe(second)
    world.clock.advance(1)
    expect(await issued()).not.toBe(second)
  })

  it('commits first until when they may be used', async () => {
    const { world, lists, issue } = await listWorld()
    const { list = '' } = (await issue()).status ?? {}
    const until = () => world.store.read((tx) => tx.statusListsIssuedUntil())
    expect(await until()).toBe(fromSeconds(0))
    const { expiresAt } = await lists.issue(list)
    expect(await until()).toBe(expiresAt)
  })

  it('is refused where a clock or a restore makes it a lie, also of what was made before', async () => {
    const { world, lists, issue } = await listWorld()
    const { list = '' } = (await issue()).status ?? {}
    await lists.issue(list)
    const { position } = await world.store.read((tx) => tx.feed())
    const seen = { position, chain: 'x', seenBy: 'a test', at: world.clock.now() }
    await world.store.write((tx) => tx.recordDivergence(seen))
    expect((await refusalOf(lists.issue(list))).code).toBe('authority-restored')
    await world.store.write((tx) => tx.clearDivergence())
    world.clock.set(instant(world.clock.now() - 10_000))
    expect((await refusalOf(lists.issue(list))).code).toBe('clock-behind')
  })

  it('is not given out at a time before its own, as after an older database was put in place', async () => {
    const { world, lists, issue } = await listWorld()
    const { list = '' } = (await issue()).status ?? {}
    await lists.issue(list)
    const agoMs = 5000
    world.clock.set(instant(world.clock.now() - agoMs))
    const read: Store['read'] = world.store.read.bind(world.store)
    const older = (tx: Reading): Reading => ({
      ...tx,
      async feed() {
        const state = await tx.feed()
        return { ...state, timeMicros: state.timeMicros - agoMs * 1000 }
      },
    })
    Object.assign(world.store, {
      read: ((work) => read((tx) => work(older(tx)))) satisfies Store['read'],
    })
    // The next one is to be made, by a writer that sees how it is.
    expect((await refusalOf(lists.issue(list))).code).toBe('clock-behind')
  })

  it('goes on under a new key once the old one is rotated or revoked', async () => {
    const { world, issue, listOf } = await listWorld()
    const credential = await issue()
    const kids: unknown[] = [(await listOf(credential)).header['kid']]
    world.clock.advance(1000)
    const { key, previous } = await world.admin.rotateKey({ purpose: 'status' })
    expect([previous?.id, previous?.state]).toEqual([kids[0], 'retiring'])
    kids.push((await listOf(credential)).header['kid'])
    expect(kids[1]).toBe(key.id)
    world.clock.advance(1000)
    await world.admin.revoke({ selector: { keys: [key.id] }, reason: 'compromise' })
    kids.push((await listOf(credential)).header['kid'])
    expect(new Set(kids).size).toBe(3)
  })

  it('an authority of before gets its key when it is first needed', async () => {
    const { world, lists, issue } = await listWorld()
    const { list = '' } = (await issue()).status ?? {}
    const [key] = (await world.admin.listKeys({ purpose: 'status' })).items
    await world.store.write(async (tx) => {
      const found = await tx.findKey(key?.id ?? '')
      if (found !== undefined) await tx.updateKey({ ...found, state: 'retired' })
    })
    await lists.issue(list)
    expect((await world.admin.listKeys({ purpose: 'status', state: 'active' })).items).toHaveLength(
      1,
    )
  })

  it('serves a list for a day after its last token has expired, and then drops it', async () => {
    const { world, lists, issue } = await listWorld(policyOf({ size: 2 }))
    const full = (await issue({ count: 2 })).status?.list ?? ''
    const open = (await issue()).status?.list ?? ''
    world.clock.advance(600_000 + 86_400_000)
    await purgeStep(world.deps)
    expect(await lists.uris()).toHaveLength(2)
    world.clock.advance(1000)
    while (await purgeStep(world.deps));
    expect(await lists.uris()).toEqual([`${ISSUER}/oauth/status-lists/${open}`])
    expect((await refusalOf(lists.issue(full))).code).toBe('status-list-unknown')
  })
})

describe('what is told of status lists where no verifier follows the feed', () => {
  it.each<[string, object, boolean, number | undefined]>([
    ['a list that was given out before ends by itself', {}, true, 60],
    ['none that was given out in a grace outlives it', { graceSeconds: 20 }, true, 60],
    ['and until a grace is over the newest says VALID', { graceSeconds: 30 }, true, 70],
    ['where nobody has one nobody is known to read any', {}, false, undefined],
    ['who has a key chooses where his tokens are looked up', { key: true }, true, undefined],
  ])('%s', async (_, { key = false, ...terms }: { key?: boolean }, isRead, seconds) => {
    const { world, issue, listOf } = await listWorld()
    const one = await issue()
    const { clock } = world
    const end = clock.now() + (seconds ?? 0) * 1000
    if (isRead) await listOf(one)
    clock.advance(40_000)
    const selector = key ? { keys: [one.keyId] } : { clients: ['a'] }
    const { revocation } = await world.admin.revoke({ selector, reason: 'testing', ...terms })
    const { audiences } = await world.admin.showEnforcement({ id: revocation?.id ?? '' })
    expect(audiences.map(({ state }) => state)).toEqual(['unproven'])
    expect(audiences[0]?.statusListUntil).toBe(
      seconds === undefined ? undefined : new Date(end).toISOString(),
    )
  })

  it('is no later than the last list that says VALID, nor earlier', async () => {
    const { world, issue, listOf } = await listWorld()
    const one = await issue()
    const index = one.status?.index ?? Number.NaN
    const ends: number[] = []
    const read = async (): Promise<number> => {
      const { claims, at } = await listOf(one)
      if (at(index) === VALID) ends.push(claims.exp * 1000)
      return at(index)
    }
    await read()
    world.clock.advance(45_500)
    await read()
    world.clock.advance(100)
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'testing',
      graceSeconds: 30,
    })
    for (let i = 0; i < 80; i++) {
      await read()
      world.clock.advance(997)
    }
    const { audiences } = await world.admin.showEnforcement({ id: revocation?.id ?? '' })
    expect(audiences[0]?.statusListUntil).toBe(new Date(Math.max(...ends)).toISOString())
    expect(await read()).toBe(INVALID)
  })
})
