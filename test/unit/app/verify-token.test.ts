import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { encodeBase64url } from '#kernel/base64url.ts'
import { createWorld, type TestWorld } from '../world.ts'
import { altered, opened, resigned } from './forge.ts'

const AUDIENCE = 'https://api.example'

async function withToken(): Promise<{ world: TestWorld; token: string; id: string }> {
  const world = await createWorld()
  await world.admin.createClient({
    id: 'bot',
    scopes: ['deploy:prod', 'read'],
    audiences: [AUDIENCE, 'https://b.example'],
  })
  const { items } = await world.admin.issueTokens({ clientId: 'bot', ttlSeconds: 60 })
  return { world, token: items[0]?.token ?? '', id: items[0]?.credential.id ?? '' }
}

describe('verifying accepts', () => {
  it('a live token, and says which checks were made', async () => {
    const { world, token, id } = await withToken()
    expect(await world.admin.verifyToken({ token, audience: AUDIENCE, scopes: ['read'] })).toEqual({
      verdict: 'accepted',
      claims: opened(token).claims,
      audienceChecked: true,
      revocationChecked: true,
    })
    const unchecked = await world.admin.verifyToken({ token: ` ${token}\n` })
    expect(unchecked).toMatchObject({ verdict: 'accepted', audienceChecked: false })
    expect(unchecked.claims?.['jti']).toBe(id)
  })

  it('one of several audiences', async () => {
    const { world } = await withToken()
    const { items } = await world.admin.issueTokens({
      clientId: 'bot',
      audience: ['https://b.example', AUDIENCE],
    })
    const token = items[0]?.token ?? ''
    for (const audience of [AUDIENCE, 'https://b.example']) {
      expect((await world.admin.verifyToken({ token, audience })).verdict).toBe('accepted')
    }
    expect((await world.admin.verifyToken({ token, audience: 'https://c.example' })).verdict).toBe(
      'invalid',
    )
  })

  it('until the second in which it expires, and no longer', async () => {
    const { world, token } = await withToken()
    world.clock.advance(59_999)
    expect((await world.admin.verifyToken({ token })).verdict).toBe('accepted')
    world.clock.advance(1)
    expect((await world.admin.verifyToken({ token })).verdict).toBe('expired')
  })

  it('a retiring key’s token', async () => {
    const { world, token } = await withToken()
    await world.admin.rotateKey({})
    expect((await world.admin.verifyToken({ token })).verdict).toBe('accepted')
  })
})

