import { describe, expect, it } from 'vitest'
import { HEAD_CHARACTERS_MAX, HEAD_TYPE, type HeadClaims } from '#domain/feed/head.ts'
import { parseToken } from '#domain/credential/token.ts'
import { position } from '#domain/feed/position.ts'
import { defaultPolicy } from '#domain/policy/policy.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { instant } from '#kernel/instant.ts'
import type { Store, Writing } from '#store/port.ts'
import { BEGINNING, createWorld, ISSUER, refusalOf, remote, type TestWorld } from '../world.ts'
import { acknowledgementOf, claimsOf, digestAt, follower, question } from './feed-world.ts'

interface Heard {
  readonly typ: unknown
  readonly kid: unknown
  readonly claims: HeadClaims
  readonly isSigned: boolean
}

async function sync(world: TestWorld, more: object = {}): Promise<Heard> {
  const { head, feedKeys } = await world.admin.syncFeed({ ...question(), ...more })
  const parsed = parseToken(head, HEAD_CHARACTERS_MAX)
  if (typeof parsed === 'string') throw new Error(parsed)
  const jwk = feedKeys[0] ?? {}
  return {
    typ: parsed.header['typ'],
    kid: parsed.header['kid'],
    claims: parsed.claims as unknown as HeadClaims,
    isSigned: world.deps.signer.verify(jwk, parsed.signed, parsed.signature),
  }
}

const stateOf = (world: TestWorld) => world.store.read((tx) => tx.feed())
const onRecord = (world: TestWorld, id: string) => world.store.read((tx) => tx.findIncarnation(id))

describe('a sync', () => {
  it('answers a head of the asker’s nonce, signed by the key for feeds', async () => {
    const world = await createWorld()
    const nonce = 'x'.repeat(43)
    const { typ, kid, claims, isSigned } = await sync(world, { nonce })
    expect({ typ, isSigned }).toEqual({ typ: HEAD_TYPE, isSigned: true })
    const [feedKey] = (await world.admin.listKeys({ purpose: 'feed' })).items
    expect(feedKey).toMatchObject({ id: kid, state: 'active', algorithm: 'ES256' })
    const state = await stateOf(world)
    expect(claims).toEqual({
      iss: ISSUER,
      nonce,
      position: state.position,
      chain: encodeBase64url(state.chain),
      digest: await digestAt(world, claims),
      time: state.timeMicros,
      heartbeat: 1000,
      limits: { strict: 10, standard: 30, relaxed: 30 },
      maxTtl: 3600,
      floor: position(1, 0),
    })
  })

  it('moves the feed’s time and nothing else, so that no two heads share one', async () => {
    const world = await createWorld()
    const before = await stateOf(world)
    const times: number[] = []
    for (let i = 0; i < 3; i++) times.push((await sync(world)).claims.time)
    expect(times.map((time) => time - before.timeMicros)).toEqual([1, 2, 3])
    expect(await stateOf(world)).toEqual({ ...before, timeMicros: times[2] })
    world.clock.advance(5)
    expect((await sync(world)).claims.time).toBe((BEGINNING + 5) * 1000)
  })

  it('never tells an earlier time, and none at all while the clock is far behind', async () => {
    const world = await createWorld()
    const first = (await sync(world)).claims.time
    world.clock.set(instant(BEGINNING - 1999))
    expect((await sync(world)).claims.time).toBe(first + 1)
    world.clock.set(instant(BEGINNING - 2001))
    expect((await refusalOf(sync(world))).code).toBe('clock-behind')
    expect((await stateOf(world)).timeMicros).toBe(first + 1)
  })

  it('sees what was published before it', async () => {
    const world = await createWorld()
    const before = (await sync(world)).claims
    await world.admin.rotateKey({})
    const after = (await sync(world)).claims
    expect(after.position).toBe(before.position + 2)
    expect(after.digest).toBe(await digestAt(world, after))
    expect(after.digest).not.toBe(before.digest)
  })

  it('signs with the key that took the place of a revoked one', async () => {
    const world = await createWorld()
    const { kid } = await sync(world)
    await world.admin.revoke({ selector: { keys: [String(kid)] }, reason: 'compromise' })
    const after = await sync(world)
    expect(after.kid).not.toBe(kid)
    expect(after.isSigned).toBe(true)
  })

  it('makes the key for an authority that is older than heads are', async () => {
    const world = await createWorld({ bare: true })
    await world.store.write((tx) => tx.createAuthority({ issuer: ISSUER, createdAt: BEGINNING }))
    const { kid, claims, isSigned } = await sync(world)
    expect(isSigned).toBe(true)
    expect(claims.position).toBe((await stateOf(world)).position)
    expect((await sync(world)).kid).toBe(kid)
  })

  it.for([
    ['a nonce that could repeat', { nonce: 'n'.repeat(21) }],
    ['a nonce of other letters', { nonce: '='.repeat(22) }],
    ['no audience', { audiences: [] }],
    ['an unknown mode', { mode: 'lax' }],
    ['a position of no feed', { applied: { position: 5, chain: 'c'.repeat(43), time: 1 } }],
    ['a field that nobody knows', { secret: 'x' }],
  ] as const)('is refused with %s', async ([, wrong]) => {
    const world = await createWorld()
    const answer = await world.call('syncFeed', { body: { ...question(), ...wrong } })
    expect(answer).toMatchObject({ ok: false, problem: { code: 'request-invalid' } })
  })

  it('takes a verifier, and no token of the admin API, whatever it carries', async () => {
    const world = await createWorld()
    for (const scopes of [['admin:authority:read'], ['feed:follow']]) {
      const refusal = await refusalOf(world.as(remote(scopes)).syncFeed(question()))
      expect(refusal.code).toBe('scope-insufficient')
    }
    const { verifier } = await world.admin.createVerifier({ name: 'v' })
    const { head } = await world.as(follower(verifier.id)).syncFeed(question())
    expect(claimsOf(head).iss).toBe(ISSUER)
  })
})

