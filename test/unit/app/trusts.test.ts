import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { createOauthCore } from '#app/oauth/core.ts'
import { grantToken } from '#app/oauth/token.ts'
import { readForm } from '#domain/oauth/form.ts'
import { createIdentityTokens } from '#federation/identity.ts'
import type { Problem } from '#kernel/problem.ts'
import { createWorld, ISSUER, refusalOf, remote, type TestWorld } from '../world.ts'

const CI = 'https://ci.example'
const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
const other = await generateKeyPair('RS256')
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' }] }

let jobs = 0
/** A job's token, as its CI system would sign it. */
async function jobToken(
  { clock }: TestWorld,
  claims: Readonly<Record<string, unknown>> = {},
  key: CryptoKey = privateKey,
): Promise<string> {
  const now = Math.floor(clock.now() / 1000)
  jobs += 1
  const all: Record<string, unknown> = {
    iss: CI,
    aud: ISSUER,
    sub: 'repo:o/r:ref:refs/heads/main',
    repository_id: '4711',
    ref: 'refs/heads/main',
    jti: `job-${jobs}`,
    iat: now,
    exp: now + 300,
    ...claims,
  }
  const present = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return new SignJWT(present).setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(key)
}

const trust = {
  id: 'deploys',
  form: 'github-actions' as const,
  issuer: CI,
  claims: { repository_id: ['4711'], ref: ['refs/heads/main'] },
  clientId: 'bot',
  scopes: ['deploy:prod', 'deploy:eu'],
  jwks,
}
const written = (change: object = {}) => structuredClone({ ...trust, ...change })

async function worldOfTrust(change?: object): Promise<TestWorld> {
  const identityTokens = createIdentityTokens(async () => undefined)
  const world = await createWorld({ identityTokens })
  await world.admin.createClient({ id: 'bot', scopes: ['deploy:*'], audiences: ['https://api'] })
  await world.admin.createTrust(written(change))
  return world
}

