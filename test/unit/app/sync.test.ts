import { describe, expect, it } from 'vitest'
import { HEAD_CHARACTERS_MAX, HEAD_TYPE, type HeadClaims } from '#domain/feed/head.ts'
import { parseToken } from '#domain/credential/token.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { instant } from '#kernel/instant.ts'
import { BEGINNING, createWorld, ISSUER, refusalOf, remote, type TestWorld } from '../world.ts'

const question = {
  nonce: 'n'.repeat(43),
  incarnation: 'i'.repeat(22),
  name: 'api-1',
  audiences: ['https://api.example.com'],
  mode: 'standard' as const,
}

interface Heard {
  readonly typ: unknown
  readonly kid: unknown
  readonly claims: HeadClaims
  readonly isSigned: boolean
}

async function sync(world: TestWorld, nonce: string = question.nonce): Promise<Heard> {
  const { head, feedKeys } = await world.admin.syncFeed({ ...question, nonce })
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

describe('a sync', () => {
  it('answers a head of the asker’s nonce, signed by the key for feeds', async () => {
    const world = await createWorld()
    const { typ, kid, claims, isSigned } = await sync(world)
    expect({ typ, isSigned }).toEqual({ typ: HEAD_TYPE, isSigned: true })
    const [feedKey] = (await world.admin.listKeys({ purpose: 'feed' })).items
    expect(feedKey).toMatchObject({ id: kid, state: 'active', algorithm: 'ES256' })
    const state = await stateOf(world)
    expect(claims).toMatchObject({
      iss: ISSUER,
      nonce: question.nonce,
      position: state.position,
      chain: encodeBase64url(state.chain),
      time: state.timeMicros,
      maxTtl: 3600,
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

  it('carries the keys that verify tokens, and no others', async () => {
    const world = await createWorld()
    const statesOf = async (): Promise<Record<string, string>> =>
      Object.fromEntries((await sync(world)).claims.keys.map(({ id, state }) => [id, state]))
    const { keyId: first } = await world.admin.showAuthority({})
    expect(await statesOf()).toEqual({ [first]: 'active' })
    const { key } = await world.admin.rotateKey({})
    expect(await statesOf()).toEqual({ [first]: 'retiring', [key.id]: 'active' })
    await world.admin.revoke({ selector: { keys: [first] }, reason: 'compromise' })
    expect(await statesOf()).toEqual({ [key.id]: 'active' })
  })

  it('sees what was published before it', async () => {
    const world = await createWorld()
    const before = (await sync(world)).claims.position
    await world.admin.rotateKey({})
    expect((await sync(world)).claims.position).toBe(before + 2)
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
    const world = await createWorld()
    const [feedKey] = await world.store.read(
      async (tx) => (await tx.listKeys({ purpose: 'feed' }, { limit: 1 })).items,
    )
    if (feedKey === undefined) throw new Error('there is no key for feeds')
    await world.store.write((tx) => tx.updateKey({ ...feedKey, state: 'retired' }))
    const { kid, isSigned, claims } = await sync(world)
    expect(kid).not.toBe(feedKey.id)
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
    const answer = await world.call('syncFeed', { body: { ...question, ...wrong } })
    expect(answer).toMatchObject({ ok: false, problem: { code: 'request-invalid' } })
  })

  it('needs the scope to read the authority', async () => {
    const world = await createWorld()
    const stranger = world.as(remote(['admin:keys:read']))
    expect((await refusalOf(stranger.syncFeed(question))).code).toBe('scope-insufficient')
    const reader = world.as(remote(['admin:authority:read']))
    expect((await reader.syncFeed(question)).head.split('.')).toHaveLength(3)
  })
})
