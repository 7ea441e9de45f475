import type { AnyCommand, CommandTable } from '#cli/command.ts'
import { rowsUnder } from '#cli/locate.ts'
import { globalFlags } from '#cli/settings.ts'
import { knownFields } from '#cli/view.ts'
import { exitStatuses } from '#kernel/problem.ts'
import { argLabel, flagAbout, flagLabel, flagsOf, synopsis } from './describe.ts'
import { topics } from './topics.ts'

type Terms = readonly (readonly [term: string, about: string])[]

/** `credctl-token-issue.1`: everything there is to know about one command. */
export function commandPage(command: AnyCommand, table: CommandTable): string {
  const { own, common } = flagsOf(command)
  const { description = [], formats = {}, exits = {}, seeAlso = [] } = command
  const name = pageName(command.path)
  const fields = knownFields(command.output).all
  const siblings = rowsUnder(table, command.path.slice(0, -1))
    .filter(({ path }) => 1 < path.length && path.join() !== command.path.join())
    .map(({ path }) => pageName(path))
  return page(name, [
    ...section('NAME', [`${escape(name)} \\- ${escape(lowerFirst(command.summary))}`]),
    ...section('SYNOPSIS', [`.B ${escape(synopsis(command))}`]),
    ...section('DESCRIPTION', paragraphs([`${command.summary}.`, ...description])),
    ...section('OPTIONS', [
      ...terms(
        Object.entries(command.args).map(([key, arg]) => [
          argLabel(key, arg),
          flagAbout(arg, { isArg: true }),
        ]),
      ),
      ...terms(Object.entries(own).map(([key, flag]) => [flagLabel(key, flag), flagAbout(flag)])),
      '.SS Global options',
      ...terms(
        Object.entries(common).map(([key, flag]) => [flagLabel(key, flag), flagAbout(flag)]),
      ),
    ]),
    ...section('OUTPUT', [
      ...paragraphs(fields.length === 0 ? [] : [`Fields: ${fields.join(', ')}.`]),
      ...terms(Object.entries(formats).map(([format, about]) => [`-o ${format}`, about])),
    ]),
    ...section('EXIT STATUS', terms(statuses(exits))),
    ...section(
      'EXAMPLES',
      command.examples.flatMap(({ run, about }) => example(about, run)),
    ),
    ...section('ENVIRONMENT', terms(topics.environment.terms)),
    ...section('SEE ALSO', seeAlsoLine(['credctl', ...siblings, ...seeAlso])),
  ])
}

/** `credctl.1`: what all commands share. */
export function programPage(table: CommandTable): string {
  const commands: Terms = table.rows.map(({ path, summary }) => [path.join(' '), `${summary}.`])
  return page('credctl', [
    ...section('NAME', [
      'credctl \\- short\\-lived credentials, issued in a second, revoked provably',
    ]),
    ...section('SYNOPSIS', ['.B credctl', '.I command', '[flags]']),
    ...section('COMMANDS', terms(commands)),
    ...section(
      'OPTIONS',
      terms(
        Object.entries(globalFlags).map(([key, flag]) => [flagLabel(key, flag), flagAbout(flag)]),
      ),
    ),
    ...section('OUTPUT', [...paragraphs(topics.output.paragraphs), ...terms(topics.output.terms)]),
    ...section('SELECTORS', [
      ...paragraphs(topics.selectors.paragraphs),
      ...terms(topics.selectors.terms),
    ]),
    ...section('EXIT STATUS', [
      ...paragraphs(topics['exit-codes'].paragraphs),
      ...terms(statuses({})),
    ]),
    ...section('ENVIRONMENT', [
      ...paragraphs(topics.environment.paragraphs),
      ...terms(topics.environment.terms),
    ]),
    ...section('SEE ALSO', seeAlsoLine(table.rows.map(({ path }) => pageName(path)))),
  ])
}

export const pageName = (path: readonly string[]): string => ['credctl', ...path].join('-')

/** The common statuses, and what they mean particularly here. Integer keys come in their order. */
const statuses = (own: Readonly<Record<number, string>>): Terms =>
  Object.entries({ ...exitStatuses, ...own })

function page(name: string, lines: readonly string[]): string {
  const head = [
    '.\\" Generated from the command objects by `npm run generate`.',
    `.TH ${escape(name.toUpperCase())} 1 "" "credctl" "credctl manual"`,
    // Ragged, and words left whole: a command that is broken over two lines cannot be copied.
    '.nh',
    '.ad l',
  ]
  return `${[...head, ...lines].join('\n')}\n`
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [`.SH ${title}`, ...lines]

const paragraphs = (texts: readonly string[]): readonly string[] =>
  texts.flatMap((text, index) => [...(index === 0 ? [] : ['.PP']), line(text)])

const terms = (entries: Terms): readonly string[] =>
  entries.flatMap(([term, about]) => ['.TP', `.B ${escape(term)}`, line(about)])

const example = (about: string, run: string): readonly string[] => [
  '.PP',
  line(`${about}:`),
  '.PP',
  '.RS 4',
  '.nf',
  line(run),
  '.fi',
  '.RE',
]

function seeAlsoLine(names: readonly string[]): readonly string[] {
  const unique = [...new Set(names)]
  return unique.map((name, index) =>
    `.BR ${escape(name)} (1)${index === unique.length - 1 ? '' : ' ,'}`.replace(' ,', ','),
  )
}

/** A text line: one that begins with a dot or an apostrophe would be a request. */
const line = (text: string): string => escape(text).replace(/^(?=[.'])/, '\\&')

/** groff takes these characters for its own, or for typographic ones that cannot be pasted. */
function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll(/[-'`^~"]/g, (c) => NAMED[c] ?? c)
    .replaceAll(/[^\x20-\x7e]/gu, (c) => `\\[u${hex(c)}]`)
}

const NAMED: Readonly<Record<string, string>> = {
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
  '"': '\\(dq',
}

const hex = (c: string): string =>
  (c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
