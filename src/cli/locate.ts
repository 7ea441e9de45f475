import { refuse } from '#kernel/problem.ts'
import type { CommandRow, CommandTable } from './command.ts'
import { globalFlags } from './settings.ts'
import { kebab } from './kebab.ts'
import { suggest } from './suggest.ts'

export interface Located {
  /** The words that name a command, or as much of one as there is. */
  readonly path: readonly string[]
  /** Absent where the words name a noun, or the program itself. */
  readonly row: CommandRow | undefined
  /** All other words, in order: global flags may stand before the command. */
  readonly words: readonly string[]
}

/** Finds which command a command line names. Refusal: `usage-invalid`, with what may be meant. */
export function locate(argv: readonly string[], table: CommandTable): Located {
  const path: string[] = []
  const words: string[] = []
  let index = 0
  while (index < argv.length) {
    const row = exact(table, path)
    if (row !== undefined && !hasMore(table, path)) break
    const word = argv[index] ?? ''
    if (word === '--') break
    if (word.startsWith('-') && word !== '-') {
      const taken = takesNext(word) && index + 1 < argv.length ? 2 : 1
      words.push(...argv.slice(index, index + taken))
      index += taken
      continue
    }
    if (!below(table, path).includes(word)) {
      if (row === undefined) refuseUnknown(table, path, word)
      break
    }
    path.push(word)
    index += 1
  }
  return { path, row: exact(table, path), words: [...words, ...argv.slice(index)] }
}

const startsWith = ({ path }: CommandRow, prefix: readonly string[]): boolean =>
  prefix.length <= path.length && prefix.every((word, index) => path[index] === word)

const exact = ({ rows }: CommandTable, path: readonly string[]): CommandRow | undefined =>
  rows.find((row) => row.path.length === path.length && startsWith(row, path))

const hasMore = ({ rows }: CommandTable, path: readonly string[]): boolean =>
  rows.some((row) => path.length < row.path.length && startsWith(row, path))

/** The words that may follow. */
export const below = ({ rows }: CommandTable, path: readonly string[]): readonly string[] => [
  ...new Set(
    rows.filter((row) => startsWith(row, path)).flatMap((row) => row.path[path.length] ?? []),
  ),
]

export const rowsUnder = ({ rows }: CommandTable, path: readonly string[]): readonly CommandRow[] =>
  rows.filter((row) => startsWith(row, path))

const valued = new Set(
  Object.entries(globalFlags)
    .filter(([, flag]) => flag.form === 'value')
    .flatMap(([key, flag]) => [
      `--${kebab(key)}`,
      ...('short' in flag && flag.short !== undefined ? [`-${flag.short}`] : []),
    ]),
)

/** Whether the word is a global flag whose value is the next word. */
export const takesNext = (word: string): boolean => valued.has(word)

function refuseUnknown(table: CommandTable, path: readonly string[], word: string): never {
  const known = [...below(table, path), ...(path.length === 0 ? ['help'] : [])]
  const near = suggest(word, known)
  // A word that is no name at all may be a secret in the wrong place, so it is not repeated.
  const shown = /^[a-z][a-z0-9-]{0,23}$/.test(word) ? ` \`${word}\`` : ' of that name'
  const meant = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`
  const help = `credctl ${[...path, '--help'].join(' ')}`
  refuse(
    'usage-invalid',
    `there is no command${shown}${path.length === 0 ? '' : ` under ${path.join(' ')}`}${meant}`,
    {
      next: help,
    },
  )
}
