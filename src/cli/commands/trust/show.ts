import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { trustShape } from './shape.ts'

/** `credctl trust show`: one trust. */
export const trustShow = defineCommand({
  path: ['trust', 'show'],
  summary: 'Show a trust',
  args: { id: text('The trust', { required: true, placeholder: 'ID' }) },
  flags: {},
  examples: [{ run: 'credctl trust show deploys', about: 'Whom it lets in' }],
  output: [trustShape],
  exits: { 3: 'there is no such trust' },
  seeAlso: ['trust list', 'trust test'],

  async run(kit, { id }) {
    const { showTrust } = await kit.admin()
    return { view: record(trustShape, await showTrust({ id })) }
  },
})
