import { describe, expect, it } from 'vitest'
import { readAsked } from '#domain/oauth/asked.ts'
import { readForm } from '#domain/oauth/form.ts'
import { Problem } from '#kernel/problem.ts'

const asked = (body: string): unknown => {
  const form = readForm(body)
  if (typeof form === 'string') throw new Error(form)
  try {
    return readAsked(form)
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code
    throw thrown
  }
}
const scopes = (count: number): string => Array.from({ length: count }, (_, i) => `s${i}`).join('+')
const audiences = (count: number): string =>
  Array.from({ length: count }, (_, i) => `audience=a${i}`).join('&')

describe('a token request asks', () => {
  it.for<[string, unknown]>([
    ['', {}],
    ['scope=read+deploy%3Aprod', { scopes: ['read', 'deploy:prod'] }],
    ['scope=++read++', { scopes: ['read'] }],
    ['scope=+', {}],
    ['scope=', {}],
    [`scope=${'x'.repeat(256)}`, { scopes: ['x'.repeat(256)] }],
    ['audience=api', { audience: ['api'] }],
    [
      'audience=b&resource=https%3A%2F%2Fa.example%2Fx%3Fy',
      { audience: ['https://a.example/x?y', 'b'] },
    ],
    ['resource=urn%3Aa', { audience: ['urn:a'] }],
    ['expires_in=90', { ttlSeconds: 90 }],
    ['expires_in=999999999', { ttlSeconds: 999_999_999 }],
    ['grant_type=x&unknown=y', {}],
  ])('%j: %j', ([body, expected]) => {
    expect(asked(body)).toEqual(expected)
  })

  it.for([
    ['scope=a%22', 'scope-refused'],
    ['scope=a%5C', 'scope-refused'],
    ['scope=a%09b', 'scope-refused'],
    ['scope=%C3%A9', 'scope-refused'],
    [`scope=${'x'.repeat(257)}`, 'scope-refused'],
    [`scope=${scopes(65)}`, 'scope-refused'],
    ['resource=api', 'audience-refused'],
    ['resource=https%3A', 'audience-refused'],
    ['resource=https%3A%2F%2Fa.example%23x', 'audience-refused'],
    ['resource=https%3A%2F%2Fa.example%2F%20', 'audience-refused'],
    ['resource=1a%3Ab', 'audience-refused'],
    ['audience=a%20b', 'audience-refused'],
    ['audience=%C3%A9', 'audience-refused'],
    [`audience=${'x'.repeat(513)}`, 'audience-refused'],
    [audiences(33), 'audience-refused'],
    ['expires_in=0', 'request-invalid'],
    ['expires_in=-1', 'request-invalid'],
    ['expires_in=1.5', 'request-invalid'],
    ['expires_in=1e3', 'request-invalid'],
    ['expires_in=9999999999', 'request-invalid'],
  ])('and is refused: %j', ([body, code]) => {
    expect(asked(body ?? '')).toBe(code)
  })

  it('up to the bounds', () => {
    expect(asked(`scope=${scopes(64)}`)).toMatchObject({ scopes: { length: 64 } })
    expect(asked(audiences(32))).toMatchObject({ audience: { length: 32 } })
    expect(asked(`audience=${'x'.repeat(512)}`)).toMatchObject({ audience: { length: 1 } })
  })
})
