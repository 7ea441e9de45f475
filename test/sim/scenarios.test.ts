import { describe, expect, it } from 'vitest'
import { runSimulation } from '#boot/sim.ts'
import {
  isCoreScenario,
  scenarioNames,
  type SimulationReport,
  type SimulationRequest,
} from '#contract/simulation.ts'
import { sightingNames } from '#sim/sightings.ts'
import { small } from './requests.ts'

/** What this file ran, for the sightings at its end. */
const reports: SimulationReport[] = []

async function simulated(request: Partial<SimulationRequest>): Promise<SimulationReport> {
  const report = await runSimulation({ ...small, ...request })
  reports.push(report)
  return report
}

/** Nothing may go wrong, whatever the faults; a failure shows the stories and how to see them again. */
const sound = {
  violations: [],
  falseAccepts: 0,
  falseRefusals: 0,
}

describe('every invariant holds', () => {
  it.for([
    ['14 seeds of clock-skew', { seeds: 14 }],
    ['10 seeds of lifecycle', { scenario: 'lifecycle', seeds: 10, ttlSeconds: 300 }],
    ['one verifier', { verifiers: 1, seeds: 3 }],
    ['clocks that are right', { skewSeconds: 0, seeds: 3 }],
    ['a generous leeway', { leewaySeconds: 60, naiveLeewaySeconds: 60, seeds: 3 }],
    ['no leeway at all', { leewaySeconds: 0, naiveLeewaySeconds: 0, seeds: 3 }],
    ['tokens of ten seconds', { ttlSeconds: 10, minutes: 3, seeds: 3 }],
    ['a seed at the end of seeds', { seed: 2 ** 32 - 1, seeds: 2, minutes: 3 }],
  ] as const)('with %s', async ([, request]) => {
    const report = await simulated(request)
    expect(report).toMatchObject(sound)
    expect(report.exposureMs.max).toBeLessThanOrEqual(report.boundMs)
  })

  it('with clocks five minutes wrong, where the naive check fails both ways', async () => {
    const report = await simulated({ skewSeconds: 300, ttlSeconds: 600, minutes: 30, verifiers: 5 })
    expect(report).toMatchObject(sound)
    const { naive, verifiers } = report
    expect(0 < naive.falseAccepts && 0 < naive.falseRefusals).toBe(true)
    expect(naive.exposureMs.max).toBeGreaterThan(295_000)
    expect(verifiers.map(({ offsetMs }) => offsetMs)).toEqual([
      -300_000, -150_000, 0, 150_000, 300_000,
    ])
    // Whoever is behind accepts too long, and whoever is ahead refuses too soon.
    const [slowest, , , , fastest] = verifiers
    expect(slowest?.naive).toMatchObject({ falseRefusals: 0 })
    expect(fastest?.naive).toMatchObject({ falseAccepts: 0 })
    expect(report.decisions).toBe(verifiers.reduce((sum, { decisions }) => sum + decisions, 0))
  })

  it('and a fair world has nothing to tell of the naive check either', async () => {
    const { naive } = await simulated({ skewSeconds: 0, seed: 1 })
    expect(naive.falseAccepts + naive.falseRefusals).toBe(0)
    expect(naive.exposureMs.max).toBeLessThanOrEqual(2000)
  })

  it('and the naive check’s leeway is its own', async () => {
    const { naive, boundMs } = await simulated({ skewSeconds: 0, naiveLeewaySeconds: 60 })
    expect(naive.leewayMs).toBe(60_000)
    expect(boundMs).toBe(2000)
    expect(0 < naive.falseAccepts).toBe(true)
    expect(naive.exposureMs.max).toBeGreaterThan(50_000)
  })
})

describe('what must be seen somewhere', () => {
  it('was seen, or the runs above have proved less than they say', () => {
    const unseen = sightingNames.filter((name) =>
      reports.every(({ seen }) => (seen[name] ?? 0) === 0),
    )
    expect(unseen).toEqual([])
    const names = new Set(reports.map(({ scenario }) => scenario))
    // Those of the core tier have their own, beside their own runs.
    const whole = scenarioNames.filter((name) => !isCoreScenario(name))
    expect([...names].toSorted()).toEqual(whole.toSorted())
  })
})
