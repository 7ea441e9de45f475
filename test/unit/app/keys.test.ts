import { describe, expect, it } from 'vitest'
import { jwks } from '#app/keys.ts'
import { thumbprint } from '#domain/client/thumbprint.ts'
import { parseToken } from '#domain/credential/token.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { createWorld, ISSUER, refusalOf, type TestWorld } from '../world.ts'

async function withToken(): Promise<{ world: TestWorld; token: string; keyId: string }> {
  const world = await createWorld()
  await world.admin.createClient({ id: 'a', scopes: ['read'] })
  const { items } = await world.admin.issueTokens({ clientId: 'a', ttlSeconds: 3600 })
  const { keyId } = await world.admin.showAuthority({})
  return { world, token: items[0]?.token ?? '', keyId }
}

/** The keys of tokens in the key set; behind them stand those of status lists. */
const published = async ({ admin, deps }: TestWorld): Promise<(string | undefined)[]> => {
  const others = (await admin.listKeys({ purpose: 'status' })).items.map(({ id }) => id)
  const kids = (await jwks(deps)).keys.map(({ kid }) => kid)
  expect(kids.slice(-others.length)).toEqual(others)
  return kids.slice(0, -others.length)
}
const statesOf = async ({ admin }: TestWorld): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await admin.listKeys({ purpose: 'token' })).items.map(({ id, state }) => [id, state]),
  )
/** Something that settles what is due, and changes nothing besides. */
const settle = async ({ admin }: TestWorld): Promise<unknown> =>
  admin.issueTokens({ clientId: 'a', ttlSeconds: 1 })

const HOUR = 3600_000
/** Longest life, a minute for a mint under way, and the leeway. */
const RETIREMENT = HOUR + 60_000 + 2_000

describe('rotation', () => {
  it('signs with the new key and publishes the old one as long as a token needs it', async () => {
    const { world, token, keyId } = await withToken()
    expect(await published(world)).toEqual([keyId])
    const { key, previous } = await world.admin.rotateKey({})
    expect(key).toMatchObject({ state: 'active', liveCredentials: 0 })
    expect(previous).toMatchObject({ id: keyId, state: 'retiring', liveCredentials: 1 })
    expect(await published(world)).toEqual([key.id, keyId])
    const [fresh] = (await world.admin.issueTokens({ clientId: 'a' })).items
    expect(fresh?.credential.keyId).toBe(key.id)

    world.clock.advance(HOUR - 1)
    expect((await world.admin.verifyToken({ token })).verdict).toBe('accepted')
    world.clock.advance(RETIREMENT - HOUR)
    await settle(world)
    expect(await published(world)).toEqual([key.id, keyId])
    world.clock.advance(1)
    expect(await published(world)).toEqual([key.id])
    expect(await statesOf(world)).toEqual({ [keyId]: 'retiring', [key.id]: 'active' })
    await settle(world)
    expect(await statesOf(world)).toEqual({ [keyId]: 'retired', [key.id]: 'active' })
  })

  it('publishes public members only', async () => {
    const { world, keyId } = await withToken()
    const { keys } = await jwks(world.deps)
    const status = await world.admin.listKeys({ purpose: 'status' })
    expect(keys.slice(1)).toEqual(status.items.map(({ publicJwk }) => publicJwk))
    expect(keys.slice(0, 1)).toEqual([
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.stringMatching(/^[\w-]{43}$/),
        y: expect.stringMatching(/^[\w-]{43}$/),
        alg: 'ES256',
        use: 'sig',
        kid: keyId,
      },
    ])
  })

  it('of a purpose that has no keys yet is refused', async () => {
    const { world } = await withToken()
    const refusal = await refusalOf(world.admin.rotateKey({ purpose: 'audit' }))
    expect(refusal.code).toBe('request-invalid')
  })

  it('many times keeps one key active and every token alive', async () => {
    const { world, token } = await withToken()
    const tokens = [token]
    for (let i = 0; i < 4; i++) {
      await world.admin.rotateKey({})
      tokens.push((await world.admin.issueTokens({ clientId: 'a' })).items[0]?.token ?? '')
    }
    const states = Object.values(await statesOf(world))
    expect(states.filter((state) => state === 'active')).toHaveLength(1)
    expect(await published(world)).toHaveLength(5)
    for (const one of tokens) {
      expect((await world.admin.verifyToken({ token: one })).verdict).toBe('accepted')
    }
  })
})

