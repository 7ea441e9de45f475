import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anchorOf, intervalAt, judgeTimes, widensTo, widthOf } from '#verifier/authority-time.ts'

const SECOND = 1_000_000
const EPOCH = 1_795_460_880 * SECOND

/** A world with a true time, an authority's clock over it, and a local clock beside it. */
const worlds = fc.record({
  localPpm: fc.integer({ min: -140, max: 140 }),
  authorityPpm: fc.integer({ min: -50, max: 50 }),
  bootMicros: fc.integer({ min: 0, max: 1e12 }),
  sentAfter: fc.integer({ min: 0, max: 3600 * SECOND }),
  requestTook: fc.integer({ min: 0, max: 2 * SECOND }),
  replyTook: fc.integer({ min: 0, max: 2 * SECOND }),
  stepMicros: fc.integer({ min: -249_000, max: 249_000 }),
  stepAfter: fc.integer({ min: 0, max: 3600 * SECOND }),
  askedAfter: fc.integer({ min: 0, max: 6 * 3600 * SECOND }),
})

describe('the interval of an answer', () => {
  it('holds the authority’s time, whatever delays, drift and one jump do', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const local = (at: number): number =>
          world.bootMicros + Math.floor(at * (1 + world.localPpm / 1e6))
        const issued = world.sentAfter + world.requestTook
        const received = issued + world.replyTook
        const now = received + world.askedAfter
        const clock = (at: number): number =>
          EPOCH +
          Math.floor(at * (1 + world.authorityPpm / 1e6)) +
          (issued < world.stepAfter && world.stepAfter <= at ? world.stepMicros : 0)
        // The authority reads its clock in milliseconds, and its time never goes back.
        const told = Math.floor(clock(issued) / 1000) * 1000
        const truth = Math.max(told, clock(now))
        const anchor = anchorOf({
          sentMicros: local(world.sentAfter),
          receivedMicros: local(received),
          timeMicros: told,
        })
        const { lowerMicros, upperMicros } = intervalAt(anchor, local(now))
        expect(lowerMicros).toBeLessThanOrEqual(truth)
        expect(truth).toBeLessThanOrEqual(upperMicros)
      }),
      { numRuns: 2000 },
    )
  })

  it('is as wide as the exchange, twice a jump and a millisecond', () => {
    const anchor = anchorOf({ sentMicros: 0, receivedMicros: SECOND, timeMicros: EPOCH })
    expect(anchor).toEqual({
      atMicros: SECOND,
      lowerMicros: EPOCH - 250_000,
      upperMicros: EPOCH + SECOND + 200 + 1000 + 250_000,
    })
  })

  it('widens by 400 microseconds a second, and is as wide when it is said to be', () => {
    const anchor = anchorOf({ sentMicros: 0, receivedMicros: 0, timeMicros: EPOCH })
    const after = (seconds: number): number => widthOf(intervalAt(anchor, seconds * SECOND))
    expect(after(1000) - after(0)).toBe(400_000)
    const at = widensTo(anchor, 2 * SECOND)
    expect(widthOf(intervalAt(anchor, at))).toBeLessThanOrEqual(2 * SECOND + 1)
    expect(2 * SECOND).toBeLessThan(widthOf(intervalAt(anchor, at + SECOND)) + 1)
  })
})

describe('a token’s times', () => {
  const times = fc.record({
    from: fc.integer({ min: 0, max: 40 }),
    life: fc.integer({ min: 0, max: 40 }),
    lower: fc.integer({ min: -20, max: 100 }),
    width: fc.integer({ min: 0, max: 20 }),
    leeway: fc.integer({ min: 0, max: 10 }),
  })

  it('are judged as every instant of the interval would have it', () => {
    fc.assert(
      fc.property(times, ({ from, life, lower, width, leeway }) => {
        const until = from + life
        const instants = Array.from({ length: width + 1 }, (_, i) => lower + i)
        const all = (holds: (at: number) => boolean): boolean => instants.every(holds)
        const verdict = judgeTimes(
          { fromMicros: from, untilMicros: until },
          { lowerMicros: lower, upperMicros: lower + width },
          leeway,
        )
        expect(verdict).toBe(oracle(all, { from, until, leeway }))
        // What the limit on its width is for.
        expect(verdict === 'unclear' && width <= leeway).toBe(false)
      }),
      { numRuns: 5000 },
    )
  })
})

/** What holds at every instant that may be the present one, and nothing else, can be said. */
function oracle(
  all: (holds: (at: number) => boolean) => boolean,
  { from, until, leeway }: { from: number; until: number; leeway: number },
): string {
  if (all((at) => from - leeway <= at && at <= until + leeway)) return 'accepted'
  if (all((at) => until < at)) return 'expired'
  return all((at) => at < from) ? 'not-yet-valid' : 'unclear'
}
