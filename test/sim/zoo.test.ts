import { describe, expect, it } from 'vitest'
import { killedBy } from './kill.ts'
import { zoo } from './zoo.ts'

describe('a planted bug is found:', () => {
  it.for(zoo.map((animal) => [animal.name, animal] as const))(
    '%s',
    async ([, animal], { annotate }) => {
      const { seed, by } = await killedBy(animal)
      await annotate(`seed ${seed} of ${animal.seeds}, by ${by}`)
      expect(animal.breaks).toContain(by)
      expect(seed).toBeLessThanOrEqual(animal.seeds)
    },
  )
})
