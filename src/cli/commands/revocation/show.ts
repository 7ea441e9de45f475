import { defineCommand } from '#cli/command.ts'
import { targets } from '#cli/commands/revoke/plan-text.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { enforcementTables, enforcementText } from './enforcement.ts'
import { shownShape } from './shape.ts'

/** `credctl revocation show`: one revocation, whole, and how far its enforcement has come. */
export const revocationShow = defineCommand({
  path: ['revocation', 'show'],
  summary: 'Show a revocation, and where its enforcement stands',
  args: {
    id: text('The revocation', { required: true, placeholder: 'ID', complete: 'revocation' }),
  },
  flags: {},
  examples: [
    { run: 'credctl revocation show rev_01j9 -o wide', about: 'What it hits, and what it spares' },
    {
      run: 'credctl revocation show rev_01j9 -o json | jq .enforcement.verifiers',
      about: 'How many verifiers have it',
    },
  ],
  output: [shownShape],
  exits: { 3: 'there is no such revocation' },
  seeAlso: ['revocation wait', 'revocation list', 'revocation lift'],

  async run(kit, { id }) {
    const { showRevocation, showEnforcement } = await kit.admin()
    const revocation = await showRevocation({ id })
    const enforcement = await showEnforcement({ id })
    const spared = targets(revocation.exceptions)
    const headline = [
      `Hits ${targets(revocation.selector)}${spared === '' ? '' : `; spares ${spared}`}`,
      ...enforcementText(enforcement),
    ]
    const shown = { ...revocation, state: enforcement.state, enforcement }
    return {
      view: record(shownShape, shown, { headline, below: enforcementTables(enforcement) }),
    }
  },
})
