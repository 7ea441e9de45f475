import type { AnyCommand, CommandTable } from '#cli/command.ts'
import { knownFields } from '#cli/view.ts'
import { below, rowsUnder } from '#cli/locate.ts'
import { definitions, wrap } from '#cli/render/table.ts'
import { suggest } from '#cli/suggest.ts'
import { refuse } from '#kernel/problem.ts'
import { argLabel, flagAbout, flagLabel, flagsOf, synopsis } from './describe.ts'
import { isTopic, topics } from './topics.ts'

/** Help is read at this width where there is no terminal, and never wider than this on one. */
const HELP_WIDTH_MAX = 100

/** Help for a command, a noun, a topic or the program. Refusal: `topic-unknown`. */
export async function helpText(
  words: readonly string[],
  table: CommandTable,
  columns: number | undefined,
): Promise<string> {
  const width = Math.min(columns ?? HELP_WIDTH_MAX, HELP_WIDTH_MAX)
  const rows = rowsUnder(table, words)
  const exact = rows.find(({ path }) => path.length === words.length)
  const [topic = ''] = words
  const lines =
    exact !== undefined
      ? commandHelp(await exact.load(), width)
      : words.length === 0
        ? programHelp(table, width)
        : 0 < rows.length
          ? nounHelp(words, table, width)
          : words.length === 1 && isTopic(topic)
            ? topicHelp(topic, width)
            : refuseUnknown(words, table)
  return `${lines.join('\n')}\n`
}

type Lines = readonly string[]

function commandHelp(command: AnyCommand, width: number): Lines {
  const { own, common } = flagsOf(command)
  const { formats = {}, exits = {} } = command
  const fields = knownFields(command.output).all
  return [
    `${command.summary}.`,
    '',
    ...section('Usage', [`  ${synopsis(command)}`]),
    ...(command.description ?? []).flatMap((text) => [...wrap(text, width), '']),
    ...section(
      'Arguments',
      definitions(
        Object.entries(command.args).map(([key, arg]) => [
          argLabel(key, arg),
          flagAbout(arg, { isArg: true }),
        ]),
        width,
      ),
    ),
    ...section(
      'Flags',
      definitions(
        Object.entries(own).map(([key, flag]) => [flagLabel(key, flag), flagAbout(flag)]),
        width,
      ),
    ),
    ...section('Formats of its own (-o)', definitions(Object.entries(formats), width)),
    ...section('Fields', fields.length === 0 ? [] : indented(fields.join(', '), width)),
    ...section('Exit status beside the common ones', definitions(Object.entries(exits), width)),
    ...section(
      'Examples',
      command.examples.flatMap(({ run, about }) => [`  # ${about}`, `  ${run}`]),
    ),
    ...section(
      'Global flags',
      definitions(
        Object.entries(common).map(([key, flag]) => [flagLabel(key, flag), flagAbout(flag)]),
        width,
      ),
    ).slice(0, -1),
  ]
}

function nounHelp(words: readonly string[], table: CommandTable, width: number): Lines {
  const name = words.join(' ')
  const about = table.nouns[name]
  return [
    ...(about === undefined ? [] : [`${about}.`, '']),
    ...section('Usage', [`  credctl ${name} VERB [flags]`]),
    ...section(
      'Verbs',
      definitions(
        rowsUnder(table, words).map((row) => [row.path.slice(words.length).join(' '), row.summary]),
        width,
      ),
    ),
    `Run \`credctl ${name} VERB --help\` for its flags.`,
  ]
}

function programHelp(table: CommandTable, width: number): Lines {
  const rows = below(table, []).map((word): readonly [string, string] => {
    const row = table.rows.find(({ path }) => path.length === 1 && path[0] === word)
    return [word, row?.summary ?? table.nouns[word] ?? '']
  })
  return [
    'Short-lived credentials: issued in a second, revoked provably.',
    '',
    ...section('Usage', ['  credctl COMMAND [flags]']),
    ...section('Commands', definitions(rows, width)),
    ...section(
      'Topics (credctl help TOPIC)',
      definitions(
        Object.entries(topics).map(([name, { summary }]) => [name, summary]),
        width,
      ),
    ),
    'Run `credctl COMMAND --help` for what it takes, `credctl --version` for the version.',
  ]
}

function topicHelp(name: keyof typeof topics, width: number): Lines {
  const { summary, paragraphs, terms } = topics[name]
  return [
    `${summary}.`,
    '',
    ...paragraphs.flatMap((text) => [...wrap(text, width), '']),
    ...definitions(terms, width),
  ]
}

const section = (title: string, lines: Lines): Lines =>
  lines.length === 0 ? [] : [`${title}:`, ...lines, '']

const indented = (text: string, width: number): Lines =>
  wrap(text, width - 2).map((line) => `  ${line}`)

function refuseUnknown(words: readonly string[], table: CommandTable): never {
  const known = [...Object.keys(topics), ...below(table, [])]
  const near = suggest(words[0] ?? '', known)
  refuse(
    'topic-unknown',
    `there is no help on that${near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`}`,
    { next: 'credctl help' },
  )
}
