import { runSimulation } from '#boot/sim.ts'
import { small } from './requests.ts'
import type { Animal } from './zoo.ts'

/** The first seed that kills it, and by which invariant. */
export async function killedBy({
  bug,
  where,
  seeds,
}: Animal): Promise<{ seed: number; by: string }> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations } = await runSimulation({ ...small, ...where, seed }, { bug })
    const [first] = violations
    if (first !== undefined) return { seed, by: first.invariant }
  }
  return { seed: Number.POSITIVE_INFINITY, by: 'nothing' }
}
