import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256, sha256Text } from '#domain/feed/sha256.ts'

const oracle = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

describe('SHA-256 that remembers', () => {
  it('is that of the bytes, whatever was hashed before, and however they lie in memory', () => {
    // Much alike, so that what is remembered is nearly asked for.
    const step = fc.record({
      length: fc.constantFrom(0, 1, 3, 4, 5, 31, 32, 64, 282),
      offset: fc.nat(5),
      changed: fc.option(fc.nat(281), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        for (const { length, offset, changed } of steps) {
          const bytes = new Uint8Array(offset + length).subarray(offset)
          if (changed !== undefined && changed < length) bytes[changed] = 1
          expect(Buffer.from(sha256(bytes))).toEqual(oracle(bytes))
          expect(sha256Text(bytes)).toBe(oracle(bytes).toString('base64url'))
        }
      }),
    )
  })

  it('does not change with what is done to what it was given, or has answered', () => {
    const bytes = new Uint8Array(100)
    const first = sha256(bytes)
    first.fill(7)
    expect(Buffer.from(sha256(new Uint8Array(100)))).toEqual(oracle(new Uint8Array(100)))
    bytes[99] = 1
    expect(Buffer.from(sha256(bytes))).toEqual(oracle(bytes))
    expect(Buffer.from(sha256(new Uint8Array(100)))).toEqual(oracle(new Uint8Array(100)))
  })

  it('is that of more than is remembered', () => {
    const bytes = new Uint8Array(64 * 1024 + 1)
    for (let round = 0; round < 2; round++) {
      expect(Buffer.from(sha256(bytes))).toEqual(oracle(bytes))
      expect(sha256Text(bytes)).toBe(oracle(bytes).toString('base64url'))
      bytes[0] = 1
    }
  })
})
