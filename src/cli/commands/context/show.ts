import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import type { Kit } from '#cli/kit.ts'
import { record } from '#cli/view.ts'
import { refuse } from '#kernel/problem.ts'
import { contextShape, shownContexts, warnOverruled } from './shape.ts'

/** `credctl context show`: one context; without a name, the one that commands work with. */
export const contextShow = defineCommand({
  path: ['context', 'show'],
  summary: 'Show a context, or the one in use',
  args: { name: text('The context', { placeholder: 'NAME', complete: 'context' }) },
  flags: {},
  examples: [{ run: 'credctl context show -q', about: 'The name of the context in use' }],
  output: [contextShape],
  exits: { 3: 'there is no such context, or none is in use' },
  seeAlso: ['context list'],

  async run(kit, { name }) {
    const wanted = name ?? (await nameInUse(kit))
    const context =
      (await shownContexts(kit)).find((one) => one.name === wanted) ??
      refuse('context-unknown', 'there is no context of that name', {
        next: 'credctl context list',
      })
    return { view: record(contextShape, context) }
  },
})

/** As commands find it: the flag, then the environment, then what `context use` has set. */
async function nameInUse(kit: Kit): Promise<string> {
  const named = kit.settings.context ?? kit.env['CREDCTL_CONTEXT']
  if (named !== undefined && named !== '') return named
  warnOverruled(kit)
  return (
    (await kit.contexts.current()) ??
    refuse(
      'context-unknown',
      'no context is in use; commands work with the folder on this machine',
      {
        next: 'credctl context use NAME',
      },
    )
  )
}
