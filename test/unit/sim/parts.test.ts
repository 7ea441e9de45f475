import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { trapAmbient } from '#boot/ambient-trap.ts'
import { runSimulation } from '#boot/sim.ts'
import { formatInstant, instant, parseInstant } from '#kernel/instant.ts'
import { chanceOf, entropyOf } from '#sim/chance.ts'
import { clocksOf } from '#sim/clocks.ts'
import { drawFaults } from '#sim/faults.ts'
import { naiveAccepts } from '#sim/naive.ts'
import { exposureOf } from '#sim/tally.ts'

const SECOND = 1_000_000

describe('chance', () => {
  const draws = (seed: number, stream: string, entity: number, count = 50): number[] => {
    const chance = chanceOf(seed, stream, entity)
    return Array.from({ length: count }, () => chance.bits())
  }

  it('repeats for one seed, stream and entity, and for no other', () => {
    const first = draws(1, 'link', 1)
    expect(draws(1, 'link', 1)).toEqual(first)
    for (const other of [draws(2, 'link', 1), draws(1, 'kink', 1), draws(1, 'link', 2)]) {
      expect(other.filter((bits) => first.includes(bits))).toEqual([])
    }
  })

  it('does not depend on what others draw', () => {
    const one = chanceOf(1, 'a')
    const two = chanceOf(1, 'b')
    const interleaved = Array.from({ length: 20 }, () => [one.bits(), two.bits()][0])
    expect(interleaved).toEqual(draws(1, 'a', 0, 20))
  })

  it('is even: bits, units and bounds', () => {
    const chance = chanceOf(7, 'even')
    const units = Array.from({ length: 20_000 }, () => chance.unit())
    expect(Math.min(...units)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...units)).toBeLessThan(1)
    const tenths = Array.from({ length: 10 }, () => 0)
    for (const unit of units)
      tenths[Math.floor(unit * 10)] = (tenths[Math.floor(unit * 10)] ?? 0) + 1
    for (const tenth of tenths) expect(Math.abs(tenth - 2000)).toBeLessThan(200)
    const dice = new Set(Array.from({ length: 200 }, () => chance.between(1, 6)))
    expect([...dice].toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('gives bytes of every value', () => {
    expect(new Set(entropyOf(1, 'bytes').bytes(4096)).size).toBe(256)
  })
})

describe('clocks', () => {
  it('tell from a monotonic reading the first time at which they show it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -200, max: 200 }),
        fc.integer({ min: 0, max: 1e13 }),
        (driftPpm, passed) => {
          const fault = { offsetMicros: 0, driftPpm, steps: [] }
          const clocks = clocksOf(fault, { startMicros: 1e15, originMicros: 42 })
          const reading = clocks.monotonicMicros(1e15 + passed)
          const at = clocks.trueMicros(reading)
          expect(clocks.monotonicMicros(at)).toBeGreaterThanOrEqual(reading)
          expect(at).toBeLessThanOrEqual(1e15 + passed + 1)
        },
      ),
    )
  })

  it('are set, by hand, on the wall only', () => {
    const steps = [{ atMicros: 10 * SECOND, byMicros: -3 * SECOND }]
    const clocks = clocksOf(
      { offsetMicros: SECOND, driftPpm: 100, steps },
      { startMicros: 0, originMicros: 5 },
    )
    expect(clocks.wallMicros(9 * SECOND)).toBe(10 * SECOND + 900)
    expect(clocks.wallMicros(10 * SECOND)).toBe(8 * SECOND + 1000)
    expect(clocks.monotonicMicros(10 * SECOND)).toBe(10 * SECOND + 1005)
  })
})

