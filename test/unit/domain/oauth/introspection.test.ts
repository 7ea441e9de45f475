import { describe, expect, it } from 'vitest'
import { introspectionOf, mayIntrospect } from '#domain/oauth/introspection.ts'
import { isOurSecret, isSecretValid, sameSecretBytes } from '#domain/oauth/secret.ts'
import { instant } from '#kernel/instant.ts'

const claims = {
  iss: 'i',
  sub: 's',
  aud: ['x', 'y'],
  client_id: 'c',
  jti: 'j',
  iat: 1,
  exp: 100,
  scope: 'a b',
  sid: 'q',
  feed_seq: 5,
  root_seq: 5,
  root_iat: 1,
}

describe('an introspection', () => {
  it('says what RFC 7662 names, and nothing of the feed', () => {
    expect(introspectionOf(claims, undefined)).toEqual({
      active: true,
      token_type: 'Bearer',
      iss: 'i',
      sub: 's',
      aud: ['x', 'y'],
      client_id: 'c',
      jti: 'j',
      iat: 1,
      exp: 100,
      scope: 'a b',
    })
    expect(introspectionOf({ ...claims, nbf: 2, cnf: { jkt: 'k' } }, undefined)).toMatchObject({
      nbf: 2,
      cnf: { jkt: 'k' },
    })
  })

  it('ends with grace, and never later than the token', () => {
    expect(introspectionOf(claims, 50)['exp']).toBe(50)
    expect(introspectionOf(claims, 150)['exp']).toBe(100)
  })

  it.for<[boolean, string, readonly string[]]>([
    [true, 'c', []],
    [true, 'x', []],
    [true, 'api', ['y']],
    [false, 'api', []],
    [false, 'api', ['z']],
    [false, 's', ['c']],
  ])('is told %s: client %s for %j', ([told, id, audiences]) => {
    expect(mayIntrospect({ id, audiences }, claims)).toBe(told)
  })
})

describe('a secret', () => {
  it.for([
    [true, `credctl_cs_${'x'.repeat(43)}`],
    [false, `credctl_cs_${'x'.repeat(42)}`],
    [false, `credctl_cs_${'x'.repeat(44)}`],
    [false, `credctl_cs_${'x'.repeat(42)}+`],
    [false, `xcredctl_cs_${'x'.repeat(43)}`],
    [false, ''],
  ] as const)('is of our form: %s %s', ([ours, text]) => {
    expect(isOurSecret(text)).toBe(ours)
  })

  it('is good until it expires', () => {
    const secret = {
      clientId: 'a',
      method: 'scrypt',
      hash: new Uint8Array(1),
      salt: new Uint8Array(1),
      createdAt: instant(1),
    } as const
    expect(isSecretValid(secret, instant(9))).toBe(true)
    expect(isSecretValid({ ...secret, expiresAt: instant(9) }, instant(8))).toBe(true)
    expect(isSecretValid({ ...secret, expiresAt: instant(9) }, instant(9))).toBe(false)
  })

  it('is compared whole', () => {
    const of = (...bytes: number[]) => Uint8Array.from(bytes)
    expect(sameSecretBytes(of(1, 2), of(1, 2))).toBe(true)
    for (const other of [of(1, 3), of(0, 2), of(1), of(1, 2, 0), of()]) {
      expect(sameSecretBytes(of(1, 2), other)).toBe(false)
      expect(sameSecretBytes(other, of(1, 2))).toBe(false)
    }
  })
})
