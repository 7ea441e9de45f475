import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinCompact, parseToken, splitCompact } from '#domain/credential/token.ts'

const segment = (text: string): string => Buffer.from(text).toString('base64url')

/** The same by what takes it apart as bytes, and nothing kept from the token before. */
function plainly(text: string) {
  const parts = splitCompact(text)
  if (typeof parts === 'string') return parts
  const objectOf = (bytes: Uint8Array): object | undefined => {
    try {
      const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
      return typeof value === 'object' && value !== null && !Array.isArray(value)
        ? value
        : undefined
    } catch {
      return undefined
    }
  }
  const header = objectOf(parts.header)
  const claims = objectOf(parts.payload)
  if (header === undefined || claims === undefined) return 'no JSON objects'
  return { header, claims, signature: parts.signature, signed: parts.signed }
}

const anySegment = fc.oneof(
  fc.dictionary(fc.string(), fc.jsonValue()).map((value) => segment(JSON.stringify(value))),
  fc.constantFrom(
    '',
    'e30',
    'e31',
    'W10',
    'bnVsbA',
    '_w',
    segment('{"a":"é"}'),
    segment('\ufeff{}'),
  ),
  fc.string(),
)

describe('a token taken apart', () => {
  it('is what its segments say, whatever was taken apart before', () => {
    const seen = { good: 0, bad: 0 }
    fc.assert(
      fc.property(fc.array(anySegment, { minLength: 2, maxLength: 4 }), (segments) => {
        const text = segments.join('.')
        const parsed = parseToken(text)
        const expected = plainly(text)
        if (typeof expected === 'string') {
          expect(typeof parsed).toBe('string')
          seen.bad++
          return
        }
        expect(parsed).toEqual(expected)
        if (typeof parsed !== 'string') expect(joinCompact(parsed)).toBe(text)
        seen.good++
      }),
      { numRuns: 3000 },
    )
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(100)
  })

  it('has a header of its own, at first and after another', () => {
    expect(parseToken('.e30.')).toBe('its header is empty')
    expect(parseToken(`${segment('{"a":1}')}.e30.`)).toMatchObject({ header: { a: 1 } })
    expect(parseToken('.e30.')).toBe('its header is empty')
    expect(parseToken(`${segment('{"a":2}')}.e30.`)).toMatchObject({ header: { a: 2 } })
    const [first, second] = [1, 2].map(() => parseToken(`${segment('{"a":2}')}.e30.`))
    expect(() => Object.assign(Object(first).header, { a: 3 })).toThrow(TypeError)
    expect(second).toMatchObject({ header: { a: 2 } })
  })

  it('may be longer than most, and its bytes are its own', () => {
    const long = JSON.stringify({ pad: 'x'.repeat(9000) })
    const one = parseToken(`e30.${segment(long)}.AQID`)
    const other = parseToken(`e30.${segment('{"b":1}')}.BAUG`)
    expect(one).toMatchObject({ claims: { pad: 'x'.repeat(9000) } })
    expect(other).toMatchObject({ claims: { b: 1 }, signature: new Uint8Array([4, 5, 6]) })
    expect(one).toMatchObject({ signature: new Uint8Array([1, 2, 3]) })
  })

  it.for([
    ['', 'it is empty'],
    ['a.b', 'a JWT has three parts separated by dots; this has 2'],
    ['e30.e30.e30.e30', 'a JWT has three parts separated by dots; this has 4'],
    ['e31.e30.', 'its header is not canonical base64url'],
    ['e30.e31.', 'its payload is not canonical base64url'],
    ['e30.e30.A', 'its signature is not canonical base64url'],
    ['_w.e30.', 'its header is not JSON'],
    ['e30._w.', 'its payload is not JSON'],
    ['W10.e30.', 'its header is not a JSON object'],
    ['e30..', 'its payload is empty'],
    ['e30.bnVsbA.', 'its payload is not a JSON object'],
    ['x'.repeat(16_385), 'it has 16385 characters, and no token has more than 16384'],
  ] as const)('says what is wrong with %s', ([text, fault]) => {
    expect(parseToken(text)).toBe(fault)
  })

  it('is as long as a token may be', () => {
    const text = `e30.${segment('{}'.padEnd(12_282))}.`
    expect(text).toHaveLength(16_381)
    expect(parseToken(text)).toMatchObject({ claims: {} })
    expect(parseToken(text, 16_380)).toMatch(/no token has more than 16380/)
  })
})
