import { performance } from 'node:perf_hooks'
import { runSimulation } from '#boot/sim.ts'
import type { SimulationRequest } from '#contract/simulation.ts'
import { median, rateAtLeast, type Suite } from './harness.ts'

/** Both tiers of the simulation: cores on a heap of events, and the full stack in virtual time. */
export const simulating: Suite = {
  name: 'simulating',
  async run({ isQuick }) {
    const rounds = isQuick ? 2 : 5
    const core = await measured(SWARM, rounds)
    const full = await measured(SKEW, rounds)
    return [
      rateAtLeast(
        'core simulation, events',
        { label: 'swarm, forty verifiers', perSecond: core.events },
        700_000,
      ),
      rateAtLeast(
        'core simulation, virtual seconds',
        { label: 'swarm, forty verifiers', perSecond: core.virtualSeconds },
        1000,
      ),
      rateAtLeast(
        'full-stack simulation, events',
        { label: 'clock-skew, ten verifiers', perSecond: full.events },
        50_000,
      ),
    ]
  },
}

async function measured(
  request: SimulationRequest,
  rounds: number,
): Promise<{ readonly events: number; readonly virtualSeconds: number }> {
  const events: number[] = []
  const virtualSeconds: number[] = []
  // The first one warms up.
  for (let round = 0; round <= rounds; round++) {
    const begun = performance.now()
    const report = await runSimulation(request)
    const seconds = (performance.now() - begun) / 1000
    if (round === 0) continue
    events.push(report.events / seconds)
    virtualSeconds.push(report.virtualSeconds / seconds)
  }
  return { events: median(events), virtualSeconds: median(virtualSeconds) }
}

const common = { seed: 1, leewaySeconds: 2, naiveLeewaySeconds: 2 }

const SKEW: SimulationRequest = {
  ...common,
  scenario: 'clock-skew',
  seeds: 1,
  skewSeconds: 300,
  ttlSeconds: 600,
  verifiers: 10,
  minutes: 60,
}

const SWARM: SimulationRequest = {
  ...common,
  scenario: 'swarm',
  seeds: 8,
  skewSeconds: 30,
  ttlSeconds: 90,
  verifiers: 40,
  minutes: 5,
}
