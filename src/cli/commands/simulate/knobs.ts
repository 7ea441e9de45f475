import { duration, integer, oneOf, type Values } from '#cli/flags.ts'
import type { Kit } from '#cli/kit.ts'
import { below, type Outcome, record } from '#cli/view.ts'
import {
  defaultsOf,
  isCoreScenario,
  type ScenarioName,
  scenarioNames,
  simulatedModes,
  simulationLimits as limits,
} from '#contract/simulation.ts'
import { formatDuration } from '#kernel/duration.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { reportShape, verifierShape } from './shape.ts'
import { headlineOf, rowOf, violationLines } from './words.ts'

const SKEW_SECONDS = 30
const LEEWAY_SECONDS = 2

/** The knobs of a world; with its scenario and its seed they make it. */
export const knobs = {
  skew: duration('The verifiers’ clocks are spread over plus and minus this', {
    initial: SKEW_SECONDS,
    zero: true,
  }),
  leeway: duration('How long after its expiry a token may be accepted, by both checks', {
    initial: LEEWAY_SECONDS,
    zero: true,
  }),
  naiveLeeway: duration('The leeway of the naive check, where it is another one', { zero: true }),
  ttl: duration('Lifetime of the tokens; 10m, or 90s where things are revoked'),
  verifiers: integer('How many resource servers; 10, or 40 where things are revoked', {
    min: 1,
    max: limits.verifiersMax,
  }),
  minutes: integer('For how many virtual minutes; 60, or 5 where things are revoked', {
    min: 1,
    max: limits.minutesMax,
  }),
  loss: integer('How many messages are lost, percent; drawn from the seed if left out', {
    max: limits.lossPercentMax,
  }),
  mode: oneOf(simulatedModes, 'How old a head the verifiers decide by; mixed if left out'),
}

/** Which runs: this seed, and so many from it on. */
interface Which {
  readonly scenario: ScenarioName
  readonly seed: number
  readonly seeds: number
}

/** Runs, shows what came of it, and refuses if our verifier broke an invariant. */
export async function simulateAndShow(
  kit: Kit,
  { scenario, seed, seeds }: Which,
  input: Values<typeof knobs>,
): Promise<Outcome> {
  const { skew, leeway, naiveLeeway = leeway, loss, mode, ...rest } = input
  const defaults = defaultsOf(scenario)
  const { ttl = defaults.ttlSeconds } = rest
  refuseIdle(scenario, { '--mode': mode, '--loss': loss })
  refuseTooLong('--skew', skew, limits.skewSecondsMax)
  refuseTooLong('--leeway', leeway, limits.leewaySecondsMax)
  refuseTooLong('--naive-leeway', naiveLeeway, limits.leewaySecondsMax)
  refuseTooLong('--ttl', ttl, limits.ttlSecondsMax)
  const { verifiers = defaults.verifiers, minutes = defaults.minutes } = rest
  const progress = kit.progress(`simulating ${scenario}`)
  const begunAt = kit.clock.now()
  const report = await kit.simulate(
    {
      scenario,
      seed,
      seeds,
      verifiers,
      minutes,
      skewSeconds: skew,
      ttlSeconds: ttl,
      leewaySeconds: leeway,
      naiveLeewaySeconds: naiveLeeway,
      ...(loss === undefined ? {} : { lossPercent: loss }),
      ...(mode === undefined ? {} : { mode }),
    },
    ({ done }) => progress.update({ done: Math.floor(done * 100), total: 100 }),
  )
  progress.stop()
  const view = record(reportShape, report, {
    headline: headlineOf(report),
    below: below(verifierShape, report.verifiers.map(rowOf)),
  })
  await kit.show(view)
  kit.hint(speedOf(report.events, kit.clock.now() - begunAt))
  const { violations } = report
  const [first] = violations
  if (first === undefined) return {}
  for (const line of violationLines(violations.slice(0, VIOLATIONS_SHOWN_MAX))) kit.hint(line)
  const problem = new Problem(
    'simulation-failed',
    `${violations.length} decisions broke an invariant of ours, the first of them ${first.invariant} with seed ${first.seed}`,
    { next: first.replay, facts: { violations: violations.length, seed: first.seed } },
  )
  return { problem }
}

const VIOLATIONS_SHOWN_MAX = 3

function refuseTooLong(flag: string, seconds: number, most: number): void {
  if (seconds <= most) return
  refuse('usage-invalid', `${flag}: it is more than ${formatDuration(most)}`, {
    next: 'credctl simulate run --help',
  })
}

/** A knob that turns nothing would be taken for one that changes nothing. */
function refuseIdle(scenario: ScenarioName, knobs: Readonly<Record<string, unknown>>): void {
  if (isCoreScenario(scenario)) return
  for (const [flag, value] of Object.entries(knobs)) {
    if (value === undefined) continue
    const where = scenarioNames.filter(isCoreScenario).join(', ')
    refuse('usage-invalid', `${flag}: it has no part in ${scenario}, only in ${where}`, {
      next: 'credctl simulate list',
    })
  }
}

const speedOf = (events: number, milliseconds: number): string => {
  const perSecond = Math.round((events / Math.max(1, milliseconds)) * 1000)
  return `${events} events in ${(milliseconds / 1000).toFixed(1)} s, ${perSecond} a second`
}