describe('verifying a forgery says invalid, and tells nothing of it', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const own = (token: string, header: object = {}): string => {
    const [, payload] = token.split('.')
    const head = { ...opened(token).header, ...header }
    const input = `${encodeBase64url(Buffer.from(JSON.stringify(head)))}.${payload}`
    const mark = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${input}.${encodeBase64url(mark)}`
  }
  const flipped = (token: string): string => {
    const [head, payload, mark = ''] = token.split('.')
    return `${head}.${payload}.${mark.startsWith('A') ? 'B' : 'A'}${mark.slice(1)}`
  }
  /** The last character of 64 bytes carries four bits that mean nothing, and must be zero. */
  const respelt = (token: string): string => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const value = alphabet.indexOf(token.at(-1) ?? '')
    return token.slice(0, -1) + alphabet.charAt(value ^ 1)
  }
  const hmac = (token: string): string => {
    const [, payload] = token.split('.')
    const head = encodeBase64url(
      Buffer.from(JSON.stringify({ ...opened(token).header, alg: 'HS256' })),
    )
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    return `${head}.${payload}.${createHmac('sha256', pem).update(`${head}.${payload}`).digest('base64url')}`
  }
  it.each<[string, (token: string) => string]>([
    ['nothing', () => ''],
    ['words', () => 'not a token'],
    ['two parts', (token) => token.split('.').slice(0, 2).join('.')],
    ['four parts', (token) => `${token}.x`],
    ['no signature', (token) => `${token.split('.').slice(0, 2).join('.')}.`],
    ['another signature', flipped],
    ['a signature spelt otherwise', respelt],
    ['padding', (token) => `${token}==`],
    ['plain base64', (token) => `${token.slice(0, -1)}+`],
    ['another subject', (token) => altered(token, { claims: { sub: 'root' } })],
    ['a later expiry', (token) => altered(token, { claims: { exp: 4_000_000_000 } })],
    ['alg none', (token) => altered(token, { header: { alg: 'none' } })],
    [
      'alg none, unsigned',
      (token) =>
        `${altered(token, { header: { alg: 'none' } })
          .split('.')
          .slice(0, 2)
          .join('.')}.`,
    ],
    ['alg HS256 with the public key', hmac],
    ['a key of its own', (token) => own(token)],
    ['a key that nobody knows', (token) => own(token, { kid: 'key_unknown' })],
    ['no kid', (token) => own(token, { kid: undefined })],
    ['kid of another type', (token) => own(token, { kid: ['a'] })],
    [
      'a key of its own in the header',
      (token) => own(token, { jwk: publicKey.export({ format: 'jwk' }) }),
    ],
    ['a key elsewhere', (token) => own(token, { jku: 'https://evil.example/keys' })],
    ['too long', (token) => `${token}${'A'.repeat(20_000)}`],
  ])('%s', async (_, forge) => {
    const { world, token } = await withToken()
    const decision = await world.admin.verifyToken({ token: forge(token) })
    expect(decision.verdict).toBe('invalid')
    expect(decision.detail).toBeTypeOf('string')
    expect(decision).not.toHaveProperty('claims')
    expect(world.faults).toEqual([])
  })
})

describe('verifying what our own key signed, and we never would', () => {
  const FAR = 2 ** 33 + 5
  it.each<[string, { header?: object; claims?: object }, string]>([
    ['typ JWT', { header: { typ: 'JWT' } }, 'type'],
    ['no typ', { header: { typ: undefined } }, 'type'],
    ['a feed head', { header: { typ: 'feed-head+jwt' } }, 'type'],
    ['crit', { header: { crit: ['exp'] } }, 'crit'],
    ['alg none', { header: { alg: 'none' } }, 'algorithm'],
    ['alg HS256', { header: { alg: 'HS256' } }, 'algorithm'],
    ['another issuer', { claims: { iss: 'https://other.example' } }, 'not issued by'],
    ['no jti', { claims: { jti: undefined } }, 'jti'],
    ['no sub', { claims: { sub: undefined } }, 'sub'],
    ['no client_id', { claims: { client_id: undefined } }, 'client_id'],
    ['no sid', { claims: { sid: undefined } }, 'sid'],
    ['scope as a list', { claims: { scope: ['read'] } }, 'scope'],
    ['no exp', { claims: { exp: undefined } }, 'exp'],
    ['exp as text', { claims: { exp: '1' } }, 'exp'],
    ['no iat', { claims: { iat: undefined } }, 'iat'],
    ['no root_iat', { claims: { root_iat: undefined } }, 'root_iat'],
    ['no feed_seq', { claims: { feed_seq: undefined } }, 'feed_seq'],
    ['feed_seq 0', { claims: { feed_seq: 0 } }, 'feed_seq'],
    ['feed_seq as text', { claims: { feed_seq: '4294967297' } }, 'feed_seq'],
    ['no root_seq', { claims: { root_seq: undefined } }, 'root_seq'],
    ['feed_seq above the feed', { claims: { feed_seq: FAR } }, 'not reached'],
    ['root_seq above feed_seq', { claims: { root_seq: FAR } }, 'older than the sign-in'],
    ['a year of life', { claims: { exp: 1_800_000_000 } }, 'longer'],
  ])('%s is invalid', async (_, change, why) => {
    const { world, token } = await withToken()
    const forged = await resigned(world, token, change as Parameters<typeof resigned>[2])
    const decision = await world.admin.verifyToken({ token: forged })
    expect(decision).toMatchObject({ verdict: 'invalid', detail: expect.stringContaining(why) })
    expect(world.faults).toEqual([])
  })

  it('takes the long form of the type (RFC 9068 §4)', async () => {
    const { world, token } = await withToken()
    const long = await resigned(world, token, { header: { typ: 'application/at+jwt' } })
    expect((await world.admin.verifyToken({ token: long })).verdict).toBe('accepted')
  })

  it('knows the future by more than the leeway', async () => {
    const { world, token } = await withToken()
    const now = Number(opened(token).claims['iat'])
    const ahead = (seconds: number): Promise<string> =>
      resigned(world, token, { claims: { iat: now + seconds, exp: now + 60 } })
    expect((await world.admin.verifyToken({ token: await ahead(2) })).verdict).toBe('accepted')
    expect((await world.admin.verifyToken({ token: await ahead(3) })).verdict).toBe('not-yet-valid')
  })
})

describe('verifying says why not', () => {
  it('revoked, with reason, message and revocation, also after expiry', async () => {
    const { world, token } = await withToken()
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['bot'] },
      reason: 'privilege-withdrawn',
      message: 'Ask the platform team.',
    })
    const revoked = {
      verdict: 'revoked',
      reason: 'privilege-withdrawn',
      message: 'Ask the platform team.',
      revocationId: revocation?.id,
    }
    expect(await world.admin.verifyToken({ token })).toMatchObject(revoked)
    world.clock.advance(3_600_000)
    expect(await world.admin.verifyToken({ token })).toMatchObject(revoked)
  })

  it('grace: accepted, counting down, then revoked', async () => {
    const { world, token } = await withToken()
    await world.admin.revoke({
      selector: { clients: ['bot'] },
      reason: 'superseded',
      graceSeconds: 20,
    })
    world.clock.advance(5_000)
    expect(await world.admin.verifyToken({ token })).toMatchObject({
      verdict: 'accepted',
      reason: 'superseded',
      graceSeconds: 15,
    })
    world.clock.advance(14_999)
    expect((await world.admin.verifyToken({ token })).verdict).toBe('accepted')
    world.clock.advance(1)
    expect((await world.admin.verifyToken({ token })).verdict).toBe('revoked')
  })

  it('wrong audience and missing scope, of a token that is good otherwise', async () => {
    const { world, token } = await withToken()
    const elsewhere = await world.admin.verifyToken({ token, audience: 'https://c.example' })
    expect(elsewhere).toMatchObject({ verdict: 'invalid', audienceChecked: true })
    const scopes = await world.admin.verifyToken({ token, scopes: ['read', 'write'] })
    expect(scopes).toMatchObject({
      verdict: 'insufficient-scope',
      detail: 'it does not carry scope write',
    })
  })

  it('another issuer: by its own keys, and without revocation', async () => {
    const asked: string[] = []
    const world = await createWorld({
      foreignIssuers: {
        verify: async (issuer) => {
          asked.push(issuer)
          return { verdict: 'accepted', claims: { iss: issuer, aud: 'https://b.example' } }
        },
      },
    })
    const token = 'e30.e30.e30'
    const issuer = 'https://other.example'
    expect(await world.admin.verifyToken({ token, issuer })).toMatchObject({
      verdict: 'accepted',
      revocationChecked: false,
      audienceChecked: false,
    })
    expect(await world.admin.verifyToken({ token, issuer, audience: AUDIENCE })).toMatchObject({
      verdict: 'invalid',
      audienceChecked: true,
    })
    expect(asked).toEqual([issuer, issuer])
  })
})
