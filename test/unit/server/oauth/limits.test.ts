import { describe, expect, it } from 'vitest'
import type { Policy, Rate } from '#domain/policy/policy.ts'
import { basic, CLIENT_CREDENTIALS, oauthWorld } from './world.ts'

const GRANT = { grant_type: CLIENT_CREDENTIALS }

interface Rates {
  readonly perClient?: Rate
  readonly perAddress?: Rate
  readonly failuresPerAddress?: Rate
}

const withRates =
  ({ perClient, perAddress, failuresPerAddress }: Rates) =>
  (policy: Policy): Policy => {
    const { issue, oauth } = policy.limits
    return {
      ...policy,
      limits: {
        issue: { perClient: perClient ?? issue.perClient },
        oauth: {
          perAddress: perAddress ?? oauth.perAddress,
          failuresPerAddress: failuresPerAddress ?? oauth.failuresPerAddress,
        },
      },
    }
  }

describe('a client that asks too often', () => {
  const rates = withRates({ perClient: { perSecond: 1, burst: 3 } })

  it('is told when to come again, at every endpoint together, and is served then', async () => {
    const world = await oauthWorld(rates)
    const headers = basic('a', await world.withSecret('a'))
    const ask = () => world.post('token', GRANT, { headers })
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 200])
    expect((await world.post('introspection', { token: 'x' }, { headers })).status).toBe(200)
    const { status, headers: told, body } = await ask()
    expect({ status, told, error: body.error }).toEqual({
      status: 429,
      told: { 'retry-after': '1' },
      error: 'slow_down',
    })
    expect((await world.post('revocation', { token: 'x' }, { headers })).status).toBe(429)
    world.clock.advance(999)
    expect((await ask()).status).toBe(429)
    world.clock.advance(1)
    expect([(await ask()).status, (await ask()).status]).toEqual([200, 429])
  })

  it('uses up nothing of another’s, whatever he calls himself', async () => {
    const world = await oauthWorld(rates)
    const secret = await world.withSecret('a')
    const other = await world.withSecret('b')
    for (let i = 0; i < 10; i++) {
      await world.post('token', GRANT, {
        headers: basic('a', `${i}`.padStart(16, '0')),
        ip: '192.0.2.1',
      })
      await world.post('token', GRANT, { headers: basic('b', other) })
    }
    expect((await world.post('token', GRANT, { headers: basic('a', secret) })).status).toBe(200)
  })

  it('writes nothing but a line now and then', async () => {
    const world = await oauthWorld(rates)
    const headers = basic('a', await world.withSecret('a'))
    for (let i = 0; i < 50; i++) await world.post('token', GRANT, { headers })
    expect(await world.audit('credential.issue')).toHaveLength(3)
    const lines = await world.audit('client.authenticate')
    expect(lines.map(({ outcome, target }) => [outcome, target])).toEqual([
      ['rate-limited', 'client:a'],
    ])
  })
})

describe('an address that asks too often', () => {
  it('waits, whoever asks from it, and others do not', async () => {
    const world = await oauthWorld(withRates({ perAddress: { perSecond: 2, burst: 2 } }))
    const [a, b] = [
      basic('a', await world.withSecret('a')),
      basic('b', await world.withSecret('b')),
    ]
    const ask = (headers: { authorization: string }, ip: string) =>
      world.post('token', GRANT, { headers, ip })
    expect((await ask(a, '192.0.2.1')).status).toBe(200)
    expect((await ask(b, '192.0.2.1')).status).toBe(200)
    expect(await ask(a, '192.0.2.1')).toMatchObject({
      status: 429,
      headers: { 'retry-after': '1' },
    })
    expect((await ask(a, '::ffff:192.0.2.1')).status).toBe(429)
    expect((await ask(a, '192.0.2.2')).status).toBe(200)
    world.clock.advance(500)
    expect((await ask(a, '192.0.2.1')).status).toBe(200)
  })

  it('is a whole network of IPv6', async () => {
    const world = await oauthWorld(withRates({ perAddress: { perSecond: 1, burst: 1 } }))
    const headers = basic('a', await world.withSecret('a'))
    const ask = (ip: string) => world.post('token', GRANT, { headers, ip })
    expect((await ask('2001:db8::1')).status).toBe(200)
    expect((await ask('2001:db8:0:0:ffff::2')).status).toBe(429)
    expect((await ask('2001:db8:0:1::1')).status).toBe(200)
  })
})

