import { performance } from 'node:perf_hooks'
import { runSimulation } from '#boot/sim.ts'
import type { SimulationRequest } from '#contract/simulation.ts'
import { median, rateAtLeast, type Suite } from './harness.ts'

/** The full-stack simulation: client, dispatch, use cases and SQLite in virtual time. */
export const simulating: Suite = {
  name: 'simulating',
  async run({ isQuick }) {
    const rates: number[] = []
    for (let round = 0; round <= (isQuick ? 2 : 5); round++) {
      const begun = performance.now()
      const { events } = await runSimulation(REQUEST)
      if (0 < round) rates.push((events * 1000) / (performance.now() - begun))
    }
    return [
      rateAtLeast(
        'full-stack simulation, events',
        { label: 'clock-skew, ten verifiers', perSecond: median(rates) },
        50_000,
      ),
    ]
  },
}

const REQUEST: SimulationRequest = {
  scenario: 'clock-skew',
  seed: 1,
  seeds: 1,
  skewSeconds: 300,
  leewaySeconds: 2,
  naiveLeewaySeconds: 2,
  ttlSeconds: 600,
  verifiers: 10,
  minutes: 120,
}
