import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { placesOf } from '#domain/status-list/places.ts'

const seedOf = () => fc.uint8Array({ minLength: 16, maxLength: 16 })

describe('the order of places', () => {
  it('gives every place of a list once, whatever its size', () => {
    fc.assert(
      fc.property(seedOf(), fc.integer({ min: 1, max: 300 }), (seed, size) => {
        const placeAt = placesOf(seed, size)
        const given = Array.from({ length: size }, (_, n) => placeAt(n))
        expect(given.toSorted((a, b) => a - b)).toEqual(given.map((_, n) => n))
      }),
    )
  })

  it('is the same again from the same seed, so that processes can go on with it', () => {
    fc.assert(
      fc.property(seedOf(), fc.array(fc.nat(2 ** 17 - 1), { maxLength: 20 }), (seed, numbers) => {
        const [a, b] = [placesOf(seed, 2 ** 17), placesOf(seed, 2 ** 17)]
        const given = numbers.map((n) => a(n))
        expect(numbers.toReversed().map((n) => b(n))).toEqual(given.toReversed())
      }),
    )
  })

  it('tells nothing: neighbours lie anywhere, and each seed has an order of its own', () => {
    const size = 2 ** 20
    const [a, b] = [placesOf(new Uint8Array(16), size), placesOf(new Uint8Array(16).fill(1), size)]
    const numbers = Array.from({ length: 4096 }, (_, n) => n)
    const quarter = (place: number): number => Math.floor((4 * place) / size)
    const counts = [0, 0, 0, 0]
    let [rising, same] = [0, 0]
    for (const n of numbers) {
      counts[quarter(a(n))] = (counts[quarter(a(n))] ?? 0) + 1
      if (a(n) < a(n + 1)) rising += 1
      if (a(n) === b(n)) same += 1
    }
    // 1024 and 2048 are expected; six standard deviations are 167 and 192.
    for (const count of counts) expect(Math.abs(count - 1024)).toBeLessThan(170)
    expect(Math.abs(rising - 2048)).toBeLessThan(200)
    expect(same).toBeLessThan(5)
  })
})
