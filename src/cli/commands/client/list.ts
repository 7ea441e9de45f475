import { defineCommand } from '#cli/command.ts'
import { clientShape } from '#cli/commands/shapes.ts'
import { oneOf } from '#cli/flags.ts'
import { list } from '#cli/view.ts'
import { clientStates, tiers } from '#contract/words.ts'

/** `credctl client list`: what may ask for tokens. */
export const clientList = defineCommand({
  path: ['client', 'list'],
  summary: 'List clients',
  args: {},
  flags: {
    tier: oneOf(tiers, 'Only those of a tier'),
    state: oneOf(clientStates, 'Only those in a state'),
  },
  examples: [
    { run: 'credctl client list', about: 'All clients' },
    { run: 'credctl client list --state disabled -q', about: 'The ids of those that are disabled' },
  ],
  output: [clientShape],
  isPaged: true,
  seeAlso: ['client show', 'client create'],

  async run(kit, { tier, state }) {
    const { listClients } = await kit.admin()
    const isFiltered = tier !== undefined || state !== undefined
    return {
      view: list(clientShape, (page) => listClients({ tier, state, ...page }), {
        empty: isFiltered
          ? 'There are no such clients.'
          : 'There are no clients yet. Make one: credctl client create ID --scope SCOPE',
      }),
    }
  },
})
