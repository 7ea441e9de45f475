import { defineCommand } from '#cli/command.ts'
import { duration, integer, oneOf } from '#cli/flags.ts'
import { below, record } from '#cli/view.ts'
import { scenarioNames, simulationLimits as limits } from '#contract/simulation.ts'
import { formatDuration } from '#kernel/duration.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { reportShape, verifierShape } from './shape.ts'
import { headlineOf, rowOf, violationLines } from './words.ts'

const SKEW_SECONDS = 30
const LEEWAY_SECONDS = 2
const TTL_SECONDS = 600

/** `credctl simulate run`: the production code, through virtual time and a bad network. */
export const simulateRun = defineCommand({
  path: ['simulate', 'run'],
  summary: 'Run the production code through virtual time, wrong clocks and a bad network',
  description: [
    'Runs the real authority and the real verifiers in this process, with their clocks, their network and all chance simulated. One seed is one run: the same command gives the same trace, here and elsewhere. No authority is needed, and none is touched.',
    'Every decision is made twice: by our verifier, which knows the authority’s time as an interval, and by the check that most resource servers make, which compares `exp` with their own wall clock. A false accept is an acceptance later than expiry and leeway, a false refusal a refusal of a token that is valid; both in the authority’s time.',
    'Every decision is checked against the invariants of the product. If ours breaks one, the story is told and the exit status is 1. What the naive check does is reported and changes nothing.',
  ],
  args: {
    scenario: oneOf(scenarioNames, 'What happens', { required: true }),
  },
  flags: {
    skew: duration('The verifiers’ clocks are spread over plus and minus this', {
      initial: SKEW_SECONDS,
      zero: true,
    }),
    leeway: duration('How long after its expiry a token may be accepted, by both checks', {
      initial: LEEWAY_SECONDS,
      zero: true,
    }),
    naiveLeeway: duration('The leeway of the naive check, where it is another one', { zero: true }),
    ttl: duration('Lifetime of the tokens', { initial: TTL_SECONDS }),
    verifiers: integer('How many resource servers', {
      initial: 10,
      min: 1,
      max: limits.verifiersMax,
    }),
    minutes: integer('For how long tokens are issued, in virtual minutes', {
      initial: 60,
      min: 1,
      max: limits.minutesMax,
    }),
    seed: integer('What all chance comes from', { initial: 1, max: limits.seedMax }),
    seeds: integer('How many runs, from this seed on', {
      initial: 1,
      min: 1,
      max: limits.seedsMax,
    }),
  },
  examples: [
    {
      run: 'credctl simulate run clock-skew --skew 5m',
      about: 'What clocks that are five minutes wrong let through',
    },
    {
      run: 'credctl simulate run clock-skew --skew 90s --naive-leeway 60s --ttl 15m',
      about: 'Your own topology: clocks, the leeway of your library, your lifetimes',
    },
    {
      run: 'credctl simulate run lifecycle --seeds 100 -o json | jq .violations',
      about: 'A hundred worlds in CI; exits 1 if an invariant breaks in any',
    },
  ],
  output: [reportShape],
  exits: { 1: 'our verifier broke an invariant' },
  seeAlso: ['simulate list'],

  async run(kit, input) {
    const { scenario, skew, leeway, naiveLeeway = leeway, ttl, ...rest } = input
    refuseTooLong('--skew', skew, limits.skewSecondsMax)
    refuseTooLong('--leeway', leeway, limits.leewaySecondsMax)
    refuseTooLong('--naive-leeway', naiveLeeway, limits.leewaySecondsMax)
    refuseTooLong('--ttl', ttl, limits.ttlSecondsMax)
    const { verifiers, minutes, seed, seeds } = rest
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
  },
})

const VIOLATIONS_SHOWN_MAX = 3

function refuseTooLong(flag: string, seconds: number, most: number): void {
  if (seconds <= most) return
  refuse('usage-invalid', `${flag}: it is more than ${formatDuration(most)}`, {
    next: 'credctl simulate run --help',
  })
}

const speedOf = (events: number, milliseconds: number): string => {
  const perSecond = Math.round((events / Math.max(1, milliseconds)) * 1000)
  return `${events} events in ${(milliseconds / 1000).toFixed(1)} s, ${perSecond} a second`
}
