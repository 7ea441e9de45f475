import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRateLimit } from '#server/rate-limit.ts'
import { instant } from '#kernel/instant.ts'
import { testClock } from '../world.ts'

describe('a rate limit', () => {
  it('lets a burst through, then so many a second, each key for itself', () => {
    const clock = testClock()
    const limit = createRateLimit({ perSecond: 2, burst: 3 }, clock)
    const take = (key = 'a') => limit.take(key)
    expect([take(), take(), take(), take(), take('b')]).toEqual([0, 0, 0, 1, 0])
    clock.advance(499)
    expect(take()).toBe(1)
    clock.advance(1)
    expect([take(), take()]).toEqual([0, 1])
    clock.advance(60_000)
    expect([take(), take(), take(), take()]).toEqual([0, 0, 0, 1])
  })

  it('says how long to wait, in whole seconds', () => {
    const clock = testClock()
    const limit = createRateLimit({ perSecond: 0.1, burst: 1 }, clock)
    expect([limit.take('a'), limit.take('a')]).toEqual([0, 10])
    clock.advance(9_500)
    expect(limit.take('a')).toBe(1)
    clock.advance(500)
    expect(limit.take('a')).toBe(0)
  })

  it('can be asked without being counted', () => {
    const limit = createRateLimit({ perSecond: 1, burst: 1 }, testClock())
    expect([
      limit.wait('a'),
      limit.wait('a'),
      limit.take('a'),
      limit.wait('a'),
      limit.wait('a'),
    ]).toEqual([0, 0, 0, 1, 1])
  })

  it('fills nothing when the clock is set back', () => {
    const clock = testClock()
    const limit = createRateLimit({ perSecond: 1, burst: 1 }, clock)
    expect(limit.take('a')).toBe(0)
    clock.advance(-3600_000)
    expect(limit.take('a')).toBe(1)
    clock.advance(1000)
    expect(limit.take('a')).toBe(0)
  })

  it('never lets through more than a burst and what time has brought since', () => {
    const step = fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.constantFrom('a', 'b'))
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (steps, burst, perSecond) => {
          const clock = testClock(instant(0))
          const limit = createRateLimit({ perSecond, burst }, clock)
          const passed: { key: string; at: number }[] = []
          for (const [ms, key] of steps) {
            clock.advance(ms)
            const isFree = limit.take(key) === 0
            const earlier = passed.filter((one) => one.key === key)
            if (isFree) passed.push({ key, at: clock.now() })
            // The naive oracle: over every stretch that ends now, no more than its bound.
            const counts = [...earlier, { key, at: clock.now() }]
            const fits = counts.every(
              ({ at }, i) =>
                counts.length - i <= burst + ((clock.now() - at) / 1000) * perSecond + 1e-9,
            )
            expect(isFree).toBe(fits)
          }
        },
      ),
    )
  })

  it('keeps a bounded number of keys, and the busy ones longest', () => {
    const limit = createRateLimit({ perSecond: 0.001, burst: 1 }, testClock())
    limit.take('busy')
    for (let i = 0; i < 49_999; i++) limit.take(`k${i}`)
    expect(limit.take('busy')).not.toBe(0)
    expect(limit.wait('k0')).not.toBe(0)
    limit.take('one more')
    expect(limit.wait('k0')).toBe(0)
    expect(limit.wait('busy')).not.toBe(0)
  })
})
