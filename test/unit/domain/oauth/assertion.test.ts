import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { algorithmsOf, readAsserted } from '#domain/oauth/assertion.ts'
import { onceKey } from '#domain/oauth/once.ts'

const NOW = 1_795_460_880
const rules = {
  issuer: 'https://as.example',
  nowSeconds: NOW,
  leewaySeconds: 30,
  lifetimeSecondsMax: 300,
}
const good = {
  iss: 'a',
  sub: 'a',
  aud: 'https://as.example',
  jti: 'one',
  iat: NOW,
  exp: NOW + 60,
}
const read = (claims: object, header: object = {}) =>
  readAsserted({ header: { alg: 'ES256', ...header }, claims: { ...good, ...claims } }, rules)

describe('a client assertion', () => {
  it('says who its client is, and until when its jti must be remembered', () => {
    expect(read({})).toEqual({ clientId: 'a', jti: 'one', untilSeconds: NOW + 90 })
  })

  it.for<[string, object, object?]>([
    ['an audience that is a list of the issuer alone', { aud: ['https://as.example'] }],
    ['the new type', {}, { typ: 'client-authentication+jwt' }],
    ['the old type', {}, { typ: 'JWT' }],
    ['an end 29 s ago, which a clock may be off', { exp: NOW - 29 }],
    ['the longest life', { exp: NOW + 330 }],
    ['a beginning as far ahead as a clock may be off', { nbf: NOW + 30, iat: NOW + 30 }],
    ['neither iat nor nbf', { iat: undefined }],
    ['an end within a second', { exp: NOW + 60.5 }],
    ['the longest jti', { jti: 'x'.repeat(256) }],
  ])('may have %s', ([, claims, header]) => {
    expect(read(claims, header)).toBeTypeOf('object')
  })

  it.for<[string, object, object?]>([
    ['the token endpoint as its audience', { aud: 'https://as.example/oauth/token' }],
    ['an audience beside the issuer', { aud: ['https://as.example', 'https://b.example'] }],
    ['the issuer twice', { aud: ['https://as.example', 'https://as.example'] }],
    ['no audience in its list', { aud: [] }],
    ['no audience', { aud: undefined }],
    ['an audience that only begins like the issuer', { aud: 'https://as.example/' }],
    ['another iss', { iss: 'b' }],
    ['no iss', { iss: undefined }],
    ['no sub', { sub: undefined, iss: undefined }],
    ['an empty sub', { sub: '', iss: '' }],
    ['a sub that is no text', { sub: 7, iss: 7 }],
    ['no jti', { jti: undefined }],
    ['an empty jti', { jti: '' }],
    ['a jti that is no text', { jti: 7 }],
    ['a jti that is too long', { jti: 'x'.repeat(257) }],
    ['no exp', { exp: undefined }],
    ['an exp that is no number', { exp: String(NOW + 60) }],
    ['an exp that is no time', { exp: Number.POSITIVE_INFINITY }],
    ['an exp that has passed', { exp: NOW - 30 }],
    ['an exp that is too far ahead', { exp: NOW + 331 }],
    ['an nbf in the future', { nbf: NOW + 31 }],
    ['an iat in the future', { iat: NOW + 31 }],
    ['an nbf that is no time', { nbf: 'now' }],
    ['an iat that is no time', { iat: null }],
    ['the type of an access token', {}, { typ: 'at+jwt' }],
    ['critical extensions', {}, { crit: ['b64'] }],
  ])('must not have %s', ([, claims, header]) => {
    expect(read(claims, header)).toBeTypeOf('string')
  })

  it('is remembered until after nobody would take it any more', () => {
    fc.assert(
      fc.property(fc.double({ min: NOW - 100, max: NOW + 400, noNaN: true }), (exp) => {
        const asserted = read({ exp })
        if (typeof asserted === 'string') return
        const later = { ...rules, nowSeconds: asserted.untilSeconds }
        expect(readAsserted({ header: {}, claims: { ...good, exp } }, later)).toBe('it has expired')
      }),
    )
  })
})

describe('a key signs', () => {
  it.for<[readonly string[], object]>([
    [['ES256'], { kty: 'EC', crv: 'P-256' }],
    [['ES256'], { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', key_ops: ['verify'] }],
    [['RS256'], { kty: 'RSA' }],
    [['EdDSA', 'Ed25519'], { kty: 'OKP', crv: 'Ed25519' }],
    [['EdDSA', 'Ed25519'], { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA' }],
    [['EdDSA', 'Ed25519'], { kty: 'OKP', crv: 'Ed25519', alg: 'Ed25519' }],
    [[], { kty: 'EC', crv: 'P-256', alg: 'RS256' }],
    [[], { kty: 'RSA', alg: 'PS256' }],
    [[], { kty: 'EC', crv: 'P-384' }],
    [[], { kty: 'OKP', crv: 'X25519' }],
    [[], { kty: 'oct' }],
    [[], {}],
    [[], { kty: 'RSA', use: 'enc' }],
    [[], { kty: 'RSA', key_ops: ['sign'] }],
    [[], { kty: 'RSA', key_ops: 'verify' }],
    [[], { kty: 'constructor', crv: 'name' }],
  ])('by %j: %j', ([names, jwk]) => {
    expect(algorithmsOf(jwk as Record<string, unknown>)).toEqual(names)
  })
})

describe('what may be used once', () => {
  it('is another one of another sender, and however the two are split', () => {
    const keys = [
      onceKey('a', 'b'),
      onceKey('a', 'c'),
      onceKey('b', 'b'),
      onceKey('ab', ''),
      onceKey('', 'ab'),
    ]
    const spelt = keys.map((key) => Buffer.from(key).toString('hex'))
    expect(new Set(spelt).size).toBe(5)
    expect(spelt.map(({ length }) => length)).toEqual([64, 64, 64, 64, 64])
    expect(Buffer.from(onceKey('a', 'b')).toString('hex')).toBe(spelt[0])
  })
})
