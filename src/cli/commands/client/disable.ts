import { defineCommand } from '#cli/command.ts'
import { changedClientShape } from '#cli/commands/shapes.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import { record } from '#cli/view.ts'

/** `credctl client disable`: nothing more is issued to it, and what it holds is revoked. */
export const clientDisable = defineCommand({
  path: ['client', 'disable'],
  summary: 'Stop issuing to a client and revoke what it holds',
  description: [
    'Both happen in one step. `client enable` issues to it again; what was revoked stays revoked. Disabling twice is no error.',
  ],
  args: {
    id: text('The client', {
      required: true,
      placeholder: 'ID',
      complete: 'client',
      ask: askClient,
    }),
  },
  flags: { ...confirmationFlags },
  examples: [
    { run: 'credctl client disable deploy-bot', about: 'Stop a client for now' },
    { run: 'credctl client disable deploy-bot --yes -o json', about: 'The same from a script' },
  ],
  output: [changedClientShape],
  exits: { 3: 'there is no such client' },
  seeAlso: ['client enable', 'client delete', 'revoke'],

  async run(kit, { id, yes, confirm: phrase }) {
    mustBeConfirmable(kit, { yes, confirm: phrase })
    const admin = await kit.admin()
    const { state } = await admin.showClient({ id })
    // Nobody is asked about what changes nothing.
    if (state === 'enabled') {
      await confirm(kit, {
        severity: 'moderate',
        question: `Disable ${id}? What it holds is revoked, and nothing more is issued to it.`,
        phrase: id,
        yes,
        confirm: phrase,
      })
    }
    const disabled = await admin.disableClient({ id })
    const { revocationId } = disabled
    const headline =
      state === 'disabled'
        ? `${id} was disabled already; nothing changed.`
        : revocationId === undefined
          ? `Disabled ${id}. It held nothing that was still valid.`
          : `Disabled ${id}. ${revocationId} revoked what it held.`
    await kit.show(record(changedClientShape, disabled, { headline: [headline] }))
    if (revocationId !== undefined)
      kit.hint(`what it held: credctl revocation show ${revocationId}`)
    kit.hint(`to issue to it again: credctl client enable ${id}`)
    return {}
  },
})