describe('the key of the feed', () => {
  const feedKeys = async ({ admin }: TestWorld) =>
    (await admin.listKeys({ purpose: 'feed' })).items.map(
      ({ id, state }): readonly [string, string] => [id, state],
    )
  const firstOf = async (world: TestWorld) => (await feedKeys(world))[0] ?? ['', '']
  const recordsAfter = async ({ store }: TestWorld, position: number) =>
    (await store.read((tx) => tx.feedEntries(position, 99))).map(({ bytes }) => {
      const record = readRecord(new TextDecoder().decode(bytes))
      return typeof record !== 'string' && record.op === 'key' ? record : undefined
    })
  const jwkOf = async ({ store }: TestWorld, id: string) =>
    (await store.read((tx) => tx.findKey(id)))?.publicJwk ?? {}

  it('is succeeded by one that it names itself, from key to key', async () => {
    const { world } = await withToken()
    let [previousId] = await firstOf(world)
    for (let i = 0; i < 2; i++) {
      const { position } = await world.admin.showAuthority({})
      const { key, previous } = await world.admin.rotateKey({ purpose: 'feed' })
      expect(previous).toMatchObject({ id: previousId, state: 'retiring', purpose: 'feed' })
      expect(key).toMatchObject({ state: 'active', purpose: 'feed' })
      const records = await recordsAfter(world, position)
      expect(records).toMatchObject([
        { id: previousId, state: 'retiring' },
        { id: key.id, state: 'active', purpose: 'feed' },
      ])
      expect(records[0]?.endorsement).toBeUndefined()
      const endorsement = parseToken(records[1]?.endorsement ?? '')
      if (typeof endorsement === 'string') throw new Error(endorsement)
      const { header, claims, signed, signature } = endorsement
      expect(header).toEqual({ typ: 'feed-key+jwt', alg: 'ES256', kid: previousId })
      const jwk = await jwkOf(world, key.id)
      expect(claims).toEqual({ iss: ISSUER, kid: key.id, jkt: thumbprint(jwk) })
      const { signer } = world.deps
      expect(signer.verify(await jwkOf(world, previousId), signed, signature)).toBe(true)
      previousId = key.id
    }
    const states = (await feedKeys(world)).map(([, state]) => state)
    expect(states).toEqual(['active', 'retiring', 'retiring'])
    expect(await published(world)).toHaveLength(1)
  })

  it('vouches for no token key, and a token key for nobody', async () => {
    const { world } = await withToken()
    const { position } = await world.admin.showAuthority({})
    await world.admin.rotateKey({})
    const records = await recordsAfter(world, position)
    expect(records.map((one) => one?.endorsement)).toEqual([undefined, undefined])
  })

  it('that is revoked is replaced at once, and its word is not asked for', async () => {
    const { world } = await withToken()
    const [id] = await firstOf(world)
    const { position } = await world.admin.showAuthority({})
    const { revocation } = await world.admin.revoke({
      selector: { keys: [id] },
      reason: 'compromise',
    })
    expect(revocation).toMatchObject({ final: true })
    const records = await recordsAfter(world, position)
    expect(records).toMatchObject([
      undefined,
      { id, state: 'revoked' },
      { purpose: 'feed', state: 'active' },
    ])
    expect(records[2]?.endorsement).toBeUndefined()
    expect((await feedKeys(world)).map(([, state]) => state)).toEqual(['active', 'revoked'])
  })
})

describe('revoking a key', () => {
  it('puts another in its place at once and refuses whatever it signed', async () => {
    const { world, token, keyId } = await withToken()
    const { revocation, items } = await world.admin.revoke({
      selector: { keys: [keyId] },
      reason: 'compromise',
    })
    expect(revocation).toMatchObject({ final: true, cut: null, blocks: false })
    expect(items).toEqual([{ target: `key:${keyId}`, result: 'revoked' }])
    const decision = await world.admin.verifyToken({ token })
    expect(decision.verdict).not.toBe('accepted')
    const [fresh] = (await world.admin.issueTokens({ clientId: 'a' })).items
    expect((await world.admin.verifyToken({ token: fresh?.token ?? '' })).verdict).toBe('accepted')
    expect(fresh?.credential.keyId).not.toBe(keyId)
    expect(await published(world)).toEqual([fresh?.credential.keyId])
    expect((await world.admin.showKey({ id: keyId })).state).toBe('revoked')
  })

  it('that no live token needs is recorded all the same: its thief can make some', async () => {
    const { world, keyId } = await withToken()
    await world.admin.rotateKey({})
    world.clock.advance(2 * HOUR)
    await settle(world)
    expect((await world.admin.showKey({ id: keyId })).state).toBe('retired')
    const { revocation } = await world.admin.revoke({
      selector: { keys: [keyId] },
      reason: 'compromise',
    })
    expect(revocation?.matched.credentials).toBe(0)
    expect((await world.admin.showKey({ id: keyId })).state).toBe('revoked')
  })

  it('twice names the revocation that did it', async () => {
    const { world, keyId } = await withToken()
    const request = { selector: { keys: [keyId] }, reason: 'compromise' as const }
    const first = await world.admin.revoke(request)
    const again = await world.admin.revoke(request)
    expect(again.items[0]?.result).toBe('already-revoked')
    expect(again.revocation?.id).toBe(first.revocation?.id)
    world.clock.advance(2 * HOUR)
    await world.admin.issueTokens({ clientId: 'a' })
    const late = await world.admin.revoke(request)
    expect(late.items[0]?.result).toBe('already-revoked')
    expect(late.revocation?.id).toBe(first.revocation?.id)
    expect((await world.admin.listRevocations({})).items).toHaveLength(1)
  })

  it('shows and lists keys, and knows no others', async () => {
    const { world, keyId } = await withToken()
    const idsOf = async (filter: Parameters<typeof world.admin.listKeys>[0]): Promise<string[]> =>
      (await world.admin.listKeys({ purpose: 'token', ...filter })).items.map(({ id }) => id)
    expect(await idsOf({ state: 'active' })).toEqual([keyId])
    expect(await idsOf({ state: 'retired' })).toEqual([])
    expect(await idsOf({ purpose: 'audit' })).toEqual([])
    expect((await world.admin.showKey({ id: keyId })).liveCredentials).toBe(1)
    expect((await refusalOf(world.admin.showKey({ id: 'key_x' }))).code).toBe('key-unknown')
  })
})
