import { defineCommand } from '#cli/command.ts'
import { keyShape } from '#cli/commands/shapes.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'

/** `credctl key show`: one signing key. */
export const keyShow = defineCommand({
  path: ['key', 'show'],
  summary: 'Show a signing key',
  args: { id: text('The key', { required: true, placeholder: 'ID', complete: 'key' }) },
  flags: {},
  examples: [
    {
      run: 'credctl key show key_01j9 -o json | jq .liveCredentials',
      about: 'How many unexpired tokens it signed',
    },
  ],
  output: [keyShape],
  exits: { 3: 'there is no such key' },
  seeAlso: ['key list', 'key rotate'],

  async run(kit, { id }) {
    const { showKey } = await kit.admin()
    return { view: record(keyShape, await showKey({ id })) }
  },
})
