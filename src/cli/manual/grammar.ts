import type { AnyCommand, CommandTable } from '#cli/command.ts'
import type { CompletionKind, Flag } from '#cli/flags.ts'
import { kebab } from '#cli/kebab.ts'
import { outputFormats } from '#cli/settings.ts'
import { flagsOf } from './describe.ts'
import { topics } from './topics.ts'

/** What a shell has to know, whichever it is. */
export interface Grammar {
  /** Words that may follow a path of words, `''` being the program itself. */
  readonly nodes: readonly {
    readonly path: readonly string[]
    readonly words: readonly (readonly [word: string, about: string])[]
  }[]
  readonly commands: readonly {
    readonly path: readonly string[]
    readonly args: readonly Slot[]
    readonly options: readonly (Slot & { readonly names: readonly string[] })[]
  }[]
}

export interface Slot {
  readonly about: string
  readonly takesValue: boolean
  readonly isRepeatable: boolean
  readonly choices: readonly string[]
  readonly complete: CompletionKind | undefined
}

export async function grammarOf(table: CommandTable): Promise<Grammar> {
  const commands = await Promise.all(table.rows.map((row) => row.load()))
  return { nodes: nodesOf(table), commands: commands.map(commandOf) }
}

function nodesOf(table: CommandTable): Grammar['nodes'] {
  const nodes = new Map<string, Map<string, string>>([['', new Map()]])
  for (const { path, summary } of table.rows) {
    for (const [depth, word] of path.entries()) {
      const parent = path.slice(0, depth).join(' ')
      const words = nodes.get(parent) ?? new Map<string, string>()
      nodes.set(parent, words)
      const name = path.slice(0, depth + 1).join(' ')
      if (depth === path.length - 1) words.set(word, summary)
      else if (!words.has(word)) words.set(word, table.nouns[name] ?? '')
    }
  }
  nodes.get('')?.set('help', 'Explain a command or a topic')
  const topicWords = Object.entries(topics).map(([name, { summary }]) => [name, summary] as const)
  const nouns = [...(nodes.get('') ?? [])].filter(([word]) => word !== 'help')
  return [
    ...[...nodes].map(([path, words]) => ({
      path: path === '' ? [] : path.split(' '),
      words: [...words],
    })),
    { path: ['help'], words: [...topicWords, ...nouns] },
  ]
}

function commandOf(command: AnyCommand): Grammar['commands'][number] {
  const { own, common } = flagsOf(command)
  const formats = [...outputFormats, ...Object.keys(command.formats ?? {})]
  return {
    path: command.path,
    args: Object.values(command.args).map(slotOf),
    options: Object.entries({ ...own, ...common }).flatMap(([key, flag]) => {
      const slot = slotOf(flag)
      const names = [
        `--${kebab(key)}`,
        ...(flag.form === 'switch' ? [`--no-${kebab(key)}`] : []),
        ...(flag.short === undefined ? [] : [`-${flag.short}`]),
      ]
      return [{ ...slot, names, choices: key === 'output' ? formats : slot.choices }]
    }),
  }
}

const slotOf = (flag: Flag<unknown>): Slot => ({
  about: flag.about,
  takesValue: flag.form === 'value',
  isRepeatable: flag.isRepeatable,
  choices: flag.choices ?? [],
  complete: flag.complete,
})
