import { defineCommand } from '#cli/command.ts'
import { oneOf, text } from '#cli/flags.ts'
import { list } from '#cli/view.ts'
import { verifierStates } from '#contract/words.ts'
import { verifierShape } from './shape.ts'

/** `credctl verifier list`: the staleness board. */
export const verifierList = defineCommand({
  path: ['verifier', 'list'],
  summary: 'List the verifiers, and how fresh each is',
  description: [
    'A line is one running process of a resource server; a credential that none follows the feed with has a line of its own. fresh: it applies everything there is. degraded: it lags behind, or its stream is cut. stale: its lease is over, so it decides nothing. gone: it was closed, or not seen for a day, and is forgotten soon.',
    'A verifier that checks only signatures, by the JWKS, is not on the board: nobody can know what it accepts.',
  ],
  args: {},
  flags: {
    state: oneOf(verifierStates, 'Only those in a state'),
    name: text('Only those of a name', { placeholder: 'NAME', complete: 'verifier' }),
    audience: text('Only those that decide for an audience', { placeholder: 'AUDIENCE' }),
  },
  examples: [
    { run: 'credctl verifier list', about: 'Who applies revocations, and how soon' },
    { run: 'credctl verifier list --state stale -q', about: 'Who decides nothing any more' },
  ],
  output: [verifierShape],
  isPaged: true,
  seeAlso: ['verifier show', 'revocation wait'],

  async run(kit, filter) {
    const { listVerifiers } = await kit.admin()
    const isFiltered = Object.values(filter).some((value) => value !== undefined)
    return {
      view: list(verifierShape, (page) => listVerifiers({ ...filter, ...page }), {
        empty: isFiltered
          ? 'There are no such verifiers.'
          : 'No verifier follows the feed. Make a credential for one: credctl verifier create NAME',
      }),
    }
  },
})
