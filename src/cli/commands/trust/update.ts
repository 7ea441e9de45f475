import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { refuse } from '#kernel/problem.ts'
import { trustFlags, trustOf } from './flags.ts'
import { writtenTrustShape } from './shape.ts'

/** `credctl trust update`: what is not named stays as it is. */
export const trustUpdate = defineCommand({
  path: ['trust', 'update'],
  summary: 'Change a trust',
  description: [
    '--claim, --when and --scope replace all claims, conditions and scopes. Tokens that were issued before stay as they are; to take them back: credctl revoke --trust ID.',
  ],
  args: { id: text('The trust', { required: true, placeholder: 'ID' }) },
  flags: trustFlags,
  examples: [
    { run: 'credctl trust update deploys --mode enforce', about: 'From trying out to issuing' },
  ],
  output: [writtenTrustShape],
  exits: { 3: 'there is no such trust', 5: 'it could never match, or binds no lasting id' },
  seeAlso: ['trust show', 'trust test'],

  async run(kit, { id, ...given }) {
    const change = await trustOf(kit, given)
    if (Object.keys(change).length === 0) {
      refuse('usage-invalid', 'nothing to change is named', { next: 'credctl trust update --help' })
    }
    const { updateTrust } = await kit.admin()
    const written = await updateTrust({ id, ...change })
    await kit.show(
      record(writtenTrustShape, written, { headline: [`Changed trust ${written.trust.id}.`] }),
    )
    for (const warning of written.warnings) kit.warn(warning)
    return {}
  },
})
