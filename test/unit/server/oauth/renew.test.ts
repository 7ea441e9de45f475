import { describe, expect, it } from 'vitest'
import { opened, resigned } from '../../app/forge.ts'
import { defaultPolicy, renewalSecondsMax } from '#domain/policy/policy.ts'
import { ISSUER } from '../../world.ts'
import { API, basic, CLIENT_CREDENTIALS, oauthWorld, type OauthWorld } from './world.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const REFUSED = {
  status: 400,
  headers: {},
  body: {
    error: 'invalid_request',
    error_description: 'the subject token is not one that can be exchanged',
  },
}
const DAY_SECONDS = 86_400

type Fields = Readonly<Record<string, string>> | readonly (readonly [string, string])[]

async function stage() {
  const world = await oauthWorld()
  // A job's client, that has no credentials, and one that has.
  await world.admin.createClient({
    id: 'job',
    scopes: ['read', 'deploy:prod'],
    audiences: [API, 'b'],
  })
  const secret = await world.withSecret('api')
  const issue = async (more: object = {}): Promise<string> => {
    const { items } = await world.admin.issueTokens({ clientId: 'job', ...more })
    return items[0]?.token ?? ''
  }
  const renew = (token: string, more: Fields = {}, headers = {}) =>
    world.post(
      'token',
      [
        ['grant_type', EXCHANGE],
        ['subject_token', token],
        ['subject_token_type', ACCESS_TOKEN],
        ...(Array.isArray(more) ? more : Object.entries(more)),
      ],
      { headers },
    )
  const renewed = async (token: string, more: Fields = {}, headers = {}): Promise<string> => {
    const { status, body } = await renew(token, more, headers)
    expect([status, body.error]).toEqual([200, undefined])
    return String(body.access_token)
  }
  return { world, issue, renew, renewed, secret, asApi: basic('api', secret) }
}

const claims = (token: string): Readonly<Record<string, unknown>> => opened(token).claims
const idOf = (token: string): string => String(claims(token)['jti'])
const verdictOf = async ({ admin }: OauthWorld, token: string): Promise<string> =>
  (await admin.verifyToken({ token })).verdict

