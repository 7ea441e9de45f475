import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeBase64url,
  decodeBase64urlAt,
  encodeBase64url,
  encodeByHand,
} from '#kernel/base64url.ts'

/** Node's own reader is lenient, so a text is canonical if it is what its bytes are written as. */
const plainly = (text: string): Uint8Array | undefined => {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? new Uint8Array(bytes) : undefined
}

describe('base64url', () => {
  it('is read if it is the one spelling of its bytes', () => {
    const seen = { good: 0, bad: 0 }
    const anyText = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
      fc.string({
        unit: fc.constantFrom('A', 'B', 'z', '9', '-', '_', '+', '/', '=', ' ', 'ä', 'Ā'),
      }),
    )
    fc.assert(
      fc.property(anyText, (text) => {
        const expected = plainly(text)
        expect(decodeBase64url(text)).toEqual(expected)
        if (expected === undefined) seen.bad++
        else {
          seen.good++
          expect(encodeBase64url(expected)).toBe(text)
          expect(encodeByHand(expected)).toBe(text)
        }
      }),
      { numRuns: 3000 },
    )
    expect(Math.min(seen.good, seen.bad)).toBeGreaterThan(500)
  })

  it('has no second spelling: every end of one and two bytes', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (const last of alphabet) {
      for (const text of [`A${last}`, `AA${last}`, `AAAA_${last}`, `AAAA__${last}`]) {
        expect(decodeBase64url(text)).toEqual(plainly(text))
      }
    }
    for (const code of [0, 43, 47, 61, 127, 128, 255, 256, 0x2d41, 65_535]) {
      const odd = String.fromCharCode(code)
      for (const text of [
        `${odd}AAA`,
        `A${odd}AA`,
        `AA${odd}A`,
        `AAA${odd}`,
        `A${odd}`,
        `AA${odd}`,
      ]) {
        expect(decodeBase64url(text)).toBeUndefined()
      }
    }
  })

  it('is read in its place, and what is around it stays', () => {
    const bytes = new TextEncoder().encode('..AQIDBA.AQ.')
    expect(decodeBase64urlAt(bytes, 2, 8)).toBe(6)
    expect([...bytes.subarray(0, 6)]).toEqual([46, 46, 1, 2, 3, 4])
    expect(new TextDecoder().decode(bytes.subarray(8))).toBe('.AQ.')
    expect(decodeBase64urlAt(bytes, 9, 11)).toBe(10)
    expect([bytes[9], bytes[11]]).toEqual([1, 46])
    expect(decodeBase64urlAt(bytes, 8, 8)).toBe(8)
    expect(decodeBase64urlAt(bytes, 8, 9)).toBe(-1)
  })
})
