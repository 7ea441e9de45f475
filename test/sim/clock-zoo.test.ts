import { describe, expect, it } from 'vitest'
import { clockZoo } from './clock-zoo.ts'
import { killedBy } from './kill.ts'

describe('a planted bug of time is found in the core tier:', () => {
  it.for(clockZoo.map((animal) => [animal.name, animal] as const))(
    '%s',
    async ([, animal], { annotate }) => {
      const { seed, by } = await killedBy(animal)
      await annotate(`seed ${seed} of ${animal.seeds}, by ${by}`)
      expect(animal.breaks).toContain(by)
      expect(seed).toBeLessThanOrEqual(animal.seeds)
    },
  )
})
