import { createPublicKey } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { createLocalJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { describe, expect, it } from 'vitest'
import { jwks } from '#app/keys.ts'
import { toDate, toSeconds } from '#kernel/instant.ts'
import { createWorld, ISSUER } from '../world.ts'
import { altered } from './forge.ts'

const AUDIENCE = 'https://api.example'

/** A token of ours, and the key set as it is published: all that an independent verifier has. */
async function outside() {
  const world = await createWorld()
  await world.admin.createClient({ id: 'a', scopes: ['read'], audiences: [AUDIENCE] })
  // After a rotation the set holds two keys, so that a verifier has to choose by `kid`.
  await world.admin.rotateKey({})
  const { items } = await world.admin.issueTokens({ clientId: 'a' })
  const token = items[0]?.token ?? ''
  const set = JSON.parse(JSON.stringify(await jwks(world.deps))) as {
    keys: Record<string, string>[]
  }
  const jwk = set.keys.find(({ kid }) => kid === items[0]?.credential.keyId) ?? {}
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  return {
    token,
    forged: altered(token, { claims: { sub: 'root' } }),
    set,
    pem: String(pem),
    now: world.clock.now(),
    id: items[0]?.credential.id,
  }
}

describe('a token is verified by', () => {
  it('jose, from the key set', async () => {
    const { token, forged, set, now, id } = await outside()
    const keys = createLocalJWKSet(set as Parameters<typeof createLocalJWKSet>[0])
    const options = { issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', currentDate: toDate(now) }
    const { payload, protectedHeader } = await jwtVerify(token, keys, options)
    expect(payload.jti).toBe(id)
    expect(protectedHeader.alg).toBe('ES256')
    await expect(jwtVerify(forged, keys, options)).rejects.toThrow('signature')
  })

  it('jsonwebtoken', async () => {
    const { token, forged, pem, now, id } = await outside()
    const options = {
      algorithms: ['ES256' as const],
      issuer: ISSUER,
      audience: AUDIENCE,
      clockTimestamp: toSeconds(now),
    }
    expect(jsonwebtoken.verify(token, pem, options)).toMatchObject({ jti: id })
    expect(() => jsonwebtoken.verify(forged, pem, options)).toThrow('invalid signature')
  })

  it('fast-jwt', async () => {
    const { token, forged, pem, now, id } = await outside()
    const verify = createVerifier({
      key: pem,
      algorithms: ['ES256'],
      allowedIss: ISSUER,
      allowedAud: AUDIENCE,
      clockTimestamp: now,
    })
    expect(verify(token)).toMatchObject({ jti: id })
    expect(() => verify(forged)).toThrow('signature')
  })
})
