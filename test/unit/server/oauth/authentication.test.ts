import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ISSUER } from '../../world.ts'
import {
  type Answer,
  ASSERTION,
  assertion,
  type AssertionChange,
  basic,
  CLIENT_CREDENTIALS,
  oauthWorld,
  type OauthWorld,
  type Signer,
  signer,
} from './world.ts'

const GRANT = { grant_type: CLIENT_CREDENTIALS }
const REFUSED: Answer = {
  status: 401,
  headers: { 'www-authenticate': 'Basic realm="credctl"' },
  body: { error: 'invalid_client', error_description: 'client authentication failed' },
}

const byAssertion = ({ post }: OauthWorld, client_assertion: string, more = {}): Promise<Answer> =>
  post('token', { ...GRANT, ...ASSERTION, client_assertion, ...more })

async function withKeys(...keys: readonly Signer[]): Promise<OauthWorld> {
  const world = await oauthWorld()
  await world.admin.createClient({
    id: 'ci',
    scopes: ['deploy'],
    auth: 'private-key-jwt',
    keys: keys.map(({ jwk }) => ({ ...jwk })),
  })
  return world
}

describe('a secret', () => {
  it.for(['basic', 'post'] as const)('of ours is taken by %s', async (method) => {
    const { post, withSecret } = await oauthWorld()
    const secret = await withSecret('a')
    const answer =
      method === 'basic'
        ? await post('token', GRANT, { headers: basic('a', secret) })
        : await post('token', { ...GRANT, client_id: 'a', client_secret: secret })
    expect(answer.status).toBe(200)
  })

  it.for(['s / + % : ü', 'correct horse battery'])(
    'that was imported is taken: %s',
    async (text) => {
      const { post, withSecret } = await oauthWorld()
      const secret = text.padEnd(16, '!')
      await withSecret('a', { secret })
      expect((await post('token', GRANT, { headers: basic('a', secret) })).status).toBe(200)
      expect((await post('token', GRANT, { headers: basic('a', `${secret}.`) })).status).toBe(401)
    },
  )

  it('of our form is hashed fast, wherever it was made', async () => {
    const { post, store, withSecret } = await oauthWorld()
    const secret = `credctl_cs_${'x'.repeat(43)}`
    await withSecret('a', { secret })
    const [kept] = await store.read((tx) => tx.clientSecrets('a'))
    expect(kept?.method).toBe('hmac-sha256')
    expect((await post('token', GRANT, { headers: basic('a', secret) })).status).toBe(200)
  })

  it('is answered alike, whatever is wrong with it', async () => {
    const world = await oauthWorld()
    const secret = await world.withSecret('a')
    const other = await world.withSecret('b')
    await world.withSecret('imported', { secret: 'correct horse battery' })
    await world.withSecret('disabled')
    await world.admin.disableClient({ id: 'disabled' })
    await world.admin.createClient({ id: 'none', scopes: ['read'] })
    await world.admin.createClient({
      id: 'signs',
      scopes: ['read'],
      auth: 'private-key-jwt',
      keys: [{ ...signer().jwk }],
    })
    for (const [id, tried] of [
      ['a', other],
      ['a', 'wrong'],
      ['a', secret.slice(0, -1)],
      ['a', `${secret}x`],
      ['a', secret.toUpperCase()],
      ['A', secret],
      ['nobody', secret],
      ['nobody', 'wrong'],
      ['imported', 'wrong'],
      ['imported', secret],
      ['disabled', secret],
      ['none', secret],
      ['signs', secret],
      ['\u0000', secret],
    ] as const) {
      const answer = await world.post('token', GRANT, { headers: basic(id, tried) })
      expect(answer, `${id} ${tried}`).toEqual(REFUSED)
    }
    expect(await world.post('token', GRANT)).toEqual(REFUSED)
    expect(await world.post('token', { ...GRANT, client_id: 'a' })).toEqual(REFUSED)
    expect(await world.post('token', GRANT, { headers: { authorization: 'Bearer x' } })).toEqual(
      REFUSED,
    )
    expect(world.faults).toEqual([])
  })

  it('costs a slow hash or a fast one by its own form, known client or not', async () => {
    const world = await oauthWorld()
    await world.withSecret('ours')
    await world.withSecret('imported', { secret: 'correct horse battery' })
    const slow: string[] = []
    const { signer: real } = world.deps
    const aside = real.hashImportedSecretAside.bind(real)
    Object.assign(real, {
      hashImportedSecretAside: (text: string, salt: Uint8Array) => {
        slow.push(text)
        return aside(text, salt)
      },
    })
    const ours = `credctl_cs_${'x'.repeat(43)}`
    for (const id of ['ours', 'imported', 'nobody']) {
      await world.post('token', GRANT, { headers: basic(id, 'guess') })
      await world.post('token', GRANT, { headers: basic(id, ours) })
    }
    expect(slow).toEqual(['guess', 'guess', 'guess'])
  })

  it('is no use where the client is to sign', async () => {
    const world = await oauthWorld()
    const secret = await world.withSecret('a')
    const client = await world.store.read((tx) => tx.findClient('a'))
    if (client === undefined) throw new Error('no client')
    await world.store.write((tx) =>
      tx.updateClient({ ...client, authMethods: ['private-key-jwt'] }),
    )
    expect(await world.post('token', GRANT, { headers: basic('a', secret) })).toEqual(REFUSED)
  })

  it('is known no more when its client is deleted', async () => {
    const world = await oauthWorld()
    const secret = await world.withSecret('a')
    await world.admin.deleteClient({ id: 'a' })
    expect(await world.post('token', GRANT, { headers: basic('a', secret) })).toEqual(REFUSED)
  })
})