describe('who has synced', () => {
  it('is on record before the head is out, with how long heads may be given', async () => {
    const world = await createWorld()
    const asked = question()
    const { head } = await world.as(follower('local')).syncFeed(asked)
    const { position: at, time } = claimsOf(head)
    expect(await onRecord(world, asked.incarnation)).toEqual({
      id: asked.incarnation,
      verifierId: 'local',
      name: 'api-1',
      audiences: ['https://api.example.com'],
      mode: 'standard',
      limitSeconds: 30,
      firstPosition: at,
      headsUntilMicros: expect.any(Number),
      firstSeenAt: BEGINNING,
      lastSeenAt: BEGINNING,
    })
    const { headsUntilMicros = 0 } = (await onRecord(world, asked.incarnation)) ?? {}
    expect(headsUntilMicros - time).toBeGreaterThan(59_000_000)
    expect(headsUntilMicros - time).toBeLessThanOrEqual(60_000_000)
  })

  it('stays where it first was, and is promised heads for longer', async () => {
    const world = await createWorld()
    const { claims } = await sync(world)
    await world.admin.rotateKey({})
    world.clock.advance(10_000)
    await sync(world, { mode: 'strict' })
    expect(await onRecord(world, question().incarnation)).toMatchObject({
      firstPosition: claims.position,
      // It may still hold a head by which it decided for 30 s.
      limitSeconds: 30,
      mode: 'strict',
      headsUntilMicros: (BEGINNING + 70_000) * 1000,
      firstSeenAt: BEGINNING,
      lastSeenAt: BEGINNING + 10_000,
    })
  })

  it('keeps what it has acknowledged, and lives again where it had said goodbye', async () => {
    const world = await createWorld()
    const { claims } = await sync(world)
    const { incarnation } = question()
    await world.admin.acknowledgeFeed({ ...acknowledgementOf(incarnation, claims), released: true })
    expect((await onRecord(world, incarnation))?.releasedMicros).toBeGreaterThan(0)
    await sync(world)
    const again = await onRecord(world, incarnation)
    expect(again?.releasedMicros).toBeUndefined()
    expect(again?.acknowledged).toMatchObject({ position: claims.position })
  })

  it('is not told of an incarnation that belongs to somebody else', async () => {
    const world = await createWorld()
    const { verifier } = await world.admin.createVerifier({ name: 'v' })
    await world.as(follower(verifier.id)).syncFeed(question())
    const before = await onRecord(world, question().incarnation)
    const refusal = await refusalOf(world.as(follower('local')).syncFeed(question()))
    expect(refusal.code).toBe('incarnation-unknown')
    expect(await onRecord(world, question().incarnation)).toEqual(before)
  })
})

