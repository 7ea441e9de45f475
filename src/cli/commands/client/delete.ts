import { defineCommand } from '#cli/command.ts'
import { changedClientShape } from '#cli/commands/shapes.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import { record } from '#cli/view.ts'

/** `credctl client delete`: removes it for good, with what it holds. */
export const clientDelete = defineCommand({
  path: ['client', 'delete'],
  summary: 'Remove a client and revoke what it holds',
  description: [
    'Both happen in one step. The records of what was issued to it, and the audit log, stay.',
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
    { run: 'credctl client delete old-bot', about: 'Remove a client' },
    { run: 'credctl client delete old-bot --yes -o json', about: 'The same from a script' },
  ],
  output: [changedClientShape],
  exits: { 3: 'there is no such client' },
  seeAlso: ['client disable', 'revocation show'],

  async run(kit, { id, yes, confirm: phrase }) {
    mustBeConfirmable(kit, { yes, confirm: phrase })
    const admin = await kit.admin()
    await admin.showClient({ id })
    await confirm(kit, {
      severity: 'moderate',
      question: `Delete ${id}? What it holds is revoked, and its registration is gone for good.`,
      phrase: id,
      yes,
      confirm: phrase,
    })
    const deleted = await admin.deleteClient({ id })
    const { revocationId } = deleted
    const headline =
      revocationId === undefined
        ? `Deleted ${id}. It held nothing that was still valid.`
        : `Deleted ${id}. ${revocationId} revoked what it held.`
    await kit.show(record(changedClientShape, deleted, { headline: [headline] }))
    if (revocationId !== undefined)
      kit.hint(`what it held: credctl revocation show ${revocationId}`)
    return {}
  },
})
