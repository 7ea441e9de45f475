import Fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { problemDocument, rowOf, toProblem } from '#kernel/problem.ts'
import { mountStatus, statusOptions } from '#server/status.ts'
import { ISSUER, LOCAL, type TestWorld } from '../world.ts'
import { type Token, withTokens } from '../app/tokens.ts'

async function page(world: TestWorld, caller?: typeof LOCAL) {
  const app = Fastify()
  onTestFinished(() => app.close())
  app.setErrorHandler((thrown, request, reply) => {
    const problem = toProblem(thrown)
    return reply.status(rowOf(problem.code).status).send(problemDocument(problem, request.url))
  })
  mountStatus(app, statusOptions(world.deps, ISSUER, caller))
  return async (id: string, token?: string, over: object = {}) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await app.inject({ method: 'POST', url: `/status/${id}`, headers, ...over })
    return {
      status: answer.statusCode,
      body: answer.json<object>(),
      text: answer.body,
      headers: answer.headers,
    }
  }
}
const first = (tokens: readonly Token[]): Token => tokens[0] ?? { id: '', token: '' }

describe('the status of a credential, asked with its own token', () => {
  it('is active, and says so', async () => {
    const { world, a } = await withTokens()
    const { id, token } = first(a)
    const ask = await page(world)
    const { status, body } = await ask(id, token)
    expect([status, body]).toEqual([200, { id, state: 'active', next: 'use it: it is accepted' }])
    const inBody = await ask(id, undefined, { payload: { token } })
    expect(inBody.body).toEqual(body)
    expect((await ask(id, token, { method: 'GET' })).body).toEqual(body)
  })

  it('is revoked: why, by what, since when, and what to do', async () => {
    const { world, a } = await withTokens()
    const { id, token } = first(a)
    const ask = await page(world)
    const { revocation } = await world.admin.revoke({
      selector: { clients: ['a'] },
      reason: 'superseded',
      message: '<b>rotate</b> & retry',
    })
    const { body, text } = await ask(id, token)
    expect(body).toEqual({
      id,
      state: 'revoked',
      reason: 'superseded',
      message: '<b>rotate</b> & retry',
      revocationId: revocation?.id,
      publishedAt: '2026-11-23T19:08:00.000Z',
      next: 'get a new token: this one is revoked',
    })
    expect(text).not.toMatch(/[<>&]/)
  })

  it.each<[string, object, object]>([
    [
      'compromise',
      { reason: 'compromise', block: false },
      { state: 'revoked', next: 'ask an operator: the token may be in other hands' },
    ],
    [
      'a block',
      { reason: 'other', block: true },
      {
        state: 'revoked',
        next: 'ask an operator: nothing is issued to you until the block is ended',
      },
    ],
    [
      'a suspension',
      { reason: 'other', expiresAt: '2026-11-23T19:09:00Z' },
      { state: 'suspended', next: 'wait until it is lifted, or until 2026-11-23T19:09:00.000Z' },
    ],
    [
      'grace',
      { reason: 'other', graceSeconds: 20 },
      {
        state: 'active',
        reason: 'other',
        graceEndsAt: '2026-11-23T19:08:20.000Z',
        next: 'get a new token before 2026-11-23T19:08:20.000Z: this one is refused from then on',
      },
    ],
  ])('of %s says what helps', async (_, over, expected) => {
    const { world, a } = await withTokens()
    const { id, token } = first(a)
    const asked = { selector: { clients: ['a'] }, reason: 'other' as const, ...over }
    await world.admin.revoke(asked)
    expect((await (await page(world))(id, token)).body).toMatchObject(expected)
    expect((await (await page(world, LOCAL))(id)).body).toMatchObject(expected)
  })

  it('is expired, and told also when its record is gone', async () => {
    const { world, a } = await withTokens()
    const { id, token } = first(a)
    world.clock.advance(600_000)
    const ask = await page(world)
    const expected = { id, state: 'expired', next: 'get a new token: this one has expired' }
    expect((await ask(id, token)).body).toEqual(expected)
    world.clock.advance(31 * 24 * 3600_000)
    await world.store.write((tx) => tx.purgeCredentials('standard', world.clock.now(), 100))
    expect(await world.store.read((tx) => tx.findCredential(id))).toBeUndefined()
    expect((await ask(id, token)).body).toEqual(expected)
  })
})

