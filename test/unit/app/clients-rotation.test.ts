import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '#domain/policy/policy.ts'
import { refusalOf, remote } from '../world.ts'
import {
  ASSERTION,
  assertion,
  CLIENT_CREDENTIALS,
  oauthWorld,
  type OauthWorld,
  type Signer,
  signer,
} from '../server/oauth/world.ts'

const bySecret = async ({ post }: OauthWorld, id: string, secret: string): Promise<number> => {
  const fields = { grant_type: CLIENT_CREDENTIALS, client_id: id, client_secret: secret }
  return (await post('token', fields)).status
}
const byKey = async (world: OauthWorld, id: string, key: Signer): Promise<number> => {
  const fields = { grant_type: CLIENT_CREDENTIALS, ...ASSERTION }
  const client_assertion = assertion(world, id, key)
  return (await world.post('token', { ...fields, client_assertion })).status
}

describe('a secret', () => {
  it('takes the place of the one before at once', async () => {
    const world = await oauthWorld()
    const old = await world.withSecret('a')
    const rotated = await world.admin.rotateClientSecret({ id: 'a' })
    expect(rotated.clientSecret).toMatch(/^credctl_cs_[\w-]{43}$/)
    expect(rotated.clientSecret).not.toBe(old)
    expect(rotated.previousExpireAt).toBe('2026-11-23T19:08:00.000Z')
    expect(await bySecret(world, 'a', old)).toBe(401)
    expect(await bySecret(world, 'a', rotated.clientSecret)).toBe(200)
    expect(await world.store.read((tx) => tx.clientSecrets('a'))).toHaveLength(1)
  })

  it('overlaps with the one before for as long as is asked, and not an instant longer', async () => {
    const world = await oauthWorld()
    const old = await world.withSecret('a')
    const { clientSecret, previousExpireAt } = await world.admin.rotateClientSecret({
      id: 'a',
      overlapSeconds: 3600,
    })
    expect(previousExpireAt).toBe('2026-11-23T20:08:00.000Z')
    world.clock.advance(3600_000 - 1)
    expect([await bySecret(world, 'a', old), await bySecret(world, 'a', clientSecret)]).toEqual([
      200, 200,
    ])
    world.clock.advance(1)
    expect([await bySecret(world, 'a', old), await bySecret(world, 'a', clientSecret)]).toEqual([
      401, 200,
    ])
  })

  it('never gets longer to live by another rotation', async () => {
    const world = await oauthWorld()
    const first = await world.withSecret('a')
    await world.admin.rotateClientSecret({ id: 'a', overlapSeconds: 60 })
    await world.admin.rotateClientSecret({ id: 'a', overlapSeconds: 3600 })
    world.clock.advance(60_000)
    expect(await bySecret(world, 'a', first)).toBe(401)
  })

  it('ends at once where a later rotation has no overlap', async () => {
    const world = await oauthWorld()
    const first = await world.withSecret('a')
    const second = await world.admin.rotateClientSecret({ id: 'a', overlapSeconds: 60 })
    await world.admin.rotateClientSecret({ id: 'a' })
    expect(await bySecret(world, 'a', first)).toBe(401)
    expect(await bySecret(world, 'a', second.clientSecret)).toBe(401)
  })

  it('overlaps for no longer than policy allows', async () => {
    const world = await oauthWorld()
    await world.withSecret('a')
    const secondsMax = defaultPolicy.clientAuthentication.secretOverlapSecondsMax
    await world.admin.rotateClientSecret({ id: 'a', overlapSeconds: secondsMax })
    const work = world.admin.rotateClientSecret({ id: 'a', overlapSeconds: secondsMax + 1 })
    expect((await refusalOf(work)).code).toBe('policy-denied')
  })

  it('can be the first of a client that had none', async () => {
    const world = await oauthWorld()
    await world.admin.createClient({ id: 'a', scopes: ['read'] })
    const { client, clientSecret, previousExpireAt } = await world.admin.rotateClientSecret({
      id: 'a',
    })
    expect(client.authMethods).toEqual(['secret'])
    expect(previousExpireAt).toBeUndefined()
    expect(await bySecret(world, 'a', clientSecret)).toBe(200)
  })

  it('takes the place of an imported one too', async () => {
    const world = await oauthWorld()
    const imported = 'correct horse battery'
    await world.withSecret('a', { secret: imported })
    expect(await bySecret(world, 'a', imported)).toBe(200)
    const { clientSecret } = await world.admin.rotateClientSecret({ id: 'a' })
    expect(await bySecret(world, 'a', imported)).toBe(401)
    expect(await bySecret(world, 'a', clientSecret)).toBe(200)
  })

  it('is told again under its idempotency key, and made anew under none', async () => {
    const world = await oauthWorld()
    await world.withSecret('a')
    const rotate = (idempotencyKey: string) =>
      world.call('rotateClientSecret', { params: { id: 'a' }, idempotencyKey })
    const [one, again, other] = [await rotate('k1'), await rotate('k1'), await rotate('k2')]
    expect(again).toEqual(one)
    expect(other).not.toEqual(one)
    const reply = await world.store.read((tx) => tx.findReply('local:tester', 'k1'))
    expect(JSON.stringify(reply)).not.toContain('credctl_cs_')
  })
})

