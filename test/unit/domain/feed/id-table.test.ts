import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExpiryHeap } from '#domain/feed/expiry-heap.ts'
import { IdTable } from '#domain/feed/id-table.ts'

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz'
const packed = (n: number): string =>
  `cred_${Array.from({ length: 22 }, (_, i) => CROCKFORD.charAt((n * (i + 3) + (n >> i)) % 32)).join('')}`
/** Ids that differ in one character only, and ids that are not of our form. */
const near = Array.from({ length: 22 }, (_, i) => `cred_${'0'.repeat(i)}1${'0'.repeat(21 - i)}`)
const odd = [
  '',
  'cred_',
  `cred_${'0'.repeat(21)}`,
  `cred_${'0'.repeat(23)}`,
  `cred_${'0'.repeat(21)}u`,
  `cred_${'0'.repeat(21)}A`,
  `cred_${'0'.repeat(21)}ö`,
  `cred_${'0'.repeat(21)}Ā`,
  `rev__${'0'.repeat(22)}`,
]
const anyId = fc.oneof(fc.nat(200).map(packed), fc.constantFrom(...near), fc.constantFrom(...odd))
const anyPlace = fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 7)
const anySteps = fc.array(
  fc.record({
    step: fc.constantFrom('add', 'add', 'add', 'add', 'remove', 'removeOne', 'retain'),
    id: anyId,
    place: anyPlace,
    rest: fc.nat(6),
  }),
  { maxLength: 300 },
)

const sorted = (places: readonly number[]): number[] => [...places].sort((a, b) => a - b)

describe('places by id', () => {
  it('are those of a plain map, whatever is added and removed', () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const table = new IdTable('cred_')
        let plain: { id: string; place: number }[] = []
        for (const { step, id, place, rest } of steps) {
          if (step === 'add') {
            table.add(id, place)
            plain.push({ id, place })
          } else if (step === 'remove') {
            table.remove(id)
            plain = plain.filter((it) => it.id !== id)
          } else if (step === 'removeOne') {
            table.removeOne(id, place)
            const at = plain.findIndex((it) => it.id === id && it.place === place)
            if (0 <= at) plain.splice(at, 1)
          } else {
            const isKept = (one: number): boolean => one % 7 !== rest
            table.retain(isKept)
            plain = plain.filter((it) => isKept(it.place))
          }
          expect(table.size).toBe(plain.length)
        }
        const ids = new Set([...plain.map(({ id }) => id), ...near, ...odd, packed(3)])
        for (const id of ids) {
          const places = plain.filter((it) => it.id === id).map((it) => it.place)
          expect(sorted(table.places(id))).toEqual(sorted(places))
          expect(table.has(id)).toBe(0 < places.length)
        }
      }),
      { numRuns: 400 },
    )
  })

  it('are found among thousands, and their rows are used again', () => {
    const table = new IdTable('cred_')
    const ids = Array.from({ length: 5000 }, (_, i) => `cred_${String(i).padStart(22, '0')}`)
    for (const round of [1, 2, 3]) {
      for (const [i, id] of ids.entries()) table.add(id, i * round)
      for (const [i, id] of ids.entries()) expect(table.places(id)).toEqual([i * round])
      for (const id of ids) table.remove(id)
      expect(table.size).toBe(0)
      for (const id of ids) expect(table.has(id)).toBe(false)
    }
  })

  it('are found once, where what was not retained comes again', () => {
    const table = new IdTable('cred_')
    const ids = Array.from({ length: 200 }, (_, i) => packed(i * 7))
    for (const round of [1, 2, 3]) {
      for (const id of ids) table.add(id, round)
      for (const id of ids) expect(table.places(id)).toEqual([round])
      table.retain(() => false)
      expect(table.size).toBe(0)
    }
  })

  it('take 24 bytes and a slot', () => {
    const before = process.memoryUsage().arrayBuffers
    const table = new IdTable('cred_')
    for (let i = 0; i < 100_000; i++) table.add(`cred_${String(i).padStart(22, '0')}`, i)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000 * 45)
    expect(table.size).toBe(100_000)
  })
})

describe('places by their end', () => {
  it('come out when they end, the earliest first', () => {
    const anyPushes = fc.array(fc.record({ seconds: fc.nat(30), place: fc.nat() }), {
      maxLength: 80,
    })
    fc.assert(
      fc.property(anyPushes, fc.array(fc.nat(30), { maxLength: 5 }), (pushes, stops) => {
        const heap = new ExpiryHeap()
        for (const { seconds, place } of pushes) heap.push(seconds, place)
        let left = [...pushes]
        for (const stop of [...stops, 30]) {
          const out: { seconds: number; place: number }[] = []
          for (let one = heap.pop(stop); one !== undefined; one = heap.pop(stop)) out.push(one)
          const due = left.filter(({ seconds }) => seconds <= stop)
          left = left.filter(({ seconds }) => stop < seconds)
          expect(out.map(({ seconds }) => seconds)).toEqual(sorted(due.map((it) => it.seconds)))
          expect(sorted(out.map((it) => it.place))).toEqual(sorted(due.map((it) => it.place)))
        }
      }),
      { numRuns: 500 },
    )
  })
})
