import { deflateSync, inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emptyBits, setStatus } from '#domain/status-list/bits.ts'

/** As the draft says it, bit by bit and with nothing clever. */
function naive(statuses: readonly number[], bits: number): number[] {
  const flat = statuses.flatMap((status) =>
    Array.from({ length: bits }, (_, i) => Math.floor(status / 2 ** i) % 2),
  )
  const bytes: number[] = []
  for (let at = 0; at < flat.length; at += 8) {
    bytes.push(flat.slice(at, at + 8).reduce((byte, bit, i) => byte + bit * 2 ** i, 0))
  }
  return bytes
}

function packed(statuses: readonly number[], bits: number): number[] {
  const bytes = emptyBits(statuses.length, bits)
  for (const [index, status] of statuses.entries()) setStatus(bytes, index, status, bits)
  return [...bytes]
}

/** The examples of draft-ietf-oauth-status-list-21 §4.1; compressed bytes are not canonical. */
const examples = [
  {
    bits: 1,
    statuses: [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1],
    bytes: [0xb9, 0xa3],
    lst: 'eNrbuRgAAhcBXQ',
  },
  {
    bits: 2,
    statuses: [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3],
    bytes: [0xc9, 0x44, 0xf9],
    lst: 'eNo76fITAAPfAgc',
  },
]

describe('packing', () => {
  it.each(examples)('is that of the draft with $bits bits', ({ bits, statuses, bytes, lst }) => {
    expect(packed(statuses, bits)).toEqual(bytes)
    expect([...inflateSync(Buffer.from(lst, 'base64url'))]).toEqual(bytes)
    expect([...inflateSync(deflateSync(Uint8Array.from(bytes)))]).toEqual(bytes)
  })

  it('is that of the naive oracle, also where a place is set again', () => {
    const list = fc.constantFrom(1, 2, 4, 8).chain((bits) =>
      fc.record({
        bits: fc.constant(bits),
        before: fc.array(fc.nat(2 ** bits - 1), { minLength: 1, maxLength: 70 }),
        over: fc.array(fc.tuple(fc.nat(69), fc.nat(2 ** bits - 1))),
      }),
    )
    fc.assert(
      fc.property(list, ({ bits, before, over }) => {
        const bytes = Uint8Array.from(packed(before, bits))
        const after = [...before]
        for (const [index, status] of over) {
          if (after.length <= index) continue
          after[index] = status
          setStatus(bytes, index, status, bits)
        }
        expect([...bytes]).toEqual(naive(after, bits))
      }),
    )
  })
})
