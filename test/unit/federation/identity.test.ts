import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { parseToken, type ParsedToken } from '#domain/credential/token.ts'
import { createIdentityTokens } from '#federation/identity.ts'
import type { KeySource } from '#federation/port.ts'
import { instant, toSeconds, type Instant } from '#kernel/instant.ts'
import { BEGINNING, refusalOf } from '../world.ts'

const ISSUER = 'https://ci.example'
const source: KeySource = { issuer: ISSUER, allowsPrivate: false }
const later = (seconds: number): Instant => instant(BEGINNING + seconds * 1000)

/** An issuer whose keys change, and whose network can fail. */
async function makeIssuer() {
  const asked: [string, boolean][] = []
  const keys: Record<string, unknown>[] = []
  const state = { isDown: false }
  const pairs = new Map<string, CryptoKey>()
  const addKey = async (kid: string): Promise<void> => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
    keys.push({ ...(await exportJWK(publicKey)), kid, alg: 'RS256' })
    pairs.set(kid, privateKey)
  }
  await addKey('one')
  const identity = createIdentityTokens(async (url, { onlyPublic = false } = {}) => {
    asked.push([url, onlyPublic])
    if (state.isDown) return undefined
    if (url === `${ISSUER}/.well-known/openid-configuration`) {
      return { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` }
    }
    return url === `${ISSUER}/keys` || url === `${ISSUER}/other` ? { keys: [...keys] } : undefined
  })
  const sign = async (kid = 'one', signedWith = kid): Promise<ParsedToken> => {
    const key = pairs.get(signedWith)
    if (key === undefined) throw new Error(signedWith)
    const token = await new SignJWT({ sub: 'job' })
      .setProtectedHeader({ alg: 'RS256', kid })
      .setIssuer(ISSUER)
      .setExpirationTime(toSeconds(BEGINNING) + 100_000)
      .sign(key)
    const parsed = parseToken(token)
    if (typeof parsed === 'string') throw new Error(parsed)
    return parsed
  }
  const fetches = (): number => asked.filter(([url]) => url === `${ISSUER}/keys`).length
  return { identity, sign, addKey, asked, keys, state, fetches }
}

describe('an identity token', () => {
  it('is accepted by the discovered key, which is fetched once and with care', async () => {
    const { identity, sign, asked, fetches } = await makeIssuer()
    for (const at of [0, 1, 599]) {
      expect(await identity.verify(source, await sign(), later(at))).toMatchObject({
        verdict: 'accepted',
        claims: { sub: 'job' },
      })
    }
    expect(fetches()).toBe(1)
    expect(asked.every(([, onlyPublic]) => onlyPublic)).toBe(true)
  })

  it('of a burst asks one question', async () => {
    const { identity, sign, fetches } = await makeIssuer()
    const token = await sign()
    await Promise.all([1, 2, 3].map(() => identity.verify(source, token, later(0))))
    expect(fetches()).toBe(1)
  })

  it('is judged by keys no older than ten minutes', async () => {
    const { identity, sign, keys, fetches } = await makeIssuer()
    const token = await sign()
    await identity.verify(source, token, later(0))
    keys.length = 0
    expect(await identity.verify(source, token, later(599))).toMatchObject({ verdict: 'accepted' })
    expect(await identity.verify(source, token, later(600))).toMatchObject({ verdict: 'invalid' })
    expect(fetches()).toBe(2)
  })

  it('with a key not seen before has it fetched once more, and then not for half a minute', async () => {
    const { identity, sign, addKey, fetches } = await makeIssuer()
    await identity.verify(source, await sign(), later(0))
    await addKey('two')
    expect(await identity.verify(source, await sign('two'), later(1))).toMatchObject({
      verdict: 'accepted',
    })
    expect(fetches()).toBe(2)
    const unknown = await sign('three', 'one')
    expect(await identity.verify(source, unknown, later(2))).toMatchObject({ verdict: 'invalid' })
    expect(fetches()).toBe(2)
    await identity.verify(source, unknown, later(30))
    expect(fetches()).toBe(2)
    await identity.verify(source, unknown, later(31))
    expect(fetches()).toBe(3)
  })

  it('of a key not there is asked for once where the keys were just fetched', async () => {
    const { identity, sign, fetches } = await makeIssuer()
    await identity.verify(source, await sign('none', 'one'), later(0))
    expect(fetches()).toBe(1)
  })

  it('is still judged while its issuer is down, for an hour', async () => {
    const { identity, sign, state } = await makeIssuer()
    const token = await sign()
    await identity.verify(source, token, later(0))
    state.isDown = true
    expect(await identity.verify(source, token, later(3599))).toMatchObject({ verdict: 'accepted' })
    const refused = await refusalOf(identity.verify(source, token, later(3600)))
    expect(refused.code).toBe('issuer-unreachable')
  })

  it('with pinned keys needs no network, and knows no others', async () => {
    const { identity, sign, keys, asked, addKey } = await makeIssuer()
    const pinned = { ...source, jwks: { keys: [...keys] } }
    expect(await identity.verify(pinned, await sign(), later(0))).toMatchObject({
      verdict: 'accepted',
    })
    await addKey('two')
    expect(await identity.verify(pinned, await sign('two'), later(0))).toMatchObject({
      verdict: 'invalid',
    })
    expect(asked).toEqual([])
  })

  it('takes keys from where the trust says, privately if it says so, and keeps them apart', async () => {
    const { identity, sign, asked } = await makeIssuer()
    const given = { issuer: ISSUER, jwksUri: `${ISSUER}/other`, allowsPrivate: true }
    expect(await identity.verify(given, await sign(), later(0))).toMatchObject({
      verdict: 'accepted',
    })
    await identity.verify({ ...given, allowsPrivate: false }, await sign(), later(0))
    expect(asked).toEqual([
      [`${ISSUER}/other`, false],
      [`${ISSUER}/other`, true],
    ])
    const absent = { ...given, jwksUri: `${ISSUER}/absent` }
    expect((await refusalOf(identity.verify(absent, await sign(), later(0)))).code).toBe(
      'issuer-unreachable',
    )
  })

  it('of another issuer is not accepted by these keys', async () => {
    const { identity, sign, keys } = await makeIssuer()
    const other = { issuer: 'https://other.example', jwks: { keys }, allowsPrivate: false }
    expect(await identity.verify(other, await sign(), later(0))).toMatchObject({
      verdict: 'invalid',
    })
  })
})