describe('a credential', () => {
  it('is for its audiences only, and for any where it names none', async () => {
    const world = await createWorld()
    const audiences = ['https://api.example.com', 'https://b.example.com']
    const { verifier: narrow } = await world.admin.createVerifier({ name: 'narrow', audiences })
    const { verifier: wide } = await world.admin.createVerifier({ name: 'wide' })
    const strange = { ...question(), audiences: [...audiences, 'https://c.example.com'] }
    const refusal = await refusalOf(world.as(follower(narrow.id)).syncFeed(strange))
    expect(refusal).toMatchObject({
      code: 'audience-refused',
      facts: { audience: 'https://c.example.com', allowed: audiences },
    })
    expect(await onRecord(world, strange.incarnation)).toBeUndefined()
    await world.as(follower(narrow.id)).syncFeed(question('n'.repeat(22)))
    await world.as(follower(wide.id)).syncFeed(strange)
  })

  it('that was removed, or never was, opens nothing', async () => {
    const world = await createWorld()
    const { verifier } = await world.admin.createVerifier({ name: 'v' })
    await world.admin.removeVerifier({ id: verifier.id })
    for (const id of [verifier.id, 'ver_nobody']) {
      const refusal = await refusalOf(world.as(follower(id)).syncFeed(question()))
      expect(refusal.code).toBe('token-refused')
    }
  })

  it('holds no more live leases than policy allows; those that ended make room', async () => {
    const feed = { ...defaultPolicy.feed, leasesPerCredentialMax: 2 }
    const world = await createWorld({ policy: { ...defaultPolicy, feed } })
    const { verifier } = await world.admin.createVerifier({ name: 'v' })
    const v = world.as(follower(verifier.id))
    const [first, second, third] = ['1', '2', '3'].map((it) => it.repeat(22)) as [
      string,
      string,
      string,
    ]
    const { head } = await v.syncFeed(question(first))
    await v.syncFeed(question(second))
    expect((await refusalOf(v.syncFeed(question(third)))).code).toBe('leases-exhausted')
    expect(await onRecord(world, third)).toBeUndefined()
    // Those that hold one go on, and another credential has leases of its own.
    await v.syncFeed(question(second))
    await world.as(follower('local')).syncFeed(question('l'.repeat(22)))

    await v.acknowledgeFeed({ ...acknowledgementOf(first, claimsOf(head)), released: true })
    world.clock.advance(1000)
    await v.syncFeed(question(third))
    expect((await refusalOf(v.syncFeed(question(first)))).code).toBe('leases-exhausted')
    // Heads for 60 s from its last sync, and each a lease of 30 s.
    world.clock.advance(90_001)
    await v.syncFeed(question(first))
  })
})

