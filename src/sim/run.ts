import {
  isCoreScenario,
  type SimulatedVerifier,
  type SimulationReport,
  type SimulationRequest,
} from '#contract/simulation.ts'
import { type RunResult, runOne, type SimHost } from './run-one.ts'
import { runCore } from './core/run.ts'
import { exposureOf, sumOf, type Tally } from './tally.ts'
import type { PlantedBug } from './planted-bug.ts'

/** Runs a scenario from each of its seeds, and puts what came of it together. */
export async function simulate(
  request: SimulationRequest,
  host: SimHost,
  bug?: PlantedBug,
): Promise<SimulationReport> {
  const results: RunResult[] = []
  for (let i = 0; i < request.seeds; i++) {
    const seed = (request.seed + i) % 2 ** 32
    const breathe = (done: number): Promise<void> => host.breathe((i + done) / request.seeds)
    const run = isCoreScenario(request.scenario) ? runCore : runOne
    results.push(await run(request, seed, { ...host, breathe }, bug))
    await host.breathe((i + 1) / request.seeds)
  }
  return reportOf(request, results, host)
}

function reportOf(
  request: SimulationRequest,
  results: readonly RunResult[],
  host: SimHost,
): SimulationReport {
  const total = sumOf(results.flatMap(({ tallies }) => tallies))
  return {
    scenario: request.scenario,
    seed: request.seed,
    seeds: request.seeds,
    traceHash: hashOf(results, host),
    decisions: total.decisions,
    falseAccepts: total.falseAccepts,
    falseRefusals: total.falseRefusals,
    naive: {
      falseAccepts: total.naiveFalseAccepts,
      falseRefusals: total.naiveFalseRefusals,
      exposureMs: exposureOf(results.flatMap(({ exposures }) => [...exposures.naive])),
      leewayMs: request.naiveLeewaySeconds * 1000,
    },
    exposureMs: exposureOf(results.flatMap(({ exposures }) => [...exposures.ours])),
    boundMs: Math.max(...results.map(({ boundMicros }) => boundMicros)) / 1000,
    verifiers: verifiersOf(results),
    violations: results.flatMap(({ violations }) => violations),
    stale: total.stale,
    tokens: sum(results, ({ tokens }) => tokens),
    renewals: sum(results, ({ renewals }) => renewals),
    revocations: sum(results, ({ revocations }) => revocations),
    staleMs: Math.round(sum(results, ({ staleMicros }) => staleMicros) / 1000),
    bytesPerVerifier: Math.round(
      sum(results, ({ bytes }) => bytes) / request.verifiers / results.length,
    ),
    events: sum(results, ({ events }) => events),
    virtualSeconds: Math.round(sum(results, ({ virtualMicros }) => virtualMicros) / 1_000_000),
    faults: results.map(({ seed, drawn }) => ({ seed, drawn })),
    seen: Object.fromEntries(
      Object.keys(results[0]?.seen ?? {}).map((name) => [
        name,
        sum(results, ({ seen }) => seen[name] ?? 0),
      ]),
    ),
  }
}

const sum = (results: readonly RunResult[], of: (result: RunResult) => number): number =>
  results.reduce((total, result) => total + of(result), 0)

/** The hash of one run as it is; of several, the hash over theirs. */
function hashOf(results: readonly RunResult[], host: SimHost): string {
  const [only] = results
  if (only !== undefined && results.length === 1) return only.traceHash
  const hasher = host.newHasher()
  for (const { traceHash } of results) hasher.update(`${traceHash}\n`)
  return hasher.digest()
}

/** Offsets are spread alike in every run; drift is drawn, and told of the first. */
function verifiersOf(results: readonly RunResult[]): SimulatedVerifier[] {
  const [first] = results
  return (first?.verifiers ?? []).map(({ name, offsetMicros, driftPpm }, i) => {
    const mine = results
      .map(({ tallies }) => tallies[i])
      .filter((one): one is Tally => one !== undefined)
    const { decisions, falseAccepts, falseRefusals, ...rest } = sumOf(mine)
    return {
      name,
      offsetMs: Math.round(offsetMicros / 1000),
      decisions,
      falseAccepts,
      falseRefusals,
      driftPpm,
      naive: { falseAccepts: rest.naiveFalseAccepts, falseRefusals: rest.naiveFalseRefusals },
    }
  })
}
