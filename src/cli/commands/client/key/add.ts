import { defineCommand } from '#cli/command.ts'
import { addedKeysShape } from '#cli/commands/shapes.ts'
import { readKeys } from '#cli/commands/client/proofs.ts'
import { file, text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import { record } from '#cli/view.ts'

/** `credctl client key add`: one more key by which a client proves itself. */
export const clientKeyAdd = defineCommand({
  path: ['client', 'key', 'add'],
  summary: 'Have a client sign with one more key',
  description: [
    'The keys that it has stay, so that it can change from one to the next without a pause: add the new one, have the client sign with it, remove the old one. P-256, RSA of 2048 bits or more, and Ed25519 are taken; a client has eight at most. A client that had no key can sign from now on.',
  ],
  args: {
    id: text('The client', {
      required: true,
      placeholder: 'ID',
      complete: 'client',
      ask: askClient,
    }),
  },
  flags: {
    key: file('Its public key (JWK, JWK Set or PEM), - for stdin', { required: true }),
  },
  examples: [
    {
      run: 'credctl client key add ci --key ci-2027.pem',
      about: 'The first step of a change of keys',
    },
  ],
  output: [addedKeysShape],
  exits: { 3: 'there is no such client' },
  seeAlso: ['client key remove', 'client show'],

  async run(kit, { id, key }) {
    const keys = await readKeys(kit, key)
    const { addClientKeys } = await kit.admin()
    const added = await addClientKeys({ id, keys })
    const headline =
      added.added.length === 0
        ? `${id} had that key already; nothing changed.`
        : `Added to ${id}: ${added.added.join(', ')}.`
    return { view: record(addedKeysShape, added, { headline: [headline] }) }
  },
})