describe('failed authentications', () => {
  const rates = withRates({ failuresPerAddress: { perSecond: 1, burst: 3 } })

  it('make their address wait, also with a good secret', async () => {
    const world = await oauthWorld(rates)
    const secret = await world.withSecret('a')
    const ask = (text: string, ip = '192.0.2.1') =>
      world.post('token', GRANT, { headers: basic('a', text), ip })
    for (let i = 0; i < 3; i++) expect((await ask('wrong')).status).toBe(401)
    expect((await ask('wrong')).status).toBe(429)
    expect((await ask(secret)).status).toBe(429)
    expect((await ask(secret, '192.0.2.2')).status).toBe(200)
    world.clock.advance(1000)
    expect((await ask(secret)).status).toBe(200)
    expect((await ask(secret)).status).toBe(200)
  })

  it('do not count what is refused to somebody who proved who he is', async () => {
    const world = await oauthWorld(rates)
    const headers = basic('a', await world.withSecret('a'))
    for (let i = 0; i < 10; i++) {
      expect((await world.post('token', { ...GRANT, scope: 'none' }, { headers })).status).toBe(400)
    }
  })

  it('are on record: the first at once, the others counted', async () => {
    const world = await oauthWorld()
    await world.withSecret('a')
    const fail = (id: string, ip: string) =>
      world.post('token', GRANT, { headers: basic(id, 'wrong'), ip })
    for (let i = 0; i < 5; i++) await fail('a', '192.0.2.1')
    await fail('nobody', '192.0.2.1')
    await fail('a', '192.0.2.2')
    await fail('no name of ours!', '192.0.2.1')
    const told = async () =>
      (await world.audit('client.authenticate'))
        .map(({ target, detail, outcome }) => [target, outcome, detail])
        .toReversed()
    const line = (target: string, because: string, failures: number) => [
      target,
      'client-refused',
      { because, failures },
    ]
    const firsts = [
      line('client:a', 'a wrong secret', 1),
      line('client:nobody', 'an unknown client', 1),
      line('client:a', 'a wrong secret', 1),
      line('*', 'an unknown client', 1),
    ]
    expect(await told()).toEqual(firsts)
    await world.settle()
    expect(await told()).toEqual(firsts)
    world.clock.advance(60_000)
    await world.settle()
    expect(await told()).toEqual([...firsts, line('client:a', 'a wrong secret', 4)])
    await world.settle(true)
    expect(await told()).toHaveLength(5)
    await fail('a', '192.0.2.1')
    expect(await told()).toHaveLength(6)
  })

  it('are counted also of identity tokens that nobody known has signed', async () => {
    const world = await oauthWorld()
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const forged = {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      subject_token: `${part({ alg: 'RS256' })}.${part({ iss: 'https://x.example' })}.AAAA`,
    }
    for (let i = 0; i < 3; i++) {
      const answer = await world.post('token', forged)
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request', trusts: [] } })
    }
    await world.settle(true)
    const told = (await world.audit('token.exchange')).map((one) => [one.outcome, one.detail])
    expect(told).toEqual([
      ['trust-unmatched', { because: 'no trust names its issuer', failures: 2 }],
      ['trust-unmatched', { because: 'no trust names its issuer', failures: 1 }],
    ])
  })

  it('are all on record where the authority stops', async () => {
    const world = await oauthWorld()
    for (let i = 0; i < 3; i++) await world.post('token', GRANT, { headers: basic('a', 'wrong') })
    await world.settle(true)
    const counts = (await world.audit('client.authenticate')).map(({ detail }) => detail)
    expect(counts).toEqual([
      { because: 'an unknown client', failures: 2 },
      { because: 'an unknown client', failures: 1 },
    ])
  })

  it('of ever new names and addresses fill neither memory nor log', async () => {
    const open = { perSecond: 10_000, burst: 10_000 }
    const world = await oauthWorld(withRates({ failuresPerAddress: open, perAddress: open }))
    for (let i = 0; i < 400; i++) {
      await world.post('token', {
        ...GRANT,
        client_id: `c${i}`,
        client_secret: `credctl_cs_${'x'.repeat(43)}`,
      })
    }
    const count = async () =>
      (await world.admin.listAudit({ action: 'client.authenticate', limit: 1000 })).items.length
    expect(await count()).toBe(257)
    await world.settle(true)
    expect(await count()).toBe(258)
  })
})