describe('an assertion', () => {
  it.for(['ES256', 'RS256', 'EdDSA', 'Ed25519'] as const)('signed by %s is taken', async (alg) => {
    const key = signer(alg)
    const world = await withKeys(key)
    expect((await byAssertion(world, assertion(world, 'ci', key))).status).toBe(200)
  })

  it('is found by the thumbprint, by the name that its key was given, or by trying', async () => {
    const [one, two] = [signer(), signer()]
    const named = { ...two, jwk: { ...two.jwk, kid: 'second' } }
    const world = await withKeys(one, named)
    const { keys } = await world.admin.showClient({ id: 'ci' })
    for (const kid of [undefined, 'second', keys[1]?.id]) {
      const signed = assertion(world, 'ci', two, { header: { kid } })
      expect((await byAssertion(world, signed)).status, String(kid)).toBe(200)
    }
    for (const kid of ['third', keys[0]?.id, 7]) {
      const signed = assertion(world, 'ci', two, { header: { kid } })
      expect(await byAssertion(world, signed), String(kid)).toEqual(REFUSED)
    }
  })

  it('is used once, also long after its restart, until it has expired', async () => {
    const key = signer()
    const world = await withKeys(key)
    const claims = { jti: 'once', exp: Math.floor(world.clock.now() / 1000) + 300 }
    const signed = assertion(world, 'ci', key, { claims })
    expect((await byAssertion(world, signed)).status).toBe(200)
    expect(await byAssertion(world, signed)).toEqual(REFUSED)
    // Spelt anew, it is the same assertion.
    expect(await byAssertion(world, assertion(world, 'ci', key, { claims }))).toEqual(REFUSED)
    world.clock.advance(329_000)
    expect(await byAssertion(world, signed)).toEqual(REFUSED)
  })

  it('is used up by a request that is refused for something else', async () => {
    const key = signer()
    const world = await withKeys(key)
    const signed = assertion(world, 'ci', key)
    const first = await byAssertion(world, signed, { scope: 'none' })
    expect(first.body.error).toBe('invalid_scope')
    expect(await byAssertion(world, signed)).toEqual(REFUSED)
  })

  it('is used once, however many come at the same moment', async () => {
    const key = signer()
    const world = await withKeys(key)
    const signed = assertion(world, 'ci', key)
    const answers = await Promise.all(Array.from({ length: 20 }, () => byAssertion(world, signed)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await world.admin.listCredentials({})).items).toHaveLength(1)
  })

  it('of one client does not use up another’s of the same jti', async () => {
    const key = signer()
    const world = await withKeys(key)
    await world.admin.createClient({
      id: 'other',
      scopes: ['a'],
      auth: 'private-key-jwt',
      keys: [{ ...key.jwk }],
    })
    const claims = { jti: 'same' }
    for (const id of ['ci', 'other']) {
      expect((await byAssertion(world, assertion(world, id, key, { claims }))).status).toBe(200)
    }
  })

  it.for<[string, AssertionChange]>([
    ['for the token endpoint', { claims: { aud: `${ISSUER}/oauth/token` } }],
    ['for others too', { claims: { aud: [ISSUER, 'https://b.example'] } }],
    ['of another issuer than its subject', { claims: { iss: 'other' } }],
    ['without a jti', { claims: { jti: undefined } }],
    ['that has expired', { claims: { exp: 1 } }],
    ['that lives too long', { claims: { exp: 9_999_999_999 } }],
    ['of an access token’s type', { header: { typ: 'at+jwt' } }],
    ['that calls itself unsigned', { header: { alg: 'none' } }],
    ['that calls itself another algorithm', { header: { alg: 'RS256' } }],
    ['without an algorithm', { header: { alg: undefined } }],
    ['of a client that is not there', { claims: { iss: 'x', sub: 'x' } }],
    ['of a client that is no text', { claims: { iss: 7, sub: 7 } }],
  ])('is refused %s', async ([, change]) => {
    const key = signer()
    const world = await withKeys(key)
    expect(await byAssertion(world, assertion(world, 'ci', key, change))).toEqual(REFUSED)
    expect((await byAssertion(world, assertion(world, 'ci', key))).status).toBe(200)
  })

  it('is refused that another key has signed, or that was changed', async () => {
    const key = signer()
    const world = await withKeys(key)
    expect(await byAssertion(world, assertion(world, 'ci', signer()))).toEqual(REFUSED)
    const good = assertion(world, 'ci', key)
    const [head = '', body = '', mark = ''] = good.split('.')
    for (const bad of [
      '',
      'x',
      `${head}.${body}`,
      `${head}.${body}.`,
      `${good}=`,
      `${head}.${Buffer.from(Buffer.from(body, 'base64url').toString().replace('"ci"', '"cj"')).toString('base64url')}.${mark}`,
      `${head}.${body}.${'A'.repeat(mark.length)}`,
      `${head}.${body}.${mark.slice(0, -4)}`,
    ]) {
      const { status } = await byAssertion(world, bad)
      expect([400, 401], bad).toContain(status)
    }
    expect((await byAssertion(world, good)).status).toBe(200)
  })

  it('cannot be made with a public key as if it were a secret', async () => {
    const key = signer('RS256')
    const world = await withKeys(key)
    const forger: Signer = {
      ...key,
      alg: 'HS256',
      sign: (input) => createHmac('sha256', JSON.stringify(key.jwk)).update(input).digest(),
    }
    expect(await byAssertion(world, assertion(world, 'ci', forger))).toEqual(REFUSED)
  })

  it('is no use where the client is not to sign, or where client_id names another', async () => {
    const key = signer()
    const world = await withKeys(key)
    const other = await byAssertion(world, assertion(world, 'ci', key), { client_id: 'cj' })
    expect(other).toEqual(REFUSED)
    const same = await byAssertion(world, assertion(world, 'ci', key), { client_id: 'ci' })
    expect(same.status).toBe(200)
    const client = await world.store.read((tx) => tx.findClient('ci'))
    if (client === undefined) throw new Error('no client')
    await world.store.write((tx) => tx.updateClient({ ...client, authMethods: ['secret'] }))
    expect(await byAssertion(world, assertion(world, 'ci', key))).toEqual(REFUSED)
  })

  it.for(['revocation', 'introspection'] as const)(
    'is taken, once, for %s too',
    async (endpoint) => {
      const key = signer()
      const world = await withKeys(key)
      const fields = { ...ASSERTION, client_assertion: assertion(world, 'ci', key), token: 'x' }
      expect((await world.post(endpoint, fields)).status).toBe(200)
      expect(await world.post(endpoint, fields)).toEqual(REFUSED)
      expect((await byAssertion(world, fields.client_assertion)).status).toBe(401)
    },
  )
})