interface Asked {
  readonly token: string
  readonly scopes?: readonly string[]
  readonly ttlSeconds?: number
  readonly trustId?: string
  /** Instead of an exchange. */
  readonly more?: Readonly<Record<string, string>>
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** At the token endpoint, without client authentication, as a job does it. */
async function exchanged({ deps, admin }: TestWorld, asked: Asked) {
  const { token, scopes, ttlSeconds, trustId, more = {} } = asked
  const form = readForm(
    new URLSearchParams({
      grant_type: EXCHANGE,
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      ...(scopes === undefined ? {} : { scope: scopes.join(' ') }),
      ...(ttlSeconds === undefined ? {} : { expires_in: String(ttlSeconds) }),
      ...(trustId === undefined ? {} : { trust: trustId }),
      ...more,
    }).toString(),
  )
  if (typeof form === 'string') throw new Error(form)
  const endOfTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const core = createOauthCore(deps, { endOfTick, clientLimit: () => 0 })
  const granted = await grantToken(core, {
    form,
    presented: { kind: 'none' },
    origin: { transport: 'http' },
    requestId: 'req_1',
  })
  const { claims } = await admin.verifyToken({ token: granted.token })
  const credential = await deps.store.read((tx) => tx.findCredential(String(claims?.['jti'])))
  return { ...granted, credential, trustId: credential?.trustId }
}

describe('a trust', () => {
  it('is created, listed, shown, changed and removed, and each is on record', async () => {
    const { admin } = await worldOfTrust()
    expect(await admin.showTrust({ id: 'deploys' })).toMatchObject({
      issuer: CI,
      audience: ISSUER,
      mode: 'enforce',
      conditions: [],
      allowsPrivate: false,
    })
    const changed = await admin.updateTrust({ id: 'deploys', mode: 'audit', ttlSecondsMax: 60 })
    expect(changed.trust).toMatchObject({ mode: 'audit', ttlSecondsMax: 60, clientId: 'bot' })
    expect((await admin.listTrusts({})).items).toHaveLength(1)
    expect((await admin.listTrusts({ clientId: 'nobody' })).items).toEqual([])
    await admin.deleteTrust({ id: 'deploys' })
    const gone = await refusalOf(admin.showTrust({ id: 'deploys' }))
    expect(gone.code).toBe('trust-unknown')
    const { items } = await admin.listAudit({ target: 'trust:deploys' })
    expect(items.map(({ action }) => action).toSorted()).toEqual([
      'trust.create',
      'trust.delete',
      'trust.update',
    ])
  })

  it('that is unsound is refused and not kept, and so is a change that makes it so', async () => {
    const { admin } = await worldOfTrust()
    const unbound = written({ id: 'x', claims: { repository: ['o/r'] } })
    expect((await refusalOf(admin.createTrust(unbound))).code).toBe('trust-unsound')
    expect((await refusalOf(admin.showTrust({ id: 'x' }))).code).toBe('trust-unknown')
    const worse = admin.updateTrust({ id: 'deploys', conditions: ['1'] })
    expect((await refusalOf(worse)).code).toBe('trust-unsound')
    expect((await admin.showTrust({ id: 'deploys' })).conditions).toEqual([])
  })

  it.for<[string, object, string]>([
    ['twice', {}, 'trust-exists'],
    ['of no client', { id: 'x', clientId: 'nobody' }, 'client-unknown'],
    [
      'of a form without an issuer',
      { id: 'x', form: 'oidc', issuer: undefined },
      'request-invalid',
    ],
  ])('is not created %s', async ([, change, code]) => {
    const { admin } = await worldOfTrust()
    expect((await refusalOf(admin.createTrust(written(change)))).code).toBe(code)
  })

  it('that gives administration is written only by who holds it', async () => {
    const world = await worldOfTrust()
    await world.admin.createClient({ id: 'ops', scopes: ['admin:*'] })
    const caller = remote(['admin:trusts:write'])
    const request = written({ id: 'x', clientId: 'ops', scopes: ['admin:keys:write'] })
    const { code } = await refusalOf(world.as(caller).createTrust(request))
    expect(code).toBe('policy-denied')
  })

  it('that is removed takes back what it gave', async () => {
    const world = await worldOfTrust()
    const { token } = await exchanged(world, { token: await jobToken(world) })
    const { revocationId } = await world.admin.deleteTrust({ id: 'deploys' })
    const { verdict, revocationId: by } = await world.admin.verifyToken({ token })
    expect({ verdict, by }).toEqual({ verdict: 'revoked', by: revocationId })
  })
})

/** The lines of a table that say NO. */
const wrongIn = (claims: unknown): string[] =>
  (claims as { claim: string; ok: boolean }[]).filter(({ ok }) => !ok).map(({ claim }) => claim)

describe('an exchange', () => {
  it('gives a token of the client, with the trust, its subject and no more than was asked', async () => {
    const world = await worldOfTrust({ ttlSecondsMax: 120 })
    const { token, credential, scopes, ttlSeconds, members } = await exchanged(world, {
      token: await jobToken(world),
      scopes: ['deploy:prod'],
      ttlSeconds: 3000,
    })
    expect({ scopes, ttlSeconds }).toEqual({ scopes: ['deploy:prod'], ttlSeconds: 120 })
    expect(members).toEqual({
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    })
    expect(credential).toMatchObject({
      clientId: 'bot',
      trustId: 'deploys',
      subject: 'repo:o/r:ref:refs/heads/main',
      createdBy: 'client:bot',
    })
    const { verdict, claims } = await world.admin.verifyToken({ token })
    expect({ verdict, trust: claims?.['trust'] }).toEqual({ verdict: 'accepted', trust: 'deploys' })
    const everything = await exchanged(world, { token: await jobToken(world) })
    expect([...everything.scopes].toSorted()).toEqual(['deploy:eu', 'deploy:prod'])
  })

  it('of one trust is revoked by its name, and blocked by it', async () => {
    const world = await worldOfTrust()
    const { token } = await exchanged(world, { token: await jobToken(world) })
    await world.admin.revoke({ selector: { trusts: ['deploys'] }, reason: 'compromise' })
    expect((await world.admin.verifyToken({ token })).verdict).toBe('revoked')
    const again = exchanged(world, { token: await jobToken(world) })
    expect((await refusalOf(again)).code).toBe('issuance-blocked')
  })

  it('uses the token up, but a try that fails does not', async () => {
    const world = await worldOfTrust()
    const token = await jobToken(world)
    const tooMuch = await refusalOf(exchanged(world, { token, scopes: ['deploy:us'] }))
    expect(tooMuch.code).toBe('trust-unmatched')
    await exchanged(world, { token })
    const replayed = await refusalOf(exchanged(world, { token }))
    expect(replayed.message).toMatch(/used before/)
  })

  it('knows a token without a jti by its signature', async () => {
    const world = await worldOfTrust()
    const token = await jobToken(world, { jti: undefined })
    await exchanged(world, { token })
    expect((await refusalOf(exchanged(world, { token }))).message).toMatch(/used before/)
    await exchanged(world, { token: await jobToken(world, { jti: undefined, n: 2 }) })
  })

  it('of two at once with one token gives one', async () => {
    const world = await worldOfTrust()
    const token = await jobToken(world)
    const both = await Promise.allSettled([
      exchanged(world, { token }),
      exchanged(world, { token }),
    ])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  })

  it.for<[string, Record<string, unknown>, string]>([
    ['another repository', { repository_id: '1' }, 'repository_id'],
    ['another branch', { ref: 'refs/heads/dev' }, 'ref'],
    ['no branch', { ref: undefined }, 'ref'],
    ['another audience', { aud: 'https://github.com/o' }, 'aud'],
  ])('with %s is refused, with the table of claims', async ([, claims, line]) => {
    const world = await worldOfTrust()
    const refused = await refusalOf(exchanged(world, { token: await jobToken(world, claims) }))
    expect(refused.code).toBe('trust-unmatched')
    const { trusts } = refused.facts as { trusts: { claims: unknown }[] }
    expect(wrongIn(trusts[0]?.claims)).toEqual([line])
  })

  it('of a token that its issuer did not sign tells what is wrong with it, and nothing of the trust', async () => {
    const world = await worldOfTrust()
    const past = Math.floor(world.clock.now() / 1000) - 60
    const cases: [string, string[]][] = [
      [await jobToken(world, {}, other.privateKey), ['signature']],
      [`${await jobToken(world)}AAAA`, ['signature']],
      [
        await jobToken(world, { exp: past, aud: 'x' }, other.privateKey),
        ['signature', 'aud', 'exp'],
      ],
      [
        await jobToken(world, { exp: 'x', nbf: 9e15 }, other.privateKey),
        ['signature', 'exp', 'nbf'],
      ],
      [await jobToken(world, { iss: 'https://x.example', exp: past }), ['iss', 'exp']],
    ]
    for (const [token, wrong] of cases) {
      const refused = await refusalOf(exchanged(world, { token }))
      expect(refused.code).toBe('trust-unmatched')
      const { trusts, claims, because, ...more } = refused.facts
      expect({ trusts, more }).toEqual({ trusts: [], more: {} })
      expect(because).toMatch(/^its signature does not hold$|^no trust names its issuer$/)
      expect(wrongIn(claims)).toEqual(wrong)
      expect(JSON.stringify([refused.message, claims])).not.toMatch(/4711|repository|deploys/)
    }
  })

  it('of a forged token does not tell whether a job has used its jti', async () => {
    const world = await worldOfTrust()
    await exchanged(world, { token: await jobToken(world, { jti: 'known' }) })
    const refused = []
    for (const jti of ['known', 'unheard']) {
      const token = await jobToken(world, { jti }, other.privateKey)
      const { message, facts } = await refusalOf(exchanged(world, { token }))
      refused.push({ message, facts })
    }
    expect(refused[0]).toEqual(refused[1])
  })

  it.for<[string, (now: number) => Record<string, unknown>, string]>([
    ['has expired', (now) => ({ exp: now - 60 }), 'exp'],
    ['has no end', () => ({ exp: undefined }), 'exp'],
    ['begins later', (now) => ({ nbf: now + 60 }), 'nbf'],
    ['begins when there is no calendar', () => ({ nbf: 9e15 }), 'nbf'],
  ])('of a signed token that %s is refused with the whole table', async ([, claims, line]) => {
    const world = await worldOfTrust()
    const token = await jobToken(world, claims(Math.floor(world.clock.now() / 1000)))
    const { trusts } = (await refusalOf(exchanged(world, { token }))).facts as {
      trusts: { trustId: string; claims: unknown }[]
    }
    expect(trusts.map((one) => [one.trustId, wrongIn(one.claims)])).toEqual([['deploys', [line]]])
  })

  it('is judged by the keys that its trust has when it is made', async () => {
    const other2 = await exportJWK(other.publicKey)
    const changes: object[] = [
      { jwks: { keys: [{ ...other2, kid: 'k', alg: 'RS256' }] } },
      { jwksUri: 'https://ci.example/keys' },
      { allowsPrivate: true },
    ]
    for (const change of changes) {
      const world = await worldOfTrust()
      // Between the check of its signature and the transaction that mints.
      const conditions = world.deps.conditions
      const deps = {
        ...world.deps,
        async conditions() {
          await world.admin.updateTrust({ id: 'deploys', ...change })
          return conditions()
        },
      }
      const token = await jobToken(world)
      const refused = await refusalOf(exchanged({ ...world, deps }, { token }))
      expect(refused.code).toBe('authority-busy')
      expect((await world.admin.listCredentials({})).items).toEqual([])
    }
  })

  it('of a trust that is removed meanwhile, or changed in what has no bearing on keys, is decided as it is now', async () => {
    const world = await worldOfTrust()
    const { conditions } = world.deps
    const meanwhile = (deed: () => Promise<unknown>) => ({
      ...world,
      deps: {
        ...world.deps,
        async conditions() {
          await deed()
          return conditions()
        },
      },
    })
    const shorter = meanwhile(() => world.admin.updateTrust({ id: 'deploys', ttlSecondsMax: 60 }))
    const granted = await exchanged(shorter, { token: await jobToken(world) })
    expect(granted.ttlSeconds).toBe(60)
    const removed = meanwhile(() => world.admin.deleteTrust({ id: 'deploys' }))
    const refused = await refusalOf(exchanged(removed, { token: await jobToken(world) }))
    expect([refused.code, refused.message]).toEqual([
      'trust-unmatched',
      expect.stringMatching(/^no trust lets in/),
    ])
  })

  it('of an issuer that no trust names is refused, and so is what is no token', async () => {
    const world = await worldOfTrust()
    const stranger = exchanged(world, {
      token: await jobToken(world, { iss: 'https://x.example' }),
    })
    expect((await refusalOf(stranger)).code).toBe('trust-unmatched')
    expect((await refusalOf(exchanged(world, { token: 'x' }))).code).toBe('token-malformed')
    const named = exchanged(world, { token: await jobToken(world), trustId: 'other' })
    expect((await refusalOf(named)).code).toBe('trust-unmatched')
  })

  it('is refused while the trust is on trial, while its client is disabled, and by a condition', async () => {
    const onTrial = await worldOfTrust({ mode: 'audit' })
    const tried = await refusalOf(exchanged(onTrial, { token: await jobToken(onTrial) }))
    expect(tried.message).toMatch(/audit/)
    const world = await worldOfTrust({ conditions: ['trust.claims.event_name == "push"'] })
    const unmet = await refusalOf(exchanged(world, { token: await jobToken(world) }))
    expect(unmet.message).toMatch(/condition/)
    await exchanged(world, { token: await jobToken(world, { event_name: 'push' }) })
    await world.admin.disableClient({ id: 'bot' })
    const token = await jobToken(world, { event_name: 'push' })
    expect((await refusalOf(exchanged(world, { token }))).message).toMatch(/disabled/)
  })

  it('takes the first trust by name that gives what is asked for', async () => {
    const world = await worldOfTrust()
    await world.admin.createTrust(written({ id: 'a-eu', scopes: ['deploy:eu'] }))
    const eu = await exchanged(world, { token: await jobToken(world), scopes: ['deploy:eu'] })
    const prod = await exchanged(world, { token: await jobToken(world), scopes: ['deploy:prod'] })
    expect([eu.trustId, prod.trustId]).toEqual(['a-eu', 'deploys'])
  })

  it('is on record, also where it is refused', async () => {
    const world = await worldOfTrust()
    await exchanged(world, { token: await jobToken(world) })
    await refusalOf(exchanged(world, { token: await jobToken(world, { ref: 'x' }) }))
    const forged = await jobToken(world, {}, other.privateKey)
    await refusalOf(exchanged(world, { token: forged }))
    const refused = await world.admin.listAudit({ action: 'token.exchange' })
    expect(refused.items).toMatchObject([
      { outcome: 'trust-unmatched', target: 'trust:deploys', detail: { tried: [{}] } },
    ])
    const issued = await world.admin.listAudit({ action: 'credential.issue' })
    expect(issued.items).toMatchObject([
      { outcome: 'ok', actor: 'client:bot', detail: { trustId: 'deploys', grantType: EXCHANGE } },
    ])
  })
})

describe('what is asked of an exchange', () => {
  it.for<[string, Record<string, string>, RegExp]>([
    ['no kind of token', { subject_token_type: '' }, /subject_token_type/],
    ['another kind', { subject_token_type: 'urn:x' }, /subject_token_type/],
    ['no token', { subject_token: '' }, /subject_token is missing/],
    ['an actor', { actor_token: 'x' }, /actor_token/],
    ['another kind back', { requested_token_type: 'urn:x' }, /requested_token_type/],
  ])('with %s is refused', async ([, more, why]) => {
    const world = await worldOfTrust()
    const refused = await refusalOf(exchanged(world, { token: await jobToken(world), more }))
    expect(refused).toMatchObject({ code: 'request-invalid', message: expect.stringMatching(why) })
  })

  it('may also be said as an assertion (RFC 7523)', async () => {
    const world = await worldOfTrust()
    const token = await jobToken(world)
    const more = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: token }
    const { trustId, members } = await exchanged(world, { token: '', more })
    expect({ trustId, members }).toEqual({ trustId: 'deploys', members: {} })
    expect((await refusalOf(exchanged(world, { token }))).message).toMatch(/used before/)
  })
})