describe('a live token is exchanged for another', () => {
  it('as RFC 8693 §2.2.1 says, which derives from it', async () => {
    const { world, issue, renew } = await stage()
    const first = await issue({ subject: 'run-7', tags: { run: '7' }, audience: ['b', API] })
    await world.admin.rotateKey({})
    world.clock.advance(300_000)
    const { position } = await world.admin.showAuthority({})
    const { status, body } = await renew(first)
    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 600,
      scope: 'read deploy:prod',
      issued_token_type: ACCESS_TOKEN,
    })
    const before = claims(first)
    expect(claims(body.access_token)).toEqual({
      ...before,
      jti: expect.stringMatching(/^cred_/),
      iat: Number(before['iat']) + 300,
      exp: Number(before['iat']) + 900,
      feed_seq: position,
      root_seq: before['root_seq'],
      root_iat: before['root_iat'],
      sid: before['jti'],
      status: { status_list: { idx: expect.any(Number), uri: expect.any(String) } },
    })
    expect(claims(body.access_token)['status']).not.toEqual(before['status'])
    expect(position).toBeGreaterThan(Number(before['root_seq']))
    expect(await world.admin.showCredential({ id: idOf(body.access_token) })).toMatchObject({
      parentId: idOf(first),
      sessionId: idOf(first),
      subject: 'run-7',
      tags: { run: '7' },
      createdBy: 'client:job',
      state: 'active',
    })
    expect(await verdictOf(world, body.access_token)).toBe('accepted')
    // The one before it lives as long as it would have.
    expect(await verdictOf(world, first)).toBe('accepted')
  })

  it('again and again, and all are of one session and one sign-in', async () => {
    const { world, issue, renewed } = await stage()
    const first = await issue()
    let token = first
    for (let turn = 0; turn < 5; turn++) {
      world.clock.advance(500_000)
      token = await renewed(token)
    }
    expect(claims(token)).toMatchObject({
      sid: idOf(first),
      root_seq: claims(first)['root_seq'],
      root_iat: claims(first)['root_iat'],
    })
    const { items } = await world.admin.listCredentials({ sessionId: idOf(first) })
    expect(items).toHaveLength(6)
    expect(items.map(({ parentId }) => parentId)).toEqual([
      ...items.slice(1).map(({ id }) => id),
      undefined,
    ])
  })

  it('on record, with what it derives from', async () => {
    const { world, issue, renewed } = await stage()
    const first = await issue()
    const second = await renewed(first, { expires_in: '86400' })
    const [entry] = await world.audit('credential.issue')
    expect(entry).toMatchObject({
      actor: 'client:job',
      target: `credential:${idOf(second)}`,
      outcome: 'ok',
      detail: {
        grantType: EXCHANGE,
        parentId: idOf(first),
        sessionId: idOf(first),
        ttlSeconds: 3600,
        clampedFromSeconds: 86_400,
      },
    })
  })

  it.for<[string, Fields, object]>([
    ['fewer scopes', { scope: 'read' }, { scope: 'read' }],
    [
      'a pattern, for what it matches of the token',
      { scope: 'deploy:*' },
      { scope: 'deploy:prod' },
    ],
    ['one of its servers', { audience: 'b' }, { aud: 'b' }],
    ['one of its servers, as a resource', { resource: API }, { aud: API }],
    ['a shorter life', { expires_in: '60' }, { exp: expect.any(Number) }],
    [
      'an access token by name',
      { requested_token_type: ACCESS_TOKEN },
      { scope: 'read deploy:prod' },
    ],
    ['its own client by name', { client_id: 'job' }, { client_id: 'job' }],
  ])('for %s', async ([, fields, expected]) => {
    const { issue, renewed } = await stage()
    const token = await renewed(await issue({ audience: [API, 'b'] }), fields)
    expect(claims(token)).toMatchObject(expected)
  })

  it('for what its client still may have, and no more', async () => {
    const { world, issue, renew, renewed } = await stage()
    const token = await issue({ audience: [API, 'b', ISSUER] })
    await world.store.write(async (tx) => {
      const client = await tx.findClient('job')
      if (client !== undefined)
        await tx.updateClient({ ...client, scopes: ['read'], audiences: ['b'] })
    })
    expect(claims(await renewed(token))).toMatchObject({ scope: 'read', aud: ['b', ISSUER] })
    expect((await renew(token, { scope: 'deploy:prod' })).body.error).toBe('invalid_scope')
    expect((await renew(token, { audience: API })).body.error).toBe('invalid_target')
  })

  it.for<[string, Fields, string]>([
    ['a scope that it does not carry', { scope: 'read write' }, 'invalid_scope'],
    ['a scope that only its client may have', { scope: 'deploy:prod' }, 'invalid_scope'],
    ['a server that it is not for', { audience: 'b' }, 'invalid_target'],
    ['this authority, which it is not for', { audience: ISSUER }, 'invalid_target'],
    [
      'an identity token',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
      'invalid_request',
    ],
    [
      'somebody acting for it',
      { actor_token: 'x', actor_token_type: ACCESS_TOKEN },
      'invalid_request',
    ],
  ])('but not for %s', async ([, fields, error]) => {
    const { world, issue, renew } = await stage()
    const token = await issue({ scopes: ['read'] })
    const { status, body } = await renew(token, fields)
    expect([status, body.error]).toEqual([400, error])
    expect((await world.admin.listCredentials({})).items).toHaveLength(1)
  })
})

