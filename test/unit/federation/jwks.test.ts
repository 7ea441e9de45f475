import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { joinCompact, parseToken } from '#domain/credential/token.ts'
import { createForeignIssuers } from '#federation/jwks.ts'
import { instant, toSeconds } from '#kernel/instant.ts'
import { BEGINNING, createWorld, refusalOf } from '../world.ts'

const OTHER = 'https://other.example/ci'

/** An issuer that is not ours: what it signs, and what it publishes. */
async function otherIssuer({ alg = 'RS256', more = {} }: { alg?: string; more?: JWK } = {}) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', ...more }
  const asked: string[] = []
  const published: Record<string, unknown> = {
    'https://other.example/ci/.well-known/openid-configuration': {
      issuer: OTHER,
      jwks_uri: 'https://other.example/keys',
    },
    'https://other.example/keys': { keys: [jwk] },
  }
  const foreignIssuers = createForeignIssuers(async (url) => {
    asked.push(url)
    return published[url]
  })
  const sign = (claims: Record<string, unknown> = {}) =>
    new SignJWT({ sub: 'repo:a', ...claims })
      .setProtectedHeader({ alg, kid: 'k' })
      .setIssuer(OTHER)
      .setExpirationTime(toSeconds(BEGINNING) + 60)
      .sign(privateKey)
  return { foreignIssuers, sign, asked, published }
}

/** Other spellings of the same bytes, every one of which some library takes. */
function respellings(token: string): [string, string][] {
  const [head = '', body = '', mark = ''] = token.split('.')
  const join = (...parts: string[]): string => parts.join('.')
  const last = mark.at(-1) ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const trailing = alphabet.charAt(alphabet.indexOf(last) + 1)
  return [
    ['padding', join(head, body, `${mark}==`)],
    ['bits beyond the last byte', join(head, body, mark.slice(0, -1) + trailing)],
    ['a blank in the signature', join(head, body, `${mark.slice(0, 9)} ${mark.slice(9)}`)],
    ['a blank in the header', join(`${head} `, body, mark)],
    ['a line end in the payload', join(head, `${body}\n`, mark)],
    ['plain base64', join(head, body, `${mark.slice(0, -2)}+/`)],
  ]
}

describe('a token of another issuer', () => {
  it.for(['ES256', 'RS256', 'PS256', 'ES384', 'Ed25519'])('in %s is accepted', async (alg) => {
    const { foreignIssuers, sign } = await otherIssuer({ alg })
    const { admin } = await createWorld({ foreignIssuers })
    const token = await sign()
    const decision = await admin.verifyToken({ token, issuer: OTHER })
    expect(decision).toMatchObject({ verdict: 'accepted', revocationChecked: false })
    expect(decision.claims).toMatchObject({ iss: OTHER, sub: 'repo:a' })
  })

  it('in any other spelling is refused before its issuer is asked, and jose sees it', async () => {
    const { foreignIssuers, sign, asked } = await otherIssuer()
    const { admin } = await createWorld({ foreignIssuers })
    for (const [about, token] of respellings(await sign())) {
      const decision = await admin.verifyToken({ token, issuer: OTHER })
      expect(decision, about).toMatchObject({
        verdict: 'invalid',
        detail: expect.stringMatching(/is not canonical base64url$/),
      })
      expect(decision.claims).toBeUndefined()
    }
    expect(asked).toEqual([])
  })

  it('gets to jose in its one spelling, whatever it was parsed from', async () => {
    const { sign } = await otherIssuer()
    const token = await sign()
    const parsed = parseToken(token)
    expect(typeof parsed === 'string' ? parsed : joinCompact(parsed)).toBe(token)
  })

  it('is judged by the clock, and by its issuer', async () => {
    const { foreignIssuers, sign } = await otherIssuer()
    const parsed = parseToken(await sign({ nbf: toSeconds(BEGINNING) }))
    if (typeof parsed === 'string') throw new Error(parsed)
    const at = (seconds: number) =>
      foreignIssuers.verify(OTHER, parsed, instant(BEGINNING + seconds * 1000))
    const verdicts = await Promise.all([-3, -2, 0, 61, 62].map(at))
    expect(verdicts.map(({ verdict }) => verdict)).toEqual([
      'not-yet-valid',
      'accepted',
      'accepted',
      'accepted',
      'expired',
    ])
  })

  it.for<[string, JWK]>([
    ['for encryption', { use: 'enc' }],
    ['for another algorithm', { alg: 'PS256' }],
    ['for other operations', { key_ops: ['encrypt'] }],
    ['without its modulus', { n: '' }],
    ['of another name', { kid: 'other' }],
  ])('is invalid under a key %s, and no fault of ours', async ([, more]) => {
    const { foreignIssuers, sign } = await otherIssuer({ more })
    const world = await createWorld({ foreignIssuers })
    const decision = await world.admin.verifyToken({ token: await sign(), issuer: OTHER })
    expect(decision.verdict).toBe('invalid')
    expect(decision.claims).toBeUndefined()
    expect(world.faults).toEqual([])
  })

  it.for(['http://other.example/keys', 'http://169.254.169.254/keys'])(
    'cannot be checked with keys from %s, which are not fetched',
    async (uri) => {
      const { foreignIssuers, sign, asked, published } = await otherIssuer()
      published[`${OTHER}/.well-known/openid-configuration`] = { issuer: OTHER, jwks_uri: uri }
      published[uri] = published['https://other.example/keys']
      const { admin } = await createWorld({ foreignIssuers })
      const problem = await refusalOf(admin.verifyToken({ token: await sign(), issuer: OTHER }))
      expect(problem.code).toBe('issuer-unreachable')
      expect(asked).not.toContain(uri)
    },
  )

  it('under metadata of somebody else cannot be checked', async () => {
    const { foreignIssuers, sign, published } = await otherIssuer()
    const place = 'https://other.example/ci/.well-known/openid-configuration'
    published[place] = { issuer: 'https://evil.example', jwks_uri: 'https://other.example/keys' }
    const { admin } = await createWorld({ foreignIssuers })
    const problem = await refusalOf(admin.verifyToken({ token: await sign(), issuer: OTHER }))
    expect(problem.code).toBe('issuer-unreachable')
  })
})
