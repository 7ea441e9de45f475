import { describe, expect, it } from 'vitest'
import { createGate } from '#app/oauth/secret-gate.ts'
import type { Problem } from '#kernel/problem.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Works that end when they are told to. */
function stage() {
  const gate = createGate()
  const begun: number[] = []
  const ends = new Map<number, () => void>()
  const pass = (i: number): Promise<unknown> =>
    gate
      .pass(() => {
        begun.push(i)
        return new Promise<number>((resolve) => ends.set(i, () => resolve(i)))
      })
      .catch((thrown: unknown) => thrown)
  return { gate, begun, pass, end: (i: number) => ends.get(i)?.() }
}

describe('the gate of slow hashes', () => {
  it('lets two through at a time, in the order in which they came', async () => {
    const { begun, pass, end } = stage()
    const passed = [0, 1, 2, 3].map(pass)
    await turn()
    expect(begun).toEqual([0, 1])
    end(1)
    await turn()
    expect(begun).toEqual([0, 1, 2])
    end(0)
    end(2)
    await turn()
    end(3)
    expect(await Promise.all(passed)).toEqual([0, 1, 2, 3])
  })

  it('turns away whom it would keep waiting for long, and says for how long', async () => {
    const { begun, pass, end } = stage()
    const passed = Array.from({ length: 34 }, (_, i) => pass(i))
    await turn()
    const crowd = (await pass(34)) as Problem
    expect(crowd.code).toBe('rate-limited')
    expect(crowd.facts).toEqual({ retryAfterSeconds: 1 })
    end(0)
    await turn()
    const next = pass(35)
    for (let round = 0; round < 40; round++) {
      for (const i of begun) end(i)
      await turn()
    }
    expect(await next).toBe(35)
    expect(await Promise.all(passed)).toHaveLength(34)
  })

  it('goes on where one fails', async () => {
    const { gate, pass, end } = stage()
    const fault = new Error('no memory')
    const failed = [0, 1].map(() =>
      gate.pass(() => Promise.reject(fault)).catch((it: unknown) => it),
    )
    const waiting = pass(7)
    expect(await Promise.all(failed)).toEqual([fault, fault])
    await turn()
    end(7)
    expect(await waiting).toBe(7)
  })
})