describe('what is no live token of ours is not exchanged', () => {
  it.for<[string, (token: string) => string]>([
    ['nothing of ours', () => 'x'],
    ['what is changed', (token) => `${token.slice(0, -4)}AAAA`],
    ['a second spelling of one', (token) => `${token}=`],
    ['one with blanks around it', (token) => ` ${token}`],
  ])('%s', async ([, change]) => {
    const { issue, renew } = await stage()
    expect(await renew(change(await issue()))).toEqual(REFUSED)
  })

  it('none at all', async () => {
    const { renew } = await stage()
    const { status, body } = await renew('')
    expect([status, body.error]).toEqual([400, 'invalid_request'])
    expect(body.error_description).toBe('subject_token is missing')
  })

  it('an expired one, not even within the leeway of verifiers', async () => {
    const { world, issue, renew, renewed } = await stage()
    const token = await issue({ ttlSeconds: 60 })
    world.clock.advance(59_000)
    await renewed(token)
    world.clock.advance(1000)
    expect(await renew(token)).toEqual(REFUSED)
  })

  it.for<[string, object]>([
    ['a revoked one', { reason: 'compromise' }],
    ['one in its grace, though servers still take it', { reason: 'other', graceSeconds: 30 }],
    ['a suspended one', { reason: 'testing', expiresAt: '2026-11-23T19:10:00.000Z' }],
  ])('%s', async ([, terms]) => {
    const { world, issue, renew } = await stage()
    const token = await issue()
    const selector = { clients: ['job'] }
    const { revocation } = await world.admin.revoke({ selector, ...(terms as { reason: 'other' }) })
    expect(await renew(token)).toEqual(REFUSED)
    await world.admin.unblockRevocation({ id: revocation?.id ?? '' }).catch(() => undefined)
    expect(await renew(token)).toEqual(REFUSED)
    await world.admin.liftRevocation({ id: revocation?.id ?? '' })
    expect((await renew(token)).status).toBe(200)
  })

  it('one that a stolen key has signed, and that is not on record as it stands', async () => {
    const { world, issue, renew } = await stage()
    const token = await issue({ scopes: ['read'] })
    for (const change of [
      { jti: 'cred_0000000000000000000000' },
      { scope: 'read deploy:prod' },
      { sub: 'root' },
      { exp: Number(claims(token)['exp']) + 60 },
      { sid: 'cred_0000000000000000000000' },
      { root_iat: Number(claims(token)['root_iat']) - 1 },
    ]) {
      const forged = await resigned(world, token, { claims: change })
      expect(await verdictOf(world, forged)).toBe('accepted')
      expect(await renew(forged)).toEqual(REFUSED)
    }
  })

  it('one that another key of ours has signed than the record says', async () => {
    const { world, issue, renew } = await stage()
    const token = await issue()
    await world.admin.rotateKey({})
    const other = await issue()
    const swapped = await resigned(world, other, { claims: claims(token) })
    expect(opened(swapped).header['kid']).not.toBe(opened(token).header['kid'])
    expect(await renew(swapped)).toEqual(REFUSED)
    expect((await renew(token)).status).toBe(200)
  })

  it('and why is told to the audit log, once for many', async () => {
    const { world, issue, renew } = await stage()
    const token = await issue()
    await world.admin.revoke({ selector: { clients: ['job'] }, reason: 'compromise' })
    for (let turn = 0; turn < 4; turn++) await renew(token)
    await world.settle(true)
    const entries = await world.audit('token.exchange')
    expect(entries).toHaveLength(2)
    expect(entries.at(-1)).toMatchObject({
      actor: 'anonymous',
      target: `credential:${idOf(token)}`,
      outcome: 'subject-refused',
      detail: { because: 'it is revoked (compromise)', failures: 1 },
    })
    expect(entries[0]).toMatchObject({ detail: { failures: 3 } })
  })
})

describe('a client that has credentials', () => {
  it('proves itself by them, and to hold its token is not enough', async () => {
    const { world, renew, renewed, secret, asApi } = await stage()
    const token = await world.tokenOf('api', secret)
    const bare = await renew(token)
    expect([bare.status, bare.body.error]).toEqual([401, 'invalid_client'])
    const wrong = await renew(token, {}, basic('api', `${secret.slice(0, -1)}x`))
    expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client'])
    expect(claims(await renewed(token, {}, asApi))).toMatchObject({ sid: idOf(token) })
  })

  it('renews its own tokens only', async () => {
    const { world, issue, renew, asApi } = await stage()
    expect(await renew(await issue(), {}, asApi)).toEqual(REFUSED)
    const other = basic('other', await world.withSecret('other'))
    const { body } = await world.post(
      'token',
      { grant_type: CLIENT_CREDENTIALS },
      { headers: other },
    )
    expect(await renew(body.access_token, {}, asApi)).toEqual(REFUSED)
    expect(await world.audit('credential.issue')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ actor: 'client:api', outcome: 'subject-refused' }),
      ]),
    )
  })

  it('is not named by another', async () => {
    const { issue, renew } = await stage()
    const { status, body } = await renew(await issue(), { client_id: 'api' })
    expect([status, body.error]).toEqual([401, 'invalid_client'])
  })
})

