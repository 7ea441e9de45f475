import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import { list } from '#cli/view.ts'
import { trustShape } from './shape.ts'

/** `credctl trust list`: who may become which client without a secret. */
export const trustList = defineCommand({
  path: ['trust', 'list'],
  summary: 'List trusts',
  args: {},
  flags: {
    client: text('Only those that give tokens of a client', {
      placeholder: 'ID',
      complete: 'client',
    }),
  },
  examples: [{ run: 'credctl trust list', about: 'All trusts' }],
  output: [trustShape],
  isPaged: true,
  seeAlso: ['trust create', 'trust show'],

  async run(kit, { client }) {
    const { listTrusts } = await kit.admin()
    return {
      view: list(trustShape, (page) => listTrusts({ clientId: client, ...page }), {
        empty:
          client === undefined
            ? 'There are no trusts yet. Make one: credctl trust create ID --form github-actions …'
            : `No trust gives tokens of ${client}.`,
      }),
    }
  },
})
