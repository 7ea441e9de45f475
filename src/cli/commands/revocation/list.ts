import { defineCommand } from '#cli/command.ts'
import { oneOf, text } from '#cli/flags.ts'
import { list } from '#cli/view.ts'
import { reasons, revocationStates } from '#contract/words.ts'
import { revocationShape } from './shape.ts'

/** `credctl revocation list`: what has been revoked, the newest first. */
export const revocationList = defineCommand({
  path: ['revocation', 'list'],
  summary: 'List revocations, the newest first',
  description: [
    'A revocation is published once it is on record and in the feed; enforced when every verifier applies it or decides nothing any more; open while an audience has no verifier that could say so; and lifted once it was undone or, as a suspension, has ended.',
  ],
  args: {},
  flags: {
    state: oneOf(revocationStates, 'Only those in a state'),
    reason: oneOf(reasons, 'Only those for a reason'),
    actor: text('Only those by an actor, such as client:ops', { placeholder: 'ACTOR' }),
  },
  examples: [
    { run: 'credctl revocation list --state open', about: 'Those that nothing proves yet' },
    {
      run: 'credctl revocation list --reason compromise -o json | jq -r .items[].id',
      about: 'The ids of those for a compromise',
    },
  ],
  output: [revocationShape],
  isPaged: true,
  seeAlso: ['revocation show', 'revoke'],

  async run(kit, filter) {
    const { listRevocations } = await kit.admin()
    return {
      view: list(revocationShape, (page) => listRevocations({ ...filter, ...page }), {
        empty: 'There are no such revocations.',
      }),
    }
  },
})
