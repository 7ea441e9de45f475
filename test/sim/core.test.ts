import { describe, expect, it } from 'vitest'
import { runSimulation } from '#boot/sim.ts'
import {
  isCoreScenario,
  scenarioNames,
  type SimulationReport,
  type SimulationRequest,
} from '#contract/simulation.ts'
import { coreInvariants } from '#sim/core/invariants.ts'
import { coreSightings } from '#sim/core/sightings.ts'
import { twins, unseenIn } from './twins.ts'

const request: SimulationRequest = {
  scenario: 'swarm',
  seed: 1,
  seeds: 1,
  verifiers: 12,
  minutes: 5,
  skewSeconds: 30,
  ttlSeconds: 90,
  leewaySeconds: 2,
  naiveLeewaySeconds: 2,
}

/** What this file ran, for the sightings at its end. */
const reports: SimulationReport[] = []

async function simulated(knobs: Partial<SimulationRequest>): Promise<SimulationReport> {
  const report = await runSimulation({ ...request, ...knobs })
  reports.push(report)
  return report
}

describe('the core tier: every invariant holds', () => {
  it.for([
    ['20 seeds of the swarm', { seeds: 20 }],
    // What fifty divides uses real signatures, and remembers none of them.
    ['real signatures', { seed: 50, verifiers: 3, minutes: 2 }],
    ['partitions, all strict', { scenario: 'partition', seeds: 4, mode: 'strict' }],
    ['half of all messages lost', { scenario: 'message-loss', seeds: 3, lossPercent: 50 }],
    ['an authority that fails', { scenario: 'authority-down', seeds: 6 }],
    ['bulk revocations', { scenario: 'bulk-revocation', seeds: 4, verifiers: 4 }],
    ['relaxed verifiers', { mode: 'relaxed', seeds: 2 }],
    ['tokens of ten seconds', { ttlSeconds: 10, seeds: 3, verifiers: 4 }],
    ['one verifier', { verifiers: 1, seeds: 5 }],
    ['a seed at the end of seeds', { seed: 2 ** 32 - 1, seeds: 2, minutes: 1 }],
  ] as const)('with %s', async ([, knobs]) => {
    const report = await simulated(knobs)
    expect(report).toMatchObject({ violations: [], falseAccepts: 0, falseRefusals: 0 })
    expect(report.exposureMs.max).toBeLessThanOrEqual(report.boundMs)
    expect(0 < report.naive.exposureMs.max).toBe(true)
  })

  it('and a fair world is quick: connected verifiers know within two hops', async () => {
    const { exposureMs, staleMs } = await simulated({ scenario: 'partition', seed: 3, minutes: 3 })
    expect(exposureMs.p50).toBe(0)
    expect(staleMs).toBeLessThan(3 * 60_000 * request.verifiers)
  })
})

describe('one seed of cores', () => {
  it('is one run, to the last figure', async () => {
    const knobs = { seed: 7, minutes: 2 }
    const first = await simulated(knobs)
    expect(await simulated(knobs)).toEqual(first)
    expect((await simulated({ ...knobs, seed: 8 })).traceHash).not.toBe(first.traceHash)
  })
})

describe('what must be seen somewhere in the core tier', () => {
  it('was seen, or the runs above have proved less than they say', () => {
    expect(unseenIn(reports)).toEqual([])
    const names = new Set(reports.map(({ scenario }) => scenario))
    expect([...names].toSorted()).toEqual(scenarioNames.filter(isCoreScenario).toSorted())
  })

  it('is missed where it is missing, each by its name', () => {
    for (const name of coreSightings) {
      const without = reports.map(({ seen }) => ({ seen: { ...seen, [name]: 0 } }))
      expect(unseenIn(without)).toEqual([name])
    }
  })

  it('belongs to an invariant, and every invariant has some', () => {
    expect(Object.keys(twins).toSorted()).toEqual(Object.keys(coreInvariants).toSorted())
    for (const names of Object.values(twins)) expect(names.length).toBeGreaterThan(0)
    expect([...new Set(Object.values(twins).flat())].toSorted()).toEqual(coreSightings.toSorted())
  })
})
