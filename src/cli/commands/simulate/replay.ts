import { defineCommand } from '#cli/command.ts'
import { integer, oneOf } from '#cli/flags.ts'
import { scenarioNames, simulationLimits as limits } from '#contract/simulation.ts'
import { knobs, simulateAndShow } from './knobs.ts'
import { reportShape } from './shape.ts'

/** `credctl simulate replay`: one world once more, by its seed. */
export const simulateReplay = defineCommand({
  path: ['simulate', 'replay'],
  summary: 'Run one simulated world once more, by its seed',
  description: [
    'The same seed, scenario and knobs give the same world, to the last event: what broke there breaks again, with its story. A violation prints the command.',
  ],
  args: {},
  flags: {
    seed: integer('Which world', { required: true, max: limits.seedMax }),
    scenario: oneOf(scenarioNames, 'What happened in it', { initial: 'swarm' }),
    ...knobs,
  },
  examples: [
    { run: 'credctl simulate replay --seed 4711', about: 'That world of the swarm again' },
    {
      run: 'credctl simulate replay --seed 12 --scenario partition --mode strict',
      about: 'And one with a partition',
    },
  ],
  output: [reportShape],
  exits: { 1: 'our verifier broke an invariant' },
  seeAlso: ['simulate run'],

  async run(kit, input) {
    const { scenario, seed, ...rest } = input
    return simulateAndShow(kit, { scenario, seed, seeds: 1 }, rest)
  },
})