describe('the status of anything else', () => {
  it('is told alike: what does not exist, what is another’s, and with a token that is none', async () => {
    const { world, a, b } = await withTokens()
    const ask = await page(world)
    const { token } = first(a)
    const other = first(b).id
    const forged = `${token.slice(0, -4)}AAAA`
    const answers = [
      await ask(other, token),
      await ask('cred_none', token),
      await ask(first(a).id, forged),
      await ask(first(a).id, 'x.y.z'),
      await ask('cred_none', 'x'),
    ]
    const plain = answers.map(({ status, body }) => [status, { ...body, instance: '' }])
    expect(plain[0]?.[0]).toBe(404)
    for (const one of plain) expect(one).toEqual(plain[0])
  })

  it('without a token needs one, whatever is asked about', async () => {
    const { world, a } = await withTokens()
    const ask = await page(world)
    for (const id of [first(a).id, 'cred_none']) {
      for (const over of [
        {},
        { payload: { token: '' } },
        { payload: { token: 7 } },
        { headers: { authorization: 'Basic x' } },
      ]) {
        expect((await ask(id, undefined, over)).body).toMatchObject({
          code: 'authentication-needed',
        })
      }
    }
  })

  it('is an operator’s to ask: with the scope, for the issuer, while his token is good', async () => {
    const { world, a } = await withTokens()
    await world.admin.createClient({
      id: 'ops',
      scopes: ['admin:*'],
      audiences: [ISSUER, 'https://x'],
    })
    const issue = async (scopes: string[], audience = ISSUER) =>
      (await world.admin.issueTokens({ clientId: 'ops', scopes, audience: [audience] })).items[0]
        ?.token
    const ask = await page(world)
    const { id } = first(a)
    const read = await issue(['admin:credentials:read'])
    expect((await ask(id, read)).body).toMatchObject({ id, state: 'active' })
    expect((await ask(id, read, { method: 'GET' })).status).toBe(200)
    expect((await ask('cred_none', read)).status).toBe(404)
    expect((await ask(id, await issue(['admin:clients:read']))).status).toBe(404)
    expect((await ask(id, await issue(['admin:credentials:read'], 'https://x'))).status).toBe(404)
    await world.admin.revoke({ selector: { clients: ['ops'] }, reason: 'testing' })
    expect((await ask(id, read)).status).toBe(404)
  })

  it('on the socket is whoever may read credentials', async () => {
    const { world, a } = await withTokens()
    const { id } = first(a)
    expect((await (await page(world, LOCAL))(id)).status).toBe(200)
    expect((await (await page(world, LOCAL))('cred_none')).status).toBe(404)
    const poor = { ...LOCAL, scopes: ['admin:clients:read'] }
    expect((await (await page(world, poor))(id)).status).toBe(404)
  })

  it('is told sixty times a minute to one address, and then when to ask again', async () => {
    const { world, a } = await withTokens()
    const ask = await page(world)
    const { id, token } = first(a)
    for (let i = 0; i < 60; i++) expect((await ask(id, token)).status).toBe(200)
    const refused = await ask(id, token)
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '60'])
    expect(refused.body).toMatchObject({ code: 'rate-limited' })
    const elsewhere = await ask(id, token, { remoteAddress: '192.0.2.9' })
    expect(elsewhere.status).toBe(200)
    world.clock.advance(60_000)
    expect((await ask(id, token)).status).toBe(200)
    const local = await page(world, LOCAL)
    for (let i = 0; i < 70; i++) expect((await local(id)).status).toBe(200)
  })
})
