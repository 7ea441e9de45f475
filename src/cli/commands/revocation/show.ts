import { defineCommand } from '#cli/command.ts'
import { targets } from '#cli/commands/revoke/plan-text.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { revocationShape } from './shape.ts'

/** `credctl revocation show`: one revocation, whole. */
export const revocationShow = defineCommand({
  path: ['revocation', 'show'],
  summary: 'Show a revocation',
  args: {
    id: text('The revocation', { required: true, placeholder: 'ID', complete: 'revocation' }),
  },
  flags: {},
  examples: [
    { run: 'credctl revocation show rev_01j9 -o wide', about: 'What it hits, and what it spares' },
  ],
  output: [revocationShape],
  exits: { 3: 'there is no such revocation' },
  seeAlso: ['revocation list', 'revocation lift'],

  async run(kit, { id }) {
    const { showRevocation } = await kit.admin()
    const revocation = await showRevocation({ id })
    const spared = targets(revocation.exceptions)
    const headline = [
      `Hits ${targets(revocation.selector)}${spared === '' ? '' : `; spares ${spared}`}`,
    ]
    return { view: record(revocationShape, revocation, { headline }) }
  },
})
