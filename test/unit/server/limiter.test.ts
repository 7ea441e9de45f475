import { describe, expect, it } from 'vitest'
import { addressKey, createLimiter } from '#server/limiter.ts'

describe('a limiter', () => {
  it('counts each key in each window, and says when the next begins', () => {
    let now = 10_000
    const limiter = createLimiter({ now: () => now, windowMs: 10_000, requestsMax: 2, keysMax: 9 })
    expect([limiter.take('a'), limiter.take('a'), limiter.take('b')]).toEqual([0, 0, 0])
    now = 10_001
    expect(limiter.take('a')).toBe(10)
    now = 19_999
    expect([limiter.take('a'), limiter.take('b'), limiter.take('b')]).toEqual([1, 0, 1])
    now = 20_000
    expect([limiter.take('a'), limiter.take('b')]).toEqual([0, 0])
  })

  it('begins anew when the clock is set back', () => {
    let now = 20_000
    const limiter = createLimiter({ now: () => now, windowMs: 10_000, requestsMax: 1, keysMax: 9 })
    expect([limiter.take('a'), limiter.take('a')]).toEqual([0, 10])
    now = 5_000
    expect(limiter.take('a')).toBe(0)
  })

  it('lets those share one count who are too many to be counted', () => {
    const limiter = createLimiter({ now: () => 0, windowMs: 1000, requestsMax: 1, keysMax: 2 })
    expect([limiter.take('a'), limiter.take('b')]).toEqual([0, 0])
    expect([limiter.take('c'), limiter.take('d')]).toEqual([0, 1])
    expect([limiter.take('a'), limiter.take('b')]).toEqual([1, 1])
  })
})

describe('who is counted', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:0DB8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['2001:db8:1:2:3::', '2001:db8:1:2'],
  ])('of %s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key)
  })
})