describe('a test of a trust', () => {
  it('says what an exchange would do, and does none of it', async () => {
    const world = await worldOfTrust()
    const token = await jobToken(world)
    for (const _ of [1, 2]) {
      expect(await world.admin.testTrust({ id: 'deploys', token })).toMatchObject({
        matched: true,
        granted: true,
        because: [],
        grant: { clientId: 'bot' },
      })
    }
    await exchanged(world, { token })
    expect(await world.admin.testTrust({ id: 'deploys', token })).toMatchObject({
      matched: true,
      granted: false,
      because: ['it was used before'],
    })
    const used = await world.admin.testTrust({ id: 'deploys', token })
    expect(used.claims.at(-1)).toEqual({
      claim: 'jti',
      expected: 'one that was not used before',
      actual: expect.stringMatching(/^job-/),
      ok: false,
    })
    const seconds = Math.floor(world.clock.now() / 1000)
    for (const [claim, expected, claims] of [
      ['exp', 'later than 2026-11-23T19:08:00.000Z', { exp: seconds - 60 }],
      ['nbf', 'not later than 2026-11-23T19:08:00.000Z', { nbf: seconds + 60 }],
    ] as const) {
      const late = await world.admin.testTrust({
        id: 'deploys',
        token: await jobToken(world, claims),
      })
      const actual = claim === 'exp' ? '2026-11-23T19:07:00.000Z' : '2026-11-23T19:09:00.000Z'
      expect(late.claims.at(-1)).toEqual({ claim, expected, actual, ok: false })
      expect(late.granted).toBe(false)
    }
    const missing = await world.admin.testTrust({
      id: 'deploys',
      token: await jobToken(world, { ref: undefined }),
    })
    expect(missing).toMatchObject({ matched: false, granted: false })
    expect(missing.claims.at(-1)).toEqual({ claim: 'ref', expected: 'refs/heads/main', ok: false })
    const forged = await jobToken(world, {}, other.privateKey)
    expect(await world.admin.testTrust({ id: 'deploys', token: forged })).toMatchObject({
      granted: false,
      because: [expect.stringMatching(/signature/)],
    })
  })

  it('refuses what is no token and no trust', async () => {
    const { admin } = await worldOfTrust()
    const codes = [
      await refusalOf(admin.testTrust({ id: 'deploys', token: 'x' })),
      await refusalOf(admin.testTrust({ id: 'none', token: 'a.b.c' })),
    ].map((refused: Problem) => refused.code)
    expect(codes).toEqual(['token-malformed', 'token-malformed'])
  })
})
