import { defineCommand } from '#cli/command.ts'
import { text } from '#cli/flags.ts'
import type { Kit } from '#cli/kit.ts'
import { record } from '#cli/view.ts'
import { refuse } from '#kernel/problem.ts'
import { contextShape, shownContexts, warnOverruled } from './shape.ts'

/** `credctl context use`: every later command works with that authority. */
export const contextUse = defineCommand({
  path: ['context', 'use'],
  summary: 'Work with the authority of a context from now on',
  description: ['Flags and environment variables that name an authority are stronger.'],
  args: {
    name: text('The context', {
      required: true,
      placeholder: 'NAME',
      complete: 'context',
      ask: askContext,
    }),
  },
  flags: {},
  examples: [{ run: 'credctl context use prod', about: 'Work with prod from now on' }],
  output: [contextShape],
  exits: { 3: 'there is no such context' },
  seeAlso: ['context list', 'context show'],

  async run(kit, { name }) {
    await kit.contexts.use(name)
    warnOverruled(kit)
    const context =
      (await shownContexts(kit)).find((one) => one.name === name) ??
      refuse('internal', 'the context in use is not on the list')
    return { view: record(contextShape, context, { headline: [`Context ${name} is in use.`] }) }
  },
})

async function askContext(kit: Kit): Promise<string> {
  const contexts = await shownContexts(kit)
  if (contexts.length === 0) {
    refuse('input-required', 'there are no contexts to choose from', {
      next: 'credctl context add NAME --server URL',
    })
  }
  return await kit.prompt.select({
    message: 'Context:',
    choices: contexts.map(({ name, server, dataDir }) => ({
      value: name,
      about: server ?? dataDir,
    })),
  })
}
