import { defineCommand } from '#cli/command.ts'
import { clientShape } from '#cli/commands/shapes.ts'
import { text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import { record } from '#cli/view.ts'

/** `credctl client show`: one client; never its secret. */
export const clientShow = defineCommand({
  path: ['client', 'show'],
  summary: 'Show a client',
  args: {
    id: text('The client', {
      required: true,
      placeholder: 'ID',
      complete: 'client',
      ask: askClient,
    }),
  },
  flags: {},
  examples: [
    { run: 'credctl client show deploy-bot', about: 'What it may ask for' },
    {
      run: 'credctl client show deploy-bot -o json | jq -r .scopes[]',
      about: 'Its scopes, one a line',
    },
  ],
  output: [clientShape],
  exits: { 3: 'there is no such client' },
  seeAlso: ['client list', 'token list'],

  async run(kit, { id }) {
    const { showClient } = await kit.admin()
    return { view: record(clientShape, await showClient({ id })) }
  },
})