describe('the time since the sign-in', () => {
  /** Renews every fifty minutes, and says after how many hours that came to an end. */
  async function hoursOf(
    { world, renew }: Awaited<ReturnType<typeof stage>>,
    first: string,
    headers = {},
  ): Promise<number> {
    const begun = world.clock.now()
    let token = first
    for (let turn = 0; turn < 800; turn++) {
      world.clock.advance(3_000_000)
      const { status, body } = await renew(token, { expires_in: '3600' }, headers)
      if (status !== 200) break
      token = String(body.access_token)
    }
    return (Number(claims(token)['exp']) * 1000 - begun) / 3_600_000
  }

  it('is a day at most for whoever only holds the token', async () => {
    const it = await stage()
    expect(await hoursOf(it, await it.issue({ ttlSeconds: 3600 }))).toBe(24)
  })

  it('shortens the last of them, and says so', async () => {
    const { world, issue, renewed, renew } = await stage()
    let token = await issue({ ttlSeconds: 3600 })
    for (let turn = 0; turn < 28; turn++) {
      world.clock.advance(3_000_000)
      token = await renewed(token, { expires_in: '3600' })
    }
    const { body } = await renew(token, { expires_in: '3600' })
    expect(body.expires_in).toBe(2400)
    world.clock.advance(2_399_000)
    const last = await renew(body.access_token)
    expect(last.body.expires_in).toBe(1)
    world.clock.advance(1000)
    expect(await renew(last.body.access_token)).toEqual(REFUSED)
  })

  it('is longer for a client that proves itself, but no longer than records are kept', async () => {
    const it = await stage()
    const token = await it.world.tokenOf('api', it.secret, { expires_in: '3600' })
    expect(await hoursOf(it, token, it.asApi)).toBe(7 * 24)
  })

  it('is a day where the client proves itself, and the sign-in is somebody else’s', async () => {
    const it = await stage()
    const { items } = await it.world.admin.issueTokens({
      clientId: 'api',
      subject: 'alice',
      ttlSeconds: 3600,
    })
    expect(await hoursOf(it, items[0]?.token ?? '', it.asApi)).toBe(24)
  })

  it('is as policy says', () => {
    const renewal = { absoluteSeconds: 5000, reauthenticateSeconds: 100 }
    const policy = { ...defaultPolicy, renewal }
    expect(renewalSecondsMax(policy, { isSignedIn: true })).toBe(5000)
    expect(renewalSecondsMax(policy, { isSignedIn: false })).toBe(100)
    const longer = { ...policy, renewal: { ...renewal, reauthenticateSeconds: DAY_SECONDS } }
    expect(renewalSecondsMax(longer, { isSignedIn: false })).toBe(5000)
  })
})

