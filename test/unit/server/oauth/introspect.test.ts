import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { jwks } from '#app/keys.ts'
import { toDate } from '#kernel/instant.ts'
import { altered, opened } from '../../app/forge.ts'
import { BEGINNING, ISSUER } from '../../world.ts'
import { API, basic, oauthWorld } from './world.ts'

const JWT = 'application/token-introspection+jwt'
const INACTIVE = { status: 200, headers: {}, body: { active: false } }

/** `a` gets tokens for the resource server `rs`, which is registered for the audience of both. */
async function stage() {
  const world = await oauthWorld()
  const secret = await world.withSecret('a')
  const rs = await world.withSecret('rs', { scopes: ['introspect'] })
  const ask = (token: string, accept = '', headers = basic('rs', rs)) =>
    world.post('introspection', { token }, { headers: { ...headers, accept } })
  return { world, secret, token: await world.tokenOf('a', secret, { scope: 'read' }), ask }
}

describe('introspection', () => {
  it('says what RFC 7662 names of a token that is good, and no more', async () => {
    const { token, ask } = await stage()
    const { claims } = opened(token)
    expect(await ask(token)).toEqual({
      status: 200,
      headers: {},
      body: {
        active: true,
        token_type: 'Bearer',
        scope: 'read',
        client_id: 'a',
        sub: 'a',
        aud: API,
        iss: ISSUER,
        jti: claims['jti'],
        iat: claims['iat'],
        exp: claims['exp'],
      },
    })
  })

  it('says of everything else that it is not active, and nothing more', async () => {
    const { world, token, ask } = await stage()
    expect(await ask('x')).toEqual(INACTIVE)
    expect(await ask(altered(token, { claims: { scope: 'all' } }))).toEqual(INACTIVE)
    expect(await ask(`${token}=`)).toEqual(INACTIVE)
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing', message: 'why' })
    expect(await ask(token)).toEqual(INACTIVE)
  })

  it('says so of an expired token', async () => {
    const { world, token, ask } = await stage()
    world.clock.advance(599_999)
    expect((await ask(token)).body.active).toBe(true)
    world.clock.advance(1)
    expect(await ask(token)).toEqual(INACTIVE)
  })

  it('says so of a token that is not the caller’s business', async () => {
    const { world, secret, token, ask } = await stage()
    const other = basic(
      'other',
      await world.withSecret('other', { audiences: ['https://b.example'] }),
    )
    expect(await ask(token, '', other)).toEqual(INACTIVE)
    const own = basic('a', secret)
    expect((await ask(token, '', own)).body.active).toBe(true)
  })

  it('tells a resource server that is an audience by its own name', async () => {
    const { world, ask } = await stage()
    const secret = await world.withSecret('b', { audiences: ['files'] })
    const files = basic('files', await world.withSecret('files', { audiences: [] }))
    const token = await world.tokenOf('b', secret)
    expect((await ask(token, '', files)).body.active).toBe(true)
    expect(await ask(token)).toEqual(INACTIVE)
  })

  it('ends with grace where a token is in it', async () => {
    const { world, token, ask } = await stage()
    const selector = { clients: ['a'] }
    await world.admin.revoke({ selector, reason: 'superseded', graceSeconds: 20 })
    const { body } = await ask(token)
    expect(body).toMatchObject({ active: true, exp: BEGINNING / 1000 + 20 })
    world.clock.advance(21_000)
    expect(await ask(token)).toEqual(INACTIVE)
  })

  it('needs a token, and somebody who asks', async () => {
    const { world, token, ask } = await stage()
    expect((await ask('')).body).toEqual({
      error: 'invalid_request',
      error_description: 'token is missing',
    })
    for (const fields of [{ token }, { token, client_id: 'rs', client_secret: 'x' }]) {
      const { status, body } = await world.post('introspection', fields)
      expect([status, body.error]).toEqual([401, 'invalid_client'])
    }
    await world.admin.disableClient({ id: 'rs' })
    const { status, body } = await ask(token)
    expect([status, body.error]).toEqual([400, 'unauthorized_client'])
  })
})

describe('an introspection that is signed', () => {
  it.for([JWT, `application/json;q=0.5, ${JWT.toUpperCase()};q=1`])(
    'is asked for by %s',
    async (accept) => {
      const { world, token, ask } = await stage()
      const { status, headers, body } = await ask(token, accept)
      expect({ status, headers }).toEqual({ status: 200, headers: { 'content-type': JWT } })
      const set = JSON.parse(JSON.stringify(await jwks(world.deps))) as never
      const { payload, protectedHeader } = await jwtVerify(body, createLocalJWKSet(set), {
        issuer: ISSUER,
        audience: 'rs',
        typ: 'token-introspection+jwt',
        currentDate: toDate(world.clock.now()),
      })
      expect(protectedHeader.alg).toBe('ES256')
      expect(payload).toEqual({
        iss: ISSUER,
        aud: 'rs',
        iat: BEGINNING / 1000,
        token_introspection: (await ask(token)).body,
      })
    },
  )

  it('says no more of what is not active', async () => {
    const { ask } = await stage()
    const { body } = await ask('x', JWT)
    expect(opened(body).claims['token_introspection']).toEqual({ active: false })
  })

  it('is no access token', async () => {
    const { world, token, ask } = await stage()
    const { body } = await ask(token, JWT)
    expect((await world.admin.verifyToken({ token: body })).verdict).toBe('invalid')
    expect(await ask(body)).toEqual(INACTIVE)
  })

  it.for(['', '*/*', 'application/*', 'application/json', 'token-introspection+jwt'])(
    'is not what %j asks for',
    async (accept) => {
      const { token, ask } = await stage()
      expect((await ask(token, accept)).body.active).toBe(true)
    },
  )
})
