import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { settle, settleWanted } from '#boot/verifier/options.ts'
import type { VerifierOptions, VerifyOptions } from '#boot/verifier/types.ts'

const jwk = { kid: 'k', alg: 'ES256', kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }
const good: VerifierOptions = { issuer: 'https://auth.test', audience: 'https://api.test' }
const with_ = (more: object): VerifierOptions => ({ ...good, ...more })

describe('the options of a verifier', () => {
  it('have defaults', () => {
    expect(settle(good)).toEqual({
      issuer: 'https://auth.test',
      audiences: ['https://api.test'],
      urls: ['https://auth.test'],
      name: hostname().slice(0, 128),
      mode: 'standard',
      leewaySeconds: 2,
      stalenessSeconds: undefined,
      credential: undefined,
      snapshotFile: undefined,
      feedKeys: undefined,
      ca: undefined,
      signatureCacheSize: undefined,
    })
  })

  it.for([
    [{ url: 'https://a.test/' }, { urls: ['https://a.test'] }],
    [{ url: 'https://a.test/auth/?x=1#y' }, { urls: ['https://a.test/auth'] }],
    [{ url: ['https://a.test', 'https://b.test'] }, { urls: ['https://a.test', 'https://b.test'] }],
    [{ url: 'http://127.0.0.1:1' }, { urls: ['http://127.0.0.1:1'] }],
    [{ url: 'http://127.1.2.3' }, { urls: ['http://127.1.2.3'] }],
    [{ url: 'http://[::1]:1' }, { urls: ['http://[::1]:1'] }],
    [{ url: 'http://localhost:1' }, { urls: ['http://localhost:1'] }],
    [
      { url: 'http://auth.test', allowPlainHttp: true, feedKeys: [jwk] },
      { urls: ['http://auth.test'] },
    ],
    [{ feedKeys: { keys: [jwk] } }, { feedKeys: [jwk] }],
    [{ audience: ['a', 'b'] }, { audiences: ['a', 'b'] }],
    [{ leewaySeconds: 0 }, { leewaySeconds: 0 }],
    [{ mode: 'strict' }, { mode: 'strict' }],
    [{ name: 'n'.repeat(200) }, { name: 'n'.repeat(128) }],
    [{ name: '' }, { name: 'verifier' }],
    [{ credential: 'cvk_abc_-x' }, { credential: 'cvk_abc_-x' }],
    [{ stalenessSeconds: 0.5 }, { stalenessSeconds: 0.5 }],
  ] as const)('%j are taken as %j', ([more, settled]) => {
    expect(settle(with_(more))).toMatchObject(settled)
  })

  it.for([
    [{ issuer: '' }, /issuer/],
    [{ issuer: undefined }, /issuer/],
    [{ audience: '' }, /audience/],
    [{ audience: [] }, /audience/],
    [{ audience: ['a', 1] }, /audience/],
    [{ audience: ['a', ''] }, /audience/],
    [{ audience: Array.from({ length: 33 }, () => 'a') }, /audience/],
    [{ audience: undefined }, /audience/],
    [{ mode: 'lax' }, /mode/],
    [{ leewaySeconds: -1 }, /leeway/],
    [{ leewaySeconds: '1' }, /leeway/],
    [{ leewaySeconds: null }, /leeway/],
    [{ name: 5 }, /name/],
    [{ snapshotFile: 5 }, /snapshotFile/],
    [{ ca: 5 }, /ca is/],
    [{ onAlarm: 'log' }, /onAlarm/],
    [{ signal: 'never' }, /signal/],
    [{ credential: null }, /credential/],
    [{ feedKeys: null }, /feedKeys/],
    [{ url: 5 }, /url/],
    [{ url: ['https://auth.test', 5] }, /url/],
    [{ staleness: 5 }, /`staleness` is no option/],
    [{ feedkeys: [jwk] }, /`feedkeys` is no option/],
    [{ leewaySeconds: 2.1 }, /leeway/],
    [{ leewaySeconds: Number.NaN }, /leeway/],
    [{ stalenessSeconds: 0 }, /stalenessSeconds/],
    [{ stalenessSeconds: -1 }, /stalenessSeconds/],
    [{ stalenessSeconds: Number.NaN }, /stalenessSeconds/],
    [{ stalenessSeconds: Infinity }, /stalenessSeconds/],
    [{ signatureCacheSize: 0 }, /signatureCacheSize/],
    [{ credential: 'secret\nx: y' }, /credential/],
    [{ credential: ' secret' }, /credential/],
    [{ credential: '' }, /credential/],
    [{ feedKeys: [] }, /feedKeys/],
    [{ feedKeys: { keys: [] } }, /feedKeys/],
    [{ feedKeys: [{ ...jwk, x: undefined }] }, /feedKeys/],
    [{ feedKeys: [null] }, /feedKeys/],
    [{ url: [] }, /url/],
    [{ url: 'auth.test' }, /url/],
    [{ url: 'ftp://auth.test' }, /url/],
    [{ url: 'https://me:secret@auth.test' }, /url/],
    [{ url: 'https://me@auth.test' }, /url/],
    [{ url: 'https://:secret@auth.test' }, /url/],
    [{ url: 'http://auth.test' }, /loopback/],
    [{ url: 'http://127.example.com' }, /loopback/],
    [{ url: 'http://localhost.example.com' }, /loopback/],
    [{ url: ['https://auth.test', 'http://auth.test'] }, /loopback/],
    [{ url: 'http://auth.test', allowPlainHttp: true }, /pinned/],
    [{ url: 'http://auth.test', feedKeys: [jwk] }, /loopback/],
    [{ url: 'http://auth.test', feedKeys: [jwk], allowPlainHttp: 'yes' }, /loopback/],
  ] as const)('%j are refused', ([more, why]) => {
    const attempt = () => settle(with_(more))
    expect(attempt).toThrow(why)
    expect(attempt).toThrow(expect.objectContaining({ name: 'Problem', code: 'usage-invalid' }))
    expect(attempt).not.toThrow(/secret/)
  })
})

it.for([undefined, null, 'https://auth.test', []])('%j is no set of options', (options) => {
  const attempt = () => settle(options as unknown as VerifierOptions)
  expect(attempt).toThrow(expect.objectContaining({ name: 'Problem', code: 'usage-invalid' }))
})

describe('what a decision is to demand', () => {
  it.for([
    {},
    { scopes: [] },
    { scopes: ['read'], acr: ['mfa'], maxAgeSeconds: 0, proof: { jwt: '', method: '', url: '' } },
  ])('%j is taken', (wanted) => {
    expect(settleWanted(wanted)).toBeUndefined()
  })

  it.for([
    [{ scopes: 'read' }, /scopes/],
    [{ scope: ['write'] }, /`scope` is no option/],
    [null, /options/],
    ['read', /options/],
    [{ scopes: [''] }, /scopes/],
    [{ scopes: [1] }, /scopes/],
    [{ acr: 'mfa' }, /acr/],
    [{ maxAgeSeconds: -1 }, /maxAgeSeconds/],
    [{ maxAgeSeconds: Number.NaN }, /maxAgeSeconds/],
    [{ maxAgeSeconds: Infinity }, /maxAgeSeconds/],
  ] as const)('%j is refused', ([wanted, why]) => {
    expect(() => settleWanted(wanted as VerifyOptions)).toThrow(why)
  })
})
