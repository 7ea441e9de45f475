import { defineCommand } from '#cli/command.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { removedVerifierShape } from './shape.ts'

/** `credctl verifier remove`: its credential opens nothing any more. */
export const verifierRemove = defineCommand({
  path: ['verifier', 'remove'],
  summary: 'Take a verifier’s credential away',
  description: [
    'Processes that use it get no more word of the authority, and so decide nothing any more once what they hold has run out; until then a proof of enforcement waits for them. Removing twice is no error.',
  ],
  args: {
    id: text('The verifier, by its id or name', {
      required: true,
      placeholder: 'ID',
      complete: 'verifier',
    }),
  },
  flags: { ...confirmationFlags },
  examples: [{ run: 'credctl verifier remove api-old', about: 'Stop a resource server' }],
  output: [removedVerifierShape],
  exits: { 3: 'there is no such verifier' },
  seeAlso: ['verifier list', 'verifier create'],

  async run(kit, { id, yes, confirm: phrase }) {
    mustBeConfirmable(kit, { yes, confirm: phrase })
    const admin = await kit.admin()
    await confirm(kit, {
      severity: 'moderate',
      question: `Remove ${id}? Every process that uses its credential stops deciding within its limit.`,
      phrase: id,
      yes,
      confirm: phrase,
    })
    const removed = await admin.removeVerifier({ id })
    const { verifier, leasesEndAt } = removed
    const headline =
      leasesEndAt === undefined
        ? `Removed ${verifier.name}. Nothing was using it.`
        : `Removed ${verifier.name}. What used it decides nothing any more from ${leasesEndAt} on.`
    return { view: record(removedVerifierShape, removed, { headline: [headline] }) }
  },
})
