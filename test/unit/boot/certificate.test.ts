import { describe, expect, it } from 'vitest'
import { signJws } from '#app/jws.ts'
import { readCertificate } from '#boot/certificate.ts'
import { position } from '#domain/feed/position.ts'
import type { CertificateClaims } from '#domain/proof/certificate.ts'
import { createWorld, ISSUER } from '../world.ts'

const HASH = 'A'.repeat(43)
const T = 1_800_000_000_000_000
const good: CertificateClaims = {
  iss: ISSUER,
  revocation: 'rev_1',
  position: position(1, 8),
  chain: HASH,
  publishedAt: T,
  roster: [],
  audiences: [],
  enforcedAt: T,
  time: T,
}

/** Another seed is another authority, with keys of other names. */
async function signing(seed = 1) {
  const { deps, store } = await createWorld({ seed })
  const { items } = await store.read((tx) => tx.listKeys({ purpose: 'feed' }, { limit: 1 }))
  const [key] = items
  const sealed = key && (await store.read((tx) => tx.sealedKey(key.id)))
  if (key === undefined || sealed === undefined) throw new Error('no key')
  const sign = (claims: object, typ = 'feed-certificate+jwt') =>
    signJws(deps, { key, sealed }, typ, claims)
  return { key: key.publicJwk, sign }
}

const withHeader = (text: string, change: object): string => {
  const [head = '', ...rest] = text.split('.')
  const header = { ...(JSON.parse(Buffer.from(head, 'base64url').toString()) as object), ...change }
  return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.')
}

describe('a certificate, offline', () => {
  it('is believed that is signed by one of the keys and holds by itself', async () => {
    const { key, sign } = await signing()
    const other = await signing(2)
    const text = sign(good)
    expect(readCertificate(`${text}\n`, [other.key, key])).toEqual({
      keyId: key['kid'],
      claims: good,
      problems: [],
    })
  })

  it('of several thousand verifiers is read', async () => {
    const { key, sign } = await signing()
    const roster = Array.from({ length: 5000 }, (_, i) => ({
      incarnation: `incarnation_${i}`,
      verifierId: 'local',
      name: 'one',
      acknowledged: { position: good.position, chain: HASH, digest: HASH, at: T },
    }))
    expect(readCertificate(sign({ ...good, roster }), [key]).problems).toEqual([])
  })

  it('is not believed where it does not hold, and its claims are not handed on', async () => {
    const { key, sign } = await signing()
    const read = readCertificate(sign({ ...good, time: T - 1 }), [key])
    expect(read.claims).toBeUndefined()
    expect(read.problems).toHaveLength(1)
  })

  it('is not believed that somebody else signed, or that was changed', async () => {
    const { key, sign } = await signing()
    const stranger = await signing(2)
    const problemsOf = (text: string, keys: readonly object[]) => {
      const read = readCertificate(text, keys as never)
      expect(read.claims).toBeUndefined()
      return read.problems.join()
    }
    expect(problemsOf(sign(good), [])).toContain('not among those given')
    expect(problemsOf(sign(good), [stranger.key])).toContain('not among those given')
    expect(problemsOf(stranger.sign(good), [{ ...key, kid: stranger.key['kid'] }])).toContain(
      'forged',
    )
    const [head, , mark] = sign(good).split('.')
    const body = Buffer.from(JSON.stringify({ ...good, revocation: 'rev_2' })).toString('base64url')
    expect(problemsOf([head, body, mark].join('.'), [key])).toContain('forged')
    expect(problemsOf(sign(good, 'feed-head+jwt'), [key])).toContain('type')
    expect(problemsOf(withHeader(sign(good), { crit: ['x'] }), [key])).toContain('crit')
    expect(problemsOf(withHeader(sign(good), { alg: 'none' }), [key])).toContain('ES256')
    expect(
      problemsOf(withHeader(sign(good), { kid: undefined }), [{ ...key, kid: undefined }]),
    ).toContain('not among')
    for (const bad of [
      { ...key, use: 'enc' },
      { ...key, crv: 'P-384' },
      { ...key, kty: 'OKP' },
      { ...key, x: '!' },
    ]) {
      expect(problemsOf(sign(good), [bad])).toContain('no P-256 key')
    }
    expect(problemsOf('x.y', [key])).toContain('three parts')
  })
})
