import { defineCommand } from '#cli/command.ts'
import { changedClientShape } from '#cli/commands/shapes.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'

/** `credctl client key remove`: what it signs from now on proves nothing. */
export const clientKeyRemove = defineCommand({
  path: ['client', 'key', 'remove'],
  summary: 'Take a key from a client',
  description: [
    'What that key signs proves nothing from now on. Tokens that were issued before stay as they are: where the key was exposed, revoke them too. The last thing by which a client can prove itself cannot be taken: disable the client.',
  ],
  args: {
    id: text('The client', { required: true, placeholder: 'ID', complete: 'client' }),
    key: text('The key, by its thumbprint', { required: true, placeholder: 'KEY' }),
  },
  flags: { ...confirmationFlags },
  examples: [
    {
      run: 'credctl client key remove ci NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
      about: 'The last step of a change of keys',
    },
  ],
  output: [changedClientShape],
  exits: { 3: 'there is no such client, or it has no such key' },
  seeAlso: ['client key add', 'client disable', 'revoke'],

  async run(kit, { id, key, yes, confirm: phrase }) {
    mustBeConfirmable(kit, { yes, confirm: phrase })
    const admin = await kit.admin()
    await confirm(kit, {
      severity: 'moderate',
      question: `Take key ${key} from ${id}? What it signs proves nothing from then on.`,
      phrase: id,
      yes,
      confirm: phrase,
    })
    const removed = await admin.removeClientKey({ id, keyId: key })
    const headline = [`Removed ${key} from ${id}.`]
    await kit.show(record(changedClientShape, removed, { headline }))
    kit.hint(
      `where it was exposed, take what it got too: credctl revoke --client ${id} --reason compromise`,
    )
    return {}
  },
})
