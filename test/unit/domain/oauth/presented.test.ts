import { describe, expect, it } from 'vitest'
import { readForm } from '#domain/oauth/form.ts'
import { ASSERTION_TYPE, readPresented } from '#domain/oauth/presented.ts'
import { Problem } from '#kernel/problem.ts'

type Given = Readonly<Record<string, string>>

const presented = (given: Given, authorization?: string): unknown => {
  const form = readForm(new URLSearchParams(given).toString())
  if (typeof form === 'string') throw new Error(form)
  try {
    return readPresented(form, authorization)
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code
    throw thrown
  }
}
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`
const assertion = { client_assertion_type: ASSERTION_TYPE, client_assertion: 'x.y.z' }
const secret = { client_id: 'a', client_secret: 's' }

describe('a client authenticates', () => {
  it.for<[string, Given, string | undefined, unknown]>([
    ['by a secret in the form', secret, undefined, { kind: 'secret', clientId: 'a', secret: 's' }],
    ['by Basic', {}, basic('a:s'), { kind: 'secret', clientId: 'a', secret: 's' }],
    [
      'by basic',
      {},
      basic('a:s').toLowerCase().slice(0, 6) + basic('a:s').slice(6),
      { kind: 'secret', clientId: 'a', secret: 's' },
    ],
    [
      'by Basic and its own name',
      { client_id: 'a' },
      basic('a:s'),
      { kind: 'secret', clientId: 'a', secret: 's' },
    ],
    [
      'by Basic, form-encoded',
      {},
      basic('a%3Ab:s+%2F+%2B'),
      { kind: 'secret', clientId: 'a:b', secret: 's / +' },
    ],
    [
      'by Basic with colons in the secret',
      {},
      basic('a:s:t'),
      { kind: 'secret', clientId: 'a', secret: 's:t' },
    ],
    ['by an assertion', assertion, undefined, { kind: 'assertion', assertion: 'x.y.z' }],
    [
      'by an assertion and its name',
      { ...assertion, client_id: 'a' },
      undefined,
      { kind: 'assertion', assertion: 'x.y.z', clientId: 'a' },
    ],
    ['not at all', {}, undefined, { kind: 'none' }],
    ['by nothing but its name', { client_id: 'a' }, undefined, { kind: 'none', clientId: 'a' }],
  ])('%s', ([, given, authorization, expected]) => {
    expect(presented(given, authorization)).toEqual(expected)
  })
})

describe('a client is refused', () => {
  it.for<[string, Given, string | undefined, string]>([
    ['two ways: Basic and a secret', secret, basic('a:s'), 'request-invalid'],
    ['two ways: Basic and an assertion', assertion, basic('a:s'), 'request-invalid'],
    [
      'two ways: a secret and an assertion',
      { ...secret, ...assertion },
      undefined,
      'request-invalid',
    ],
    ['two ways: Bearer and a secret', secret, 'Bearer x', 'request-invalid'],
    ['Basic of another than it names', { client_id: 'b' }, basic('a:s'), 'request-invalid'],
    ['a secret of nobody', { client_secret: 's' }, undefined, 'request-invalid'],
    ['an assertion without its type', { client_assertion: 'x' }, undefined, 'request-invalid'],
    [
      'a type without an assertion',
      { client_assertion_type: ASSERTION_TYPE },
      undefined,
      'request-invalid',
    ],
    [
      'an assertion of another type',
      { ...assertion, client_assertion_type: 'saml' },
      undefined,
      'client-refused',
    ],
    ['another scheme', {}, 'Bearer x', 'client-refused'],
    ['no scheme', {}, 'YTpz', 'client-refused'],
    ['an empty header', {}, '', 'client-refused'],
    ['Basic of nothing', {}, 'Basic ', 'client-refused'],
    ['Basic that is no base64', {}, 'Basic a:s', 'client-refused'],
    ['Basic in base64 that is spelt in a second way', {}, 'Basic YTpzzz', 'client-refused'],
    ['Basic with more behind it', {}, `${basic('a:s')} x`, 'client-refused'],
    ['Basic without a colon', {}, basic('a'), 'client-refused'],
    ['Basic with a name that is not well encoded', {}, basic('%:s'), 'client-refused'],
    ['Basic with a secret that is not well encoded', {}, basic('a:%'), 'client-refused'],
  ])('%s', ([, given, authorization, code]) => {
    expect(presented(given, authorization)).toBe(code)
  })
})

it('bytes in Basic that are not UTF-8 are nobody’s name and nobody’s secret', () => {
  for (const bytes of ['613aff', 'ff3a73', '61c33a73']) {
    const credentials = Buffer.from(bytes, 'hex').toString('base64')
    expect(presented({}, `Basic ${credentials}`)).toBe('client-refused')
  }
})
