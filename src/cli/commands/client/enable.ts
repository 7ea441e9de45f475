import { defineCommand } from '#cli/command.ts'
import { changedClientShape } from '#cli/commands/shapes.ts'
import { text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import { record } from '#cli/view.ts'

/** `credctl client enable`: issues to a disabled client again. */
export const clientEnable = defineCommand({
  path: ['client', 'enable'],
  summary: 'Issue to a disabled client again; what was revoked stays revoked',
  args: {
    id: text('The client', {
      required: true,
      placeholder: 'ID',
      complete: 'client',
      ask: askClient,
    }),
  },
  flags: {},
  examples: [{ run: 'credctl client enable deploy-bot', about: 'Issue to it again' }],
  output: [changedClientShape],
  exits: { 3: 'there is no such client' },
  seeAlso: ['client disable', 'token issue'],

  async run(kit, { id }) {
    const { enableClient } = await kit.admin()
    const enabled = await enableClient({ id })
    const headline = `${id} is enabled. What was revoked when it was disabled stays revoked.`
    await kit.show(record(changedClientShape, enabled, { headline: [headline] }))
    kit.hint(`next: credctl token issue --client ${id}`)
    return {}
  },
})