describe('the leases of a credential', () => {
  it('are counted once in ten seconds, and not for every head', async () => {
    const world = await createWorld()
    let counts = 0
    const counting = (tx: Writing): Writing => ({
      ...tx,
      incarnations(filter) {
        counts += 1
        return tx.incarnations(filter)
      },
    })
    const write: Store['write'] = world.store.write.bind(world.store)
    Object.assign(world.store, {
      write: ((work) => write((tx) => work(counting(tx)))) satisfies Store['write'],
    })
    for (const name of ['a', 'b', 'c']) await sync(world, { incarnation: name.repeat(22) })
    expect(counts).toBe(1)
    world.clock.advance(10_001)
    await sync(world)
    expect(counts).toBe(2)
  })
})

describe('a verifier that has seen another feed', () => {
  const seen = async (world: TestWorld) => {
    const { position: at, chain, time } = (await sync(world)).claims
    return { position: at as number, chain, time }
  }

  it('goes on where it is behind or as far, on the same chain', async () => {
    const world = await createWorld()
    const applied = await seen(world)
    expect((await sync(world, { applied })).isSigned).toBe(true)
    await world.admin.rotateKey({})
    expect((await sync(world, { applied })).isSigned).toBe(true)
  })

  it.for([
    ['ahead of it', { position: 1 }],
    ['on another chain, at its place', { chain: 'c'.repeat(43) }],
    ['of a later time', { time: 3_600_000_000 }],
  ] as const)('%s stops all that is signed, until an operator has looked', async ([, change]) => {
    const world = await createWorld()
    const alarms: string[] = []
    Object.assign(world.deps, { alarm: (code: string) => alarms.push(code) })
    await world.admin.createClient({ id: 'a', scopes: ['read'] })
    await world.admin.issueTokens({ clientId: 'a' })
    const { position: at, chain, time } = await seen(world)
    const applied = {
      position: at + ('position' in change ? change.position : 0),
      chain: 'chain' in change ? change.chain : chain,
      time: time + ('time' in change ? change.time : 0),
    }
    const before = await stateOf(world)
    // The first comes alone; the others wait for it together, and share a transaction.
    const [first, told, other] = await Promise.allSettled([
      sync(world),
      sync(world, { incarnation: 'd'.repeat(22), applied }),
      sync(world, { incarnation: 'o'.repeat(22) }),
    ])
    expect(first.status).toBe('fulfilled')
    expect(told).toMatchObject({ reason: { code: 'feed-diverged' } })
    expect(other).toMatchObject({ reason: { code: 'authority-restored' } })
    const after = await stateOf(world)
    expect(after).toEqual({ ...before, timeMicros: before.timeMicros + 1 })
    expect(alarms).toEqual(['feed-diverged'])
    expect(await onRecord(world, 'd'.repeat(22))).toBeUndefined()
    expect((await refusalOf(sync(world))).code).toBe('authority-restored')
    expect((await refusalOf(world.admin.issueTokens({ clientId: 'a' }))).code).toBe(
      'authority-restored',
    )
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing' })
  })

  it('is on another chain also where the feed has gone on since', async () => {
    const world = await createWorld()
    const { position: at, time } = await seen(world)
    await world.admin.rotateKey({})
    const applied = { position: at, chain: 'c'.repeat(43), time }
    expect((await refusalOf(sync(world, { applied }))).code).toBe('feed-diverged')
  })

  it('is believed where its place is gone: then nothing can be said', async () => {
    const world = await createWorld()
    const { chain, time } = await seen(world)
    await world.admin.rotateKey({})
    await world.admin.rotateKey({})
    const { position: floor } = await stateOf(world)
    const step = { floor, endedBeforeSeconds: 0, limit: 100 }
    expect(await world.store.write((tx) => tx.compactFeed(step))).toBeGreaterThan(0)
    const applied = { position: position(1, 1), chain: chain.replace(/^./, 'A'), time }
    const { claims } = await sync(world, { applied })
    expect(claims.floor).toBe(floor)
    expect(claims.digest).toBe(await digestAt(world, claims))
  })
})
