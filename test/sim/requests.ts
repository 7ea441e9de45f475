import type { SimulationRequest } from '#contract/simulation.ts'

/** A small world: enough to happen in it, and quick enough for many. */
export const small: SimulationRequest = {
  scenario: 'clock-skew',
  seed: 1,
  seeds: 1,
  verifiers: 3,
  minutes: 15,
  skewSeconds: 30,
  ttlSeconds: 120,
  leewaySeconds: 2,
  naiveLeewaySeconds: 2,
}
