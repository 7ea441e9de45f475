import { defineCommand } from '#cli/command.ts'
import { type Client, clientShape } from '#cli/commands/shapes.ts'
import { shellQuote } from '#cli/confirm.ts'
import { keyValue, many, oneOf, text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { record } from '#cli/view.ts'
import { tiers } from '#contract/words.ts'
import { refuse } from '#kernel/problem.ts'

/** `credctl client update`: what is not named stays as it is. */
export const clientUpdate = defineCommand({
  path: ['client', 'update'],
  summary: 'Change what a client may ask for',
  description: [
    '--scope and --audience replace the whole list; --add-scope, --remove-scope, --add-audience and --remove-audience change it. --tag sets a tag, --remove-tag takes one away.',
    'Tokens that were issued before keep what they were given: to take a scope back from them too, revoke them.',
  ],
  args: {
    id: text('The client', {
      required: true,
      placeholder: 'ID',
      complete: 'client',
      ask: askClient,
    }),
  },
  flags: {
    scope: many('All scopes that it may ask for from now on', { placeholder: 'SCOPE' }),
    addScope: many('One more', { placeholder: 'SCOPE' }),
    removeScope: many('One less', { placeholder: 'SCOPE' }),
    audience: many('All audiences from now on; the first is the default', {
      placeholder: 'AUDIENCE',
    }),
    addAudience: many('One more', { placeholder: 'AUDIENCE' }),
    removeAudience: many('One less', { placeholder: 'AUDIENCE' }),
    tier: oneOf(tiers, 'Another tier'),
    tag: keyValue('A tag to set'),
    removeTag: many('The key of a tag to take away', { placeholder: 'KEY' }),
  },
  examples: [
    {
      run: 'credctl client update deploy-bot --add-scope deploy:eu',
      about: 'Allow one more scope',
    },
    {
      run: 'credctl client update deploy-bot --remove-scope deploy:prod && credctl revoke --client deploy-bot --scope deploy:prod --reason privilege-withdrawn',
      about: 'Take a scope away, from the tokens that are out there too',
    },
  ],
  output: [clientShape],
  exits: { 3: 'there is no such client' },
  seeAlso: ['client show', 'revoke'],

  async run(kit, input) {
    const { id, tier } = input
    mustChangeSomething(input)
    const admin = await kit.admin()
    const before = await admin.showClient({ id })
    const scopes = changed(kit, before.scopes, {
      name: 'scope',
      all: input.scope,
      added: input.addScope,
      removed: input.removeScope,
    })
    if (scopes?.length === 0) refuseNoScopes(id)
    const audiences = changed(kit, before.audiences, {
      name: 'audience',
      all: input.audience,
      added: input.addAudience,
      removed: input.removeAudience,
    })
    const tags = retagged(kit, before, input)
    const client = await admin.updateClient({ id, scopes, audiences, tier, tags })
    await kit.show(record(clientShape, client, { headline: [`Changed client ${client.id}.`] }))
    const lost = before.scopes.filter((scope) => !client.scopes.includes(scope))
    if (0 < lost.length) {
      const selector = lost.map((scope) => ` --scope ${shellQuote(scope)}`).join('')
      kit.hint(
        `tokens issued before keep it; to take it from them too: credctl revoke --client ${id}${selector} --reason privilege-withdrawn`,
      )
    }
    return {}
  },
})

interface Change {
  readonly scope: readonly string[]
  readonly addScope: readonly string[]
  readonly removeScope: readonly string[]
  readonly audience: readonly string[]
  readonly addAudience: readonly string[]
  readonly removeAudience: readonly string[]
  readonly tier: Client['tier'] | undefined
  readonly tag: Readonly<Record<string, string>>
  readonly removeTag: readonly string[]
}

function mustChangeSomething(input: Change): void {
  const lists = [
    ['scope', input.scope, [...input.addScope, ...input.removeScope]],
    ['audience', input.audience, [...input.addAudience, ...input.removeAudience]],
  ] as const
  for (const [name, all, some] of lists) {
    if (0 < all.length && 0 < some.length) {
      refuse(
        'usage-invalid',
        `--${name} replaces the whole list, so --add-${name} and --remove-${name} have no place beside it`,
        { next: 'credctl client update --help' },
      )
    }
  }
  const given = [...lists.flatMap(([, all, some]) => [...all, ...some]), ...input.removeTag]
  if (0 < given.length + Object.keys(input.tag).length || input.tier !== undefined) return
  refuse('usage-invalid', 'nothing to change is named', { next: 'credctl client update --help' })
}

const refuseNoScopes = (id: string): never =>
  refuse('usage-invalid', 'a client needs at least one scope', {
    next: `to issue nothing to it any more: credctl client disable ${id}`,
  })

/** The list after the change; `undefined` where none is asked for. */
function changed(
  kit: Kit,
  before: readonly string[],
  {
    name,
    all,
    added,
    removed,
  }: {
    readonly name: string
    readonly all: readonly string[]
    readonly added: readonly string[]
    readonly removed: readonly string[]
  },
): string[] | undefined {
  if (0 < all.length) return [...all]
  if (added.length + removed.length === 0) return undefined
  warnAbsent(kit, name, removed, before)
  return [...new Set([...before, ...added])].filter((value) => !removed.includes(value))
}

/** What is not there need not be removed; but it may be a slip of the pen. */
function warnAbsent(
  kit: Kit,
  name: string,
  removed: readonly string[],
  before: readonly string[],
): void {
  for (const value of removed) {
    if (!before.includes(value)) kit.warn(`there was no ${name} ${value} to remove`)
  }
}

function retagged(
  kit: Kit,
  { tags }: Client,
  { tag, removeTag }: Change,
): Record<string, string> | undefined {
  if (Object.keys(tag).length + removeTag.length === 0) return undefined
  warnAbsent(kit, 'tag', removeTag, Object.keys(tags))
  return Object.fromEntries(
    Object.entries({ ...tags, ...tag }).filter(([key]) => !removeTag.includes(key)),
  )
}
