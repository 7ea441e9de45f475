import { defineCommand } from '#cli/command.ts'
import { keyShape } from '#cli/commands/shapes.ts'
import { oneOf } from '#cli/flags.ts'
import { list } from '#cli/view.ts'
import { keyPurposes, keyStates } from '#contract/words.ts'

/** `credctl key list`: the signing keys, and how many tokens need each. */
export const keyList = defineCommand({
  path: ['key', 'list'],
  summary: 'List signing keys',
  description: [
    'The active key signs. A retiring one signs no more, but stays published until no token can need it. What is listed is public: private halves never leave the authority.',
  ],
  args: {},
  flags: {
    purpose: oneOf(keyPurposes, 'Only those that sign tokens, the feed, statuses or the audit log'),
    state: oneOf(keyStates, 'Only those in a state'),
  },
  examples: [
    { run: 'credctl key list', about: 'All keys' },
    { run: 'credctl key list --state active -q', about: 'The id of the key that signs' },
  ],
  output: [keyShape],
  isPaged: true,
  seeAlso: ['key show', 'key rotate'],

  async run(kit, { purpose, state }) {
    const { listKeys } = await kit.admin()
    return {
      view: list(keyShape, (page) => listKeys({ purpose, state, ...page }), {
        empty: 'There are no such keys.',
      }),
    }
  },
})
