import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { verifierShape } from './shape.ts'

/** `credctl verifier show`: one verifier, whole. */
export const verifierShow = defineCommand({
  path: ['verifier', 'show'],
  summary: 'Show a verifier',
  args: {
    id: text('The verifier, by its id or, where only one has it, its name', {
      required: true,
      placeholder: 'ID',
      complete: 'verifier',
    }),
  },
  flags: {},
  examples: [
    { run: 'credctl verifier show api -o wide', about: 'All that is known of a verifier' },
  ],
  output: [verifierShape],
  exits: { 3: 'there is no such verifier, or more than one has that name' },
  seeAlso: ['verifier list', 'verifier remove'],

  async run(kit, { id }) {
    const { showVerifier } = await kit.admin()
    return { view: record(verifierShape, await showVerifier({ id })) }
  },
})
