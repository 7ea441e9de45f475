import { defineCommand } from '#cli/command.ts'
import { list } from '#cli/view.ts'
import { scenarios } from '#contract/simulation.ts'
import { scenarioShape } from './shape.ts'

/** `credctl simulate list`: what can be simulated. */
export const simulateList = defineCommand({
  path: ['simulate', 'list'],
  summary: 'List the scenarios that can be simulated',
  args: {},
  flags: {},
  examples: [{ run: 'credctl simulate list', about: 'All scenarios' }],
  output: [scenarioShape],
  seeAlso: ['simulate run'],

  async run() {
    const pages = async () => ({ items: scenarios, nextCursor: null })
    return { view: list(scenarioShape, pages, { empty: 'There are no scenarios.' }) }
  },
})