describe('keys of a client', () => {
  it('are several: the new one is good beside the old one, until that is removed', async () => {
    const world = await oauthWorld()
    const [old, young] = [signer('ES256'), signer('RS256')]
    await world.admin.createClient({
      id: 'a',
      scopes: ['read'],
      auth: 'private-key-jwt',
      keys: [{ ...old.jwk }],
    })
    expect(await byKey(world, 'a', young)).toBe(401)
    const { client, added } = await world.admin.addClientKeys({ id: 'a', keys: [{ ...young.jwk }] })
    expect(client.keys.map(({ id }) => id)).toContain(added[0])
    expect([await byKey(world, 'a', old), await byKey(world, 'a', young)]).toEqual([200, 200])
    const keyId = client.keys.find(({ id }) => id !== added[0])?.id ?? ''
    await world.admin.removeClientKey({ id: 'a', keyId })
    expect([await byKey(world, 'a', old), await byKey(world, 'a', young)]).toEqual([401, 200])
  })

  it('are added once, however often', async () => {
    const world = await oauthWorld()
    await world.withSecret('a')
    const { jwk } = signer()
    const first = await world.admin.addClientKeys({ id: 'a', keys: [{ ...jwk }] })
    expect(first.client.authMethods).toEqual(['secret', 'private-key-jwt'])
    const second = await world.admin.addClientKeys({ id: 'a', keys: [{ ...jwk, kid: 'other' }] })
    expect(second).toEqual({ client: first.client, added: [] })
  })

  it('are eight at most', async () => {
    const world = await oauthWorld()
    await world.withSecret('a')
    const keys = Array.from({ length: 9 }, () => ({ ...signer('Ed25519').jwk }))
    await world.admin.addClientKeys({ id: 'a', keys: keys.slice(0, 8) })
    const work = world.admin.addClientKeys({ id: 'a', keys: keys.slice(8) })
    expect((await refusalOf(work)).code).toBe('request-invalid')
  })

  it.for([
    ['of a curve that is not taken', { kty: 'EC', crv: 'P-384', x: 'AA', y: 'AA' }],
    ['for encryption', { ...signer().jwk, use: 'enc' }],
    ['for what is not verifying', { ...signer().jwk, key_ops: ['sign'] }],
    ['of another algorithm', { ...signer().jwk, alg: 'ES512' }],
    ['that is short', { kty: 'RSA', e: 'AQAB', n: 'x'.repeat(171) }],
    ['that is private', { ...signer().jwk, d: 'AA' }],
    ['that is symmetric', { kty: 'oct', k: 'AA' }],
  ] as const)('are not taken %s', async ([, jwk]) => {
    const world = await oauthWorld()
    await world.withSecret('a')
    const work = world.admin.addClientKeys({ id: 'a', keys: [{ ...jwk }] })
    expect((await refusalOf(work)).code).toBe('request-invalid')
    expect((await world.admin.showClient({ id: 'a' })).keys).toEqual([])
  })

  it('are not removed where nothing would be left to prove itself by', async () => {
    const world = await oauthWorld()
    const { jwk } = signer()
    const auth = 'private-key-jwt' as const
    const made = await world.admin.createClient({
      id: 'a',
      scopes: ['a'],
      auth,
      keys: [{ ...jwk }],
    })
    const keyId = made.client.keys[0]?.id ?? ''
    const work = world.admin.removeClientKey({ id: 'a', keyId })
    expect((await refusalOf(work)).code).toBe('request-invalid')
    await world.admin.rotateClientSecret({ id: 'a' })
    const { client } = await world.admin.removeClientKey({ id: 'a', keyId })
    expect(client).toMatchObject({ keys: [], authMethods: ['secret'] })
  })

  it('that are unknown are not found', async () => {
    const world = await oauthWorld()
    await world.withSecret('a')
    const work = world.admin.removeClientKey({ id: 'a', keyId: 'none' })
    expect((await refusalOf(work)).code).toBe('key-unknown')
    const nobody = world.admin.removeClientKey({ id: 'b', keyId: 'none' })
    expect((await refusalOf(nobody)).code).toBe('client-unknown')
  })
})

describe('whoever could become a client by a key or secret of his', () => {
  const ops = remote(['admin:clients:write'])

  it('needs what it may do to the authority', async () => {
    const world = await oauthWorld()
    await world.withSecret('root', { scopes: ['admin:keys:write'] })
    const { as } = world
    const { jwk } = signer()
    const secret = as(ops).rotateClientSecret({ id: 'root' })
    expect((await refusalOf(secret)).code).toBe('policy-denied')
    const key = as(ops).addClientKeys({ id: 'root', keys: [{ ...jwk }] })
    expect((await refusalOf(key)).code).toBe('policy-denied')
    const both = remote(['admin:clients:write', 'admin:keys:write'])
    await as(both).rotateClientSecret({ id: 'root' })
  })

  it('leaves the emergency client to the machine itself', async () => {
    const world = await oauthWorld()
    const { jwk } = signer()
    await world.withSecret('break-glass')
    const { client } = await world.admin.addClientKeys({ id: 'break-glass', keys: [{ ...jwk }] })
    const keyId = client.keys[0]?.id ?? ''
    const admin = world.as(ops)
    for (const work of [
      admin.rotateClientSecret({ id: 'break-glass' }),
      admin.addClientKeys({ id: 'break-glass', keys: [{ ...signer().jwk }] }),
      admin.removeClientKey({ id: 'break-glass', keyId }),
    ]) {
      expect((await refusalOf(work)).code).toBe('policy-denied')
    }
  })

  it('is told a secret again only while he could have it made', async () => {
    const world = await oauthWorld()
    await world.withSecret('root', { scopes: ['admin:keys:write'] })
    const rotate = (scopes: string[]) =>
      world.call(
        'rotateClientSecret',
        { params: { id: 'root' }, idempotencyKey: 'k' },
        remote(scopes),
      )
    expect(await rotate(['admin:clients:write', 'admin:keys:write'])).toMatchObject({ ok: true })
    expect(await rotate(['admin:clients:write'])).toMatchObject({
      ok: false,
      problem: { code: 'policy-denied' },
    })
  })
})
