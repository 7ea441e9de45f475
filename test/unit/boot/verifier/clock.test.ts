import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLocalClock } from '#boot/verifier/clock.ts'

/** A machine by hand: `run` is time that passes awake, `sleep` what only uptime and wall see. */
function machine({ stepMs = 10, startedMs = 5_123_456 } = {}) {
  let steady = 1_000
  let slept = 0
  let set = 0
  let uptimeReads = 0
  const sources = {
    steadyMs: () => steady,
    wallMs: () => 1_700_000_000_000 + steady + slept + set,
    uptimeSeconds: () => {
      uptimeReads += 1
      return (Math.floor((startedMs + steady + slept) / stepMs) * stepMs) / 1000
    },
  }
  const clock = createLocalClock(sources)
  const bench = {
    another: () => createLocalClock(sources),
    run: (ms: number) => void (steady += ms),
    sleep: (ms: number) => void (slept += ms),
    setWall: (ms: number) => void (set += ms),
    /** A whole machine that was frozen: nothing counted, and the wall is set right afterwards. */
    read: () => clock.read(),
    reads: () => uptimeReads,
    trueMs: () => steady + slept - 1_000,
  }
  clock.read()
  return bench
}

describe('the local clock', () => {
  it('begins at zero and runs with the steady clock', () => {
    const { run, read } = machine()
    expect(read()).toEqual({ nowMicros: 0, hasResumed: false })
    run(12.5)
    expect(read()).toEqual({ nowMicros: 12_500, hasResumed: false })
  })

  it('reads uptime at most once in 10 ms, unless the others part', () => {
    const { run, read, reads, setWall } = machine()
    const before = reads()
    for (let i = 0; i < 80; i++) {
      run(0.125)
      read()
    }
    expect(reads()).toBe(before)
    run(0.125)
    read()
    expect(reads()).toBe(before + 1)
    setWall(9)
    read()
    expect(reads()).toBe(before + 1)
    setWall(2)
    read()
    expect(reads()).toBe(before + 2)
  })

  it('sees a suspend at the next reading, counts it, and tells it once', () => {
    const { run, sleep, read, trueMs } = machine()
    for (let i = 0; i < 50; i++) {
      run(13)
      read()
    }
    const before = read().nowMicros
    sleep(60_000)
    const { nowMicros, hasResumed } = read()
    expect(hasResumed).toBe(true)
    expect(nowMicros).toBeGreaterThanOrEqual(trueMs() * 1000)
    expect(nowMicros).toBeLessThan((trueMs() + 30) * 1000)
    expect(nowMicros).toBeGreaterThan(before)
    run(50)
    expect(read().hasResumed).toBe(false)
  })

  it('sees a suspend of 50 ms, though uptime is told in steps of 10', () => {
    const { run, sleep, read } = machine()
    for (let i = 0; i < 50; i++) {
      run(13)
      read()
    }
    sleep(50)
    expect(read().hasResumed).toBe(true)
  })

  it.for([12, -12])('learns from many readings to see %i ms, whenever they are', (ms) => {
    for (let phase = 0; phase < 20; phase++) {
      const { run, sleep, read } = machine()
      for (let i = 0; i < 50; i++) {
        run(13)
        read()
      }
      run(10.5 + phase)
      read()
      sleep(ms)
      expect(read().hasResumed, `after ${phase} ms`).toBe(true)
    }
  })

  it('sees a suspend where uptime is told in whole seconds', () => {
    const { run, sleep, read } = machine({ stepMs: 1000 })
    run(2500)
    expect(read().hasResumed).toBe(false)
    sleep(2500)
    expect(read().hasResumed).toBe(true)
  })

  it('that began on a whole second learns the finer step', () => {
    const { run, sleep, read } = machine({ startedMs: 4_000 - 1_000 })
    expect(read().hasResumed).toBe(false)
    for (let i = 0; i < 20; i++) {
      run(13)
      expect(read().hasResumed).toBe(false)
    }
    sleep(100)
    expect(read().hasResumed).toBe(true)
  })

  it.for([2_000, -2_000, 3_600_000, -3_600_000])(
    'takes a wall clock that jumped by %i ms for a freeze',
    (ms) => {
      const { run, read, setWall } = machine()
      run(20)
      read()
      setWall(ms)
      expect(read().hasResumed).toBe(true)
      run(20)
      expect(read().hasResumed).toBe(false)
    },
  )

  it.for([900, -900])('lets a wall clock be put right by %i ms', (ms) => {
    const { run, read, setWall } = machine()
    run(20)
    read()
    setWall(ms)
    expect(read().hasResumed).toBe(false)
  })

  it('adds up small steps of the wall clock', () => {
    const { run, read, setWall } = machine()
    run(20)
    read()
    setWall(900)
    expect(read().hasResumed).toBe(false)
    setWall(900)
    expect(read().hasResumed).toBe(true)
  })

  it('recovers where uptime itself goes backwards, as it does where it follows the wall', () => {
    const { run, read, sleep } = machine()
    run(20)
    read()
    sleep(-5_000)
    const { hasResumed, nowMicros } = read()
    expect(hasResumed).toBe(true)
    expect(nowMicros).toBe(20_000)
    run(20)
    expect(read().hasResumed).toBe(false)
    sleep(1_000)
    expect(read().hasResumed).toBe(true)
  })

  it('is read once for all who read the same sources', () => {
    const { run, read, reads, another } = machine()
    const others = Array.from({ length: 100 }, another)
    const before = reads()
    for (let i = 0; i < 10; i++) {
      run(20)
      const { nowMicros } = read()
      for (const other of others) {
        expect(other.read()).toEqual({ nowMicros, hasResumed: false })
      }
    }
    expect(reads()).toBe(before + 10)
  })

  it('tells of a resume to each, whoever saw it first, and to none that came later', () => {
    const { run, sleep, read, another } = machine()
    const second = another()
    run(20)
    second.read()
    sleep(60_000)
    expect(second.read().hasResumed).toBe(true)
    const later = another()
    expect(read().hasResumed).toBe(true)
    expect(later.read().hasResumed).toBe(false)
    expect([second.read().hasResumed, read().hasResumed]).toEqual([false, false])
    // Nobody has seen this one yet, and it was over before anybody began.
    sleep(60_000)
    const latest = another()
    expect(latest.read().hasResumed).toBe(false)
    expect([second, later].map((clock) => clock.read().hasResumed)).toEqual([true, true])
  })

  it('is no suspend where the process waits between two readings', () => {
    let steady = 0
    let reads = 0
    const clock = createLocalClock({
      steadyMs: () => steady,
      wallMs: () => steady,
      uptimeSeconds: () => {
        // Now and then, as the scheduler has it.
        reads += 1
        if (reads % 3 === 0) steady += 500
        return Math.floor((77_777 + steady) / 10) / 100
      },
    })
    for (let i = 0; i < 20; i++) {
      steady += 30
      expect(clock.read().hasResumed).toBe(false)
    }
  })

  it('never falls, misses no suspend of 40 ms, and sees none where there was none', () => {
    const doing = fc.oneof(
      fc.record({ run: fc.double({ min: 0, max: 500, noNaN: true }) }),
      fc.record({ sleep: fc.integer({ min: 40, max: 100_000 }) }),
      fc.record({ set: fc.integer({ min: -300, max: 300 }) }),
    )
    fc.assert(
      fc.property(fc.array(doing, { maxLength: 60 }), fc.nat({ max: 9999 }), (doings, offset) => {
        const bench = machine({ startedMs: 10_000_000 + offset / 10 })
        bench.run(11)
        bench.read()
        let before = bench.read().nowMicros
        let setMs = 0
        for (const one of doings) {
          if ('run' in one) bench.run(one.run)
          else if ('sleep' in one) bench.sleep(one.sleep)
          else if (Math.abs(setMs + one.set) < 400) {
            setMs += one.set
            bench.setWall(one.set)
          }
          const { nowMicros, hasResumed } = bench.read()
          expect(before <= nowMicros).toBe(true)
          expect(hasResumed).toBe('sleep' in one)
          // No less than the truth, but for the step of a clock that is told in steps.
          expect(bench.trueMs() * 1000 - 20_000 <= nowMicros).toBe(true)
          before = nowMicros
        }
      }),
    )
  })
})
