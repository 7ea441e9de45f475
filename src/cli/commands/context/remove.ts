import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { refuse } from '#kernel/problem.ts'
import { contextShape, shownContexts } from './shape.ts'

/** `credctl context remove`: forgets a name; the authority is not touched. */
export const contextRemove = defineCommand({
  path: ['context', 'remove'],
  summary: 'Forget a context; its authority is not touched',
  args: {
    name: text('The context', { required: true, placeholder: 'NAME', complete: 'context' }),
  },
  flags: {},
  examples: [{ run: 'credctl context remove lab', about: 'Forget a name' }],
  output: [contextShape],
  exits: { 3: 'there is no such context' },
  seeAlso: ['context add', 'context list'],

  async run(kit, { name }) {
    const context =
      (await shownContexts(kit)).find((one) => one.name === name) ??
      refuse('context-unknown', 'there is no context of that name', {
        next: 'credctl context list',
      })
    await kit.contexts.remove(name)
    await kit.show(
      record(
        contextShape,
        { ...context, current: false },
        { headline: [`Forgot context ${name}.`] },
      ),
    )
    if (context.current)
      kit.hint('no context is in use now; to use another: credctl context use NAME')
    return {}
  },
})
