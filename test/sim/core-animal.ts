import type { SimulationRequest } from '#contract/simulation.ts'
import type { CoreInvariant } from '#sim/core/invariants.ts'
import type { PlantedBug } from '#sim/planted-bug.ts'
import type { Animal } from './zoo.ts'

/** A world of cores for the zoo: enough to happen in it, and quick enough for many. */
const core = {
  scenario: 'swarm',
  verifiers: 12,
  minutes: 3,
  ttlSeconds: 60,
  skewSeconds: 30,
} as const

export const animal = (
  name: string,
  bug: PlantedBug,
  breaks: readonly CoreInvariant[],
  seeds: number,
  where: Partial<SimulationRequest> = {},
): Animal => ({ name, bug, breaks, seeds, where: { ...core, ...where } })
