import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFormText, FORM_CHARACTERS_MAX, type Form, readForm } from '#domain/oauth/form.ts'

const read = (body: string): Form => {
  const form = readForm(body)
  if (typeof form === 'string') throw new Error(form)
  return form
}

describe('a form', () => {
  it('gives back what was put into it, whatever that is', () => {
    const pairs = fc.uniqueArray(
      fc.tuple(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'binary' })),
      { selector: ([name]) => name, maxLength: 20 },
    )
    fc.assert(
      fc.property(pairs, (given) => {
        const form = read(new URLSearchParams(given.map(([k, v]) => [k, v])).toString())
        for (const [name, value] of given) {
          expect(form.one(name)).toBe(value === '' ? undefined : value)
        }
      }),
    )
  })

  it.for([
    ['a=1', 'a', '1'],
    ['a=1+2', 'a', '1 2'],
    ['a=1%2B2', 'a', '1+2'],
    ['a+b=c', 'a b', 'c'],
    ['a==', 'a', '='],
    ['a=b=c', 'a', 'b=c'],
    ['a=%C3%A9', 'a', 'é'],
    ['a=', 'a', undefined],
    ['a', 'a', undefined],
    ['', 'a', undefined],
    ['__proto__=x', '__proto__', 'x'],
    ['a=1', 'constructor', undefined],
  ] as const)('%j has %s = %s', ([body, name, value]) => {
    expect(read(body).one(name)).toBe(value)
  })

  it('has only audience and resource several times, in order, without empty ones', () => {
    const form = read('resource=a&audience=b&resource=&resource=c')
    expect([form.all('resource'), form.all('audience'), form.all('scope')]).toEqual([
      ['a', 'c'],
      ['b'],
      [],
    ])
    expect(form.one('resource')).toBe('a')
  })

  it.for([
    'scope=a&scope=b',
    'scope=&scope=a',
    'scope=a&scope=',
    'unknown=a&unknown=a',
    'sc%6Fpe=a&scope=b',
    'grant_type&grant_type',
    '&',
  ])('refuses %j: a parameter is repeated', (body) => {
    expect(readForm(body)).toBe('a parameter is repeated')
  })

  it.for([
    'a=%',
    'a=%2',
    'a=%zz',
    '%=a',
    'a=%ff',
    'a=%C3',
    'a=%ED%A0%80',
    'a=é',
    'a=\u0000',
    'a=\n',
  ])('refuses %j: it is not well encoded', (body) => {
    expect(readForm(body)).toBe('the form is not well encoded')
  })

  it('has bounds', () => {
    const many = (count: number) => Array.from({ length: count }, (_, i) => `p${i}=`).join('&')
    expect(readForm(many(100))).toBeTypeOf('object')
    expect(readForm(many(101))).toBe('the form has too many parameters')
    const long = (length: number) => `a=${'x'.repeat(length - 2)}`
    expect(readForm(long(FORM_CHARACTERS_MAX))).toBeTypeOf('object')
    expect(readForm(long(FORM_CHARACTERS_MAX + 1))).toBe('the form is too long')
  })

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (body) => {
        expect(['string', 'object']).toContain(typeof readForm(body))
      }),
    )
  })
})

describe('a text of a form', () => {
  it('is decoded, or nothing', () => {
    expect([decodeFormText('a%3Ab'), decodeFormText('a+b'), decodeFormText('%')]).toEqual([
      'a:b',
      'a b',
      undefined,
    ])
  })
})
