import { defineCommand } from '#cli/command.ts'
import { list } from '#cli/view.ts'
import { contextShape, shownContexts } from './shape.ts'

/** `credctl context list`: the authorities that have a name here. */
export const contextList = defineCommand({
  path: ['context', 'list'],
  summary: 'List contexts',
  args: {},
  flags: {},
  examples: [{ run: 'credctl context list', about: 'All contexts, and which is in use' }],
  output: [contextShape],
  seeAlso: ['context add', 'context use'],

  async run(kit) {
    const items = await shownContexts(kit)
    return {
      view: list(contextShape, async () => ({ items, nextCursor: null }), {
        empty: 'There are no contexts. Add one: credctl context add NAME --server URL',
      }),
    }
  },
})
