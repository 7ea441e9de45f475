import { describe, expect, it } from 'vitest'
import { runSimulation } from '#boot/sim.ts'
import { small } from './requests.ts'
import { type Animal, zoo } from './zoo.ts'

/** The first seed that kills it, and by which invariant. */
async function killedBy({ bug, where, seeds }: Animal): Promise<{ seed: number; by: string }> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations } = await runSimulation({ ...small, ...where, seed }, { bug })
    const [first] = violations
    if (first !== undefined) return { seed, by: first.invariant }
  }
  return { seed: Number.POSITIVE_INFINITY, by: 'nothing' }
}

describe('a planted bug is found:', () => {
  it.for(zoo.map((animal) => [animal.name, animal] as const))('%s', async ([, animal]) => {
    const { seed, by } = await killedBy(animal)
    expect(animal.breaks).toContain(by)
    expect(seed).toBeLessThanOrEqual(animal.seeds)
  })
})
