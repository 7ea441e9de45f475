import { defineCommand } from '#cli/command.ts'
import { integer, oneOf } from '#cli/flags.ts'
import { scenarioNames, simulationLimits as limits } from '#contract/simulation.ts'
import { knobs, simulateAndShow } from './knobs.ts'
import { reportShape } from './shape.ts'

/** `credctl simulate run`: the production code, through virtual time and a bad network. */
export const simulateRun = defineCommand({
  path: ['simulate', 'run'],
  summary: 'Run the production code through virtual time, wrong clocks and a bad network',
  description: [
    'Runs the real authority and the real verifiers in this process, with their clocks, their network and all chance simulated. One seed is one run: the same command gives the same trace, here and elsewhere. No authority is needed, and none is touched.',
    'Every decision is made twice: by our verifier, which knows the authority’s time as an interval, and by the check that most resource servers make, which compares `exp` with their own wall clock. A false accept is an acceptance later than expiry and leeway, a false refusal a refusal of a token that is valid; both in the authority’s time.',
    'Where things are revoked (`partition`, `message-loss`, `authority-down`, `bulk-revocation`, `swarm`), the deciding cores of authority and verifiers run without the stack around them, a thousand times as many decisions. There a false accept is one later than publication + the verifier’s limit, or than the end of grace.',
    'Every decision is checked against the invariants of the product. If ours breaks one, the story is told and the exit status is 1. What the naive check does is reported and changes nothing.',
  ],
  args: {
    scenario: oneOf(scenarioNames, 'What happens', { required: true }),
  },
  flags: {
    ...knobs,
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
      run: 'credctl simulate run partition --mode strict',
      about: 'How long a revoked token is accepted by servers that are cut off',
    },
    {
      run: 'credctl simulate run swarm --seeds 300',
      about: 'Everything at once, three hundred times',
    },
    {
      run: 'credctl simulate run lifecycle --seeds 100 -o json | jq .violations',
      about: 'A hundred worlds in CI; exits 1 if an invariant breaks in any',
    },
  ],
  output: [reportShape],
  exits: { 1: 'our verifier broke an invariant' },
  seeAlso: ['simulate list', 'simulate replay'],

  async run(kit, input) {
    const { scenario, seed, seeds, ...rest } = input
    return simulateAndShow(kit, { scenario, seed, seeds }, rest)
  },
})