describe('faults', () => {
  const plan = { seed: 1, verifiers: 5, skewSeconds: 60, startMicros: 0, durationMicros: 1e10 }

  it('are said before anything happens, and are the same for one seed', () => {
    const faults = drawFaults(plan)
    expect(faults.said[0]).toMatch(/^network: /)
    expect(faults.said).toContain('clocks: offsets of the verifiers spread over ±1m')
    expect(drawFaults(plan)).toEqual(faults)
  })

  it('stay within what verifiers reckon with', () => {
    for (let seed = 0; seed < 200; seed++) {
      const { verifierClocks, authorityClock, weather } = drawFaults({ ...plan, seed })
      const offsets = verifierClocks.map(({ offsetMicros }) => offsetMicros / SECOND)
      expect(offsets).toEqual([-60, -30, 0, 30, 60])
      const worst = Math.max(...verifierClocks.map(({ driftPpm }) => Math.abs(driftPpm)))
      expect(worst + Math.abs(authorityClock.driftPpm)).toBeLessThan(200)
      for (const { byMicros } of authorityClock.steps) {
        expect(Math.abs(byMicros)).toBeLessThan(250_000)
      }
      expect(weather.lossRatio).toBeLessThanOrEqual(0.3)
    }
  })

  it('leave each family out now and then', () => {
    const all = Array.from({ length: 100 }, (_, seed) => drawFaults({ ...plan, seed }))
    const without = (said: RegExp): number =>
      all.filter((faults) => !faults.said.some((line) => said.test(line))).length
    for (const said of [/are lost/, /come twice/, /adversary/, /drift/, /set by hand/, /jumps/]) {
      expect(without(said)).toBeGreaterThan(20)
      expect(without(said)).toBeLessThan(80)
    }
  })
})

describe('the naive check', () => {
  it.for([
    [99.999, 0, true],
    [100, 0, false],
    [101.999, 2, true],
    [102, 2, false],
    [159.5, 60, true],
  ] as const)('at %s with leeway %s: %s', ([wall, leeway, accepted]) => {
    const validity = { fromMicros: 0, untilMicros: 100 * SECOND }
    expect(naiveAccepts(validity, wall * SECOND, leeway)).toBe(accepted)
  })
})

describe('exposure', () => {
  it.for([
    [[], { p50: 0, p99: 0, max: 0 }],
    [[1], { p50: 1, p99: 1, max: 1 }],
    [[0, 0, 2500, 9000], { p50: 0, p99: 9, max: 9 }],
    [Array.from({ length: 100 }, (_, i) => (99 - i) * 1000), { p50: 49, p99: 98, max: 99 }],
  ] as const)('of %j', ([micros, expected]) => {
    expect(exposureOf([...micros])).toEqual(expected)
  })
})

describe('the ambient trap', () => {
  let lift = (): void => undefined
  afterEach(() => lift())

  it.for([
    ['Date.now', () => Date.now()],
    ['new Date()', () => new Date()],
    ['Date()', () => Date()],
    ['Math.random', () => Math.random()],
    ['setTimeout', () => setTimeout(() => undefined, 0)],
    ['setInterval', () => setInterval(() => undefined, 1)],
    ['setImmediate', () => setImmediate(() => undefined)],
    ['fetch', () => fetch('http://127.0.0.1')],
    ['performance', () => performance.now()],
    ['crypto', () => crypto.randomUUID()],
  ] as const)('catches %s, and lets go of it', ([name, use]) => {
    const trap = trapAmbient()
    lift = () => trap.lift()
    expect(use).toThrow(`${name} was used in a simulation`)
    trap.lift()
    expect(Date.now()).toBeGreaterThan(0)
    expect(Math.random()).toBeLessThan(1)
    expect(typeof setTimeout).toBe('function')
    expect(performance.now()).toBeGreaterThan(0)
  })

  it('lets times be read and written, which asks nobody', () => {
    const trap = trapAmbient()
    lift = () => trap.lift()
    const text = '2026-11-23T19:08:00.123Z'
    expect(formatInstant(parseInstant(text) ?? instant(0))).toBe(text)
  })

  it('ends a run in which something reads the real clock', async () => {
    const bug = { call: <T>(call: T): T => (Date.now() < 0 ? call : call) }
    const request = {
      scenario: 'clock-skew',
      seed: 1,
      seeds: 1,
      verifiers: 1,
      minutes: 1,
      skewSeconds: 0,
      ttlSeconds: 10,
      leewaySeconds: 2,
      naiveLeewaySeconds: 2,
    } as const
    await expect(runSimulation(request, { bug })).rejects.toThrow('Date.now was used')
    expect(Date.now()).toBeGreaterThan(0)
  })
})
