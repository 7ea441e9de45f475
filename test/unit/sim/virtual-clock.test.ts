import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '#sim/virtual-clock.ts'

describe('virtual time', () => {
  it('runs what is due by its time, and then in the order it was asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }),
        async (times) => {
          const clock = new VirtualClock(0)
          const seen: number[] = []
          times.forEach((at, i) => clock.at(at, () => seen.push(i)))
          await clock.runUntil(100)
          const expected = times
            .map((at, i) => ({ at, i }))
            .toSorted((a, b) => a.at - b.at || a.i - b.i)
            .map(({ i }) => i)
          expect(seen).toEqual(expected)
          expect(clock.events()).toBe(times.length)
          expect(clock.nowMicros()).toBe(100)
        },
      ),
    )
  })

  it('stands still while work goes on, however many steps it takes', async () => {
    const clock = new VirtualClock(0)
    const seen: string[] = []
    clock.launch(async () => {
      for (let i = 0; i < 500; i++) await Promise.resolve()
      seen.push(`first at ${clock.nowMicros()}`)
      await clock.sleep(3)
      for (let i = 0; i < 500; i++) await Promise.resolve()
      seen.push(`second at ${clock.nowMicros()}`)
    })
    clock.at(3000, () => seen.push('between'))
    clock.at(3001, () => seen.push('later'))
    await clock.runUntil(10_000)
    expect(seen).toEqual(['first at 0', 'between', 'second at 3000', 'later'])
  })

  it('runs nothing inside of whoever asks for it, not even what is due at once', async () => {
    const clock = new VirtualClock(5)
    const seen: string[] = []
    clock.at(0, () => {
      clock.at(0, () => seen.push('inner'))
      seen.push('outer')
    })
    expect(seen).toEqual([])
    await clock.runUntil(5)
    expect(seen).toEqual(['outer', 'inner'])
  })

  it('lets the first to resume decide', async () => {
    const clock = new VirtualClock(0)
    const seen: string[] = []
    clock.launch(async () => {
      const what = await clock.wait<string>((resume) => {
        clock.at(7, () => resume('answer'))
        clock.at(9, () => resume('time-out'))
      })
      seen.push(`${what} at ${clock.nowMicros()}`)
    })
    await clock.runUntil(20)
    expect(seen).toEqual(['answer at 7'])
  })

  it('leaves what is due later, and goes on where it stopped', async () => {
    const clock = new VirtualClock(0)
    const seen: number[] = []
    for (const at of [1, 2, 3]) clock.at(at, () => seen.push(at))
    expect(await clock.runUntil(10, 2)).toBe(false)
    expect(seen).toEqual([1, 2])
    expect(await clock.runUntil(2)).toBe(true)
    expect(seen).toEqual([1, 2])
    expect(await clock.runUntil(10)).toBe(true)
    expect(seen).toEqual([1, 2, 3])
  })

  it('ends with what launched work throws', async () => {
    const clock = new VirtualClock(0)
    clock.launch(async () => {
      await clock.sleep(1)
      throw new Error('no')
    })
    await expect(clock.runUntil(10_000)).rejects.toThrow('no')
  })

  it('finds out what waits for the real world', async () => {
    const clock = new VirtualClock(0)
    clock.launch(() => new Promise(() => undefined))
    await expect(clock.runUntil(1)).rejects.toThrow('waits for the real world')
  })

  it('finds out what calls itself up for ever', async () => {
    const clock = new VirtualClock(0)
    const again = (): void => clock.at(0, again)
    again()
    await expect(clock.runUntil(1)).rejects.toThrow('stands still')
  })
})
