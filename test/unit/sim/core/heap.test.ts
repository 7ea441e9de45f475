import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventHeap } from '#sim/core/heap.ts'

describe('the heap of events', () => {
  it('gives them by time, and by order where times are equal', () => {
    const event = fc.record({ at: fc.integer({ min: 0, max: 50 }), takes: fc.nat(3) })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const heap = new EventHeap(0)
        const waiting: { at: number; n: number }[] = []
        const take = (): void => {
          waiting.sort((a, b) => a.at - b.at || a.n - b.n)
          const expected = waiting.shift()
          expect(heap.nextMicros).toBe(expected?.at ?? Number.POSITIVE_INFINITY)
          expect(heap.pop()).toBe(expected !== undefined)
          if (expected === undefined) return
          expect([heap.nowMicros, heap.number, heap.value]).toEqual([
            expected.at,
            expected.n,
            `v${expected.n}`,
          ])
        }
        events.forEach(({ at, takes }, n) => {
          heap.push(at, n % 200, n, n, `v${n}`)
          waiting.push({ at: Math.max(at, heap.nowMicros), n })
          for (let i = 0; i < takes; i++) take()
        })
        while (0 < waiting.length) take()
        take()
        expect(heap.size).toBe(0)
      }),
    )
  })

  it('grows, and keeps what it holds', () => {
    const heap = new EventHeap(0)
    const count = 5000
    for (let i = 0; i < count; i++) heap.push(count - i, i % 7, i, i / 2, { i })
    for (let i = count - 1; 0 <= i; i--) {
      expect(heap.pop()).toBe(true)
      expect([heap.kind, heap.entity, heap.number, heap.value]).toEqual([i % 7, i, i / 2, { i }])
    }
    expect(heap.popped).toBe(count)
  })

  it('never goes back: what should have come already comes at once', () => {
    const heap = new EventHeap(10)
    heap.push(3, 1, 1)
    heap.push(10, 2, 2)
    expect([heap.pop(), heap.nowMicros, heap.kind]).toEqual([true, 10, 1])
    expect([heap.pop(), heap.nowMicros, heap.kind]).toEqual([true, 10, 2])
  })

  it('keeps nothing alive that has come', () => {
    const heap = new EventHeap(0)
    heap.push(1, 1, 1, 0, 'held')
    heap.pop()
    heap.push(2, 1, 1)
    heap.pop()
    expect(heap.value).toBeUndefined()
  })
})