describe('what derives from a token', () => {
  it.for<[string, (first: string) => object]>([
    ['its session', (first) => ({ sessions: [idOf(first)] })],
    ['the first token', (first) => ({ tokens: [idOf(first)] })],
    ['its subject', () => ({ subjects: ['run-7'] })],
    ['its tag', () => ({ tags: { run: '7' } })],
    [
      'all that was issued by then',
      () => ({ clients: ['job'], issuedBefore: '2026-11-23T19:08:01Z' }),
    ],
  ])('is revoked with %s', async ([, selectorOf]) => {
    const { world, issue, renew, renewed } = await stage()
    const first = await issue({ subject: 'run-7', tags: { run: '7' } })
    world.clock.advance(300_000)
    const second = await renewed(first)
    // The first has expired, and not just now: a list holds on to what verifiers may still take.
    world.clock.advance(310_000)
    const third = await renewed(second)
    const selector = selectorOf(first)
    const { revocation } = await world.admin.revoke({ selector, reason: 'other' })
    expect(revocation?.matched.credentials).toBe(2)
    expect(await verdictOf(world, third)).toBe('revoked')
    expect(await renew(third)).toEqual(REFUSED)
    expect((await world.admin.listCredentials({ state: 'active' })).items).toEqual([])
    await world.admin.liftRevocation({ id: revocation?.id ?? '' })
    expect(await verdictOf(world, third)).toBe('accepted')
  })

  it('is spared with its session, or with any token of that', async () => {
    const { world, issue, renewed } = await stage()
    const first = await issue()
    const second = await renewed(first)
    const other = await issue()
    const selector = { clients: ['job'] }
    const exceptions = { tokens: [idOf(second)] }
    await world.admin.revoke({ selector, exceptions, reason: 'other' })
    expect(await verdictOf(world, first)).toBe('accepted')
    expect(await verdictOf(world, second)).toBe('accepted')
    expect(await verdictOf(world, await renewed(second))).toBe('accepted')
    expect(await verdictOf(world, other)).toBe('revoked')
  })

  it('is hit by the reach of tokens only where it was issued before', async () => {
    const { world, issue, renewed, renew } = await stage()
    const first = await issue()
    const second = await renewed(first)
    const selector = { clients: ['job'] }
    await world.admin.revoke({ selector, reach: 'tokens', reason: 'policy-change' })
    expect(await verdictOf(world, first)).toBe('revoked')
    expect(await verdictOf(world, second)).toBe('revoked')
    expect(await renew(second)).toEqual(REFUSED)
  })

  it('is revoked without the one before it, where only it is named', async () => {
    const { world, issue, renewed } = await stage()
    const first = await issue()
    const second = await renewed(first)
    await world.post('revocation', { token: second, client_id: 'job' })
    expect(await verdictOf(world, second)).toBe('revoked')
    expect(await verdictOf(world, first)).toBe('accepted')
  })

  it('is handed back with the first, even when that has expired', async () => {
    const { world, issue, renewed } = await stage()
    const first = await issue({ ttlSeconds: 60 })
    const second = await renewed(first)
    world.clock.advance(120_000)
    expect(await verdictOf(world, first)).toBe('expired')
    const { status } = await world.post('revocation', { token: first, client_id: 'job' })
    expect(status).toBe(200)
    expect(await verdictOf(world, second)).toBe('revoked')
  })

  it('is ended by whoever holds the first, even when that has expired', async () => {
    const { world, issue, renewed } = await stage()
    const first = await issue({ ttlSeconds: 60 })
    const second = await renewed(first)
    world.clock.advance(120_000)
    expect(await verdictOf(world, first)).toBe('expired')
    const { status, body } = await world.post('selfRevocation', { token: first })
    expect(body).toEqual({ result: 'revoked', credential_id: idOf(first) })
    expect(status).toBe(200)
    expect(await verdictOf(world, second)).toBe('revoked')
  })

  it('is revoked with the key that the first was signed with, by whichever it is signed itself', async () => {
    const { world, issue, renew, renewed } = await stage()
    const first = await issue()
    const stolen = String(opened(first).header['kid'])
    const { key } = await world.admin.rotateKey({})
    const second = await renewed(first)
    const other = await issue()
    expect(opened(second).header['kid']).toBe(key.id)
    const { revocation } = await world.admin.revoke({
      selector: { keys: [stolen] },
      reason: 'compromise',
    })
    expect(await verdictOf(world, second)).toBe('revoked')
    expect(await renew(second)).toEqual(REFUSED)
    expect(await verdictOf(world, other)).toBe('accepted')
    const [byKey, derived] = (await world.admin.listRevocations({})).items
    expect(byKey?.id).toBe(revocation?.id)
    // Who waits until the key's is enforced has waited for both.
    expect(derived?.position).toBeLessThan(byKey?.position ?? 0)
    expect(derived).toMatchObject({ final: true, reason: 'compromise' })
    expect(await world.audit('revocation.create')).toEqual([
      expect.objectContaining({
        detail: expect.objectContaining({ derivedRevocationId: derived?.id }),
      }),
    ])
  })

  it('is not begotten while a block lasts, of its session alone too, unless that is spared', async () => {
    const { world, issue, renew, renewed } = await stage()
    const token = await issue()
    const other = await issue()
    // Of long ago, so that it hits nothing that there is.
    const terms = { reason: 'other', block: true } as const
    const issuedBefore = '2026-01-01T00:00:00Z'
    const ofSession = await world.admin.revoke({
      selector: { sessions: [idOf(token)], issuedBefore },
      ...terms,
    })
    expect((await renew(token)).body.error).toBe('unauthorized_client')
    await renewed(other)
    await world.admin.unblockRevocation({ id: ofSession.revocation?.id ?? '' })
    await world.admin.revoke({
      selector: { clients: ['job'], issuedBefore },
      exceptions: { sessions: [idOf(token)] },
      ...terms,
    })
    await renewed(token)
    expect((await renew(other)).body.error).toBe('unauthorized_client')
  })
})
