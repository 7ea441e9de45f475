import { IDEMPOTENCY_KEY_CHARACTERS_MAX, isIdempotencyKey } from '#contract/limits.ts'
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import { type Flags, integer, many, type ParseContext, text, toggle, type Values } from './flags.ts'
import type { Environment } from './kit.ts'
import { quote } from './quote.ts'
import { knownFields, type Shape } from './view.ts'

export const outputFormats = ['table', 'wide', 'json', 'jsonl', 'yaml', 'csv', 'name'] as const

/** The global flags of one run, after flag > environment > default. */
export interface Settings {
  /** One of `outputFormats`, or one that the command adds. */
  readonly output: string
  readonly isQuiet: boolean
  /** Dot paths; `undefined` means all. */
  readonly fields: readonly string[] | undefined
  readonly withHeaders: boolean
  readonly sortBy: { readonly key: string; readonly descending: boolean } | undefined
  /** Items of one page. */
  readonly limit: number
  /** Items of a page where all pages are followed and nobody said how large one is. */
  readonly streamLimit: number
  readonly cursor: string | undefined
  readonly idempotencyKey: string | undefined
  readonly withInput: boolean
  readonly withColor: boolean
  readonly isDebug: boolean
  readonly server: string | undefined
  readonly context: string | undefined
  readonly dataDir: string | undefined
  readonly caCert: string | undefined
}

/** What scripts choose so that a step that was cut short can be run again. It is no secret. */
function readKey(given: readonly string[], { name, next }: ParseContext): string {
  const key = given.at(-1) ?? ''
  if (isIdempotencyKey(key)) return key
  return refuse(
    'usage-invalid',
    `${name}: a key has 1 to ${IDEMPOTENCY_KEY_CHARACTERS_MAX} printable ASCII characters, and no blanks`,
    { next },
  )
}

/** What every command takes. */
export const globalFlags = {
  output: text('Output format: table, wide, json, jsonl, yaml, csv or name', {
    short: 'o',
    placeholder: 'FORMAT',
  }),
  quiet: toggle('Print ids only', { short: 'q' }),
  fields: many('Print these fields only, by their dot paths in the JSON', {
    placeholder: 'FIELD,…',
  }),
  noHeaders: toggle('Print no headings'),
  sortBy: text('Sort by a field', { placeholder: 'FIELD[:desc]' }),
  server: text('Work with the authority at this URL', { placeholder: 'URL' }),
  context: text('Work with the authority of this context', {
    placeholder: 'NAME',
    complete: 'context',
  }),
  dataDir: text('Work with the authority in this folder', {
    placeholder: 'DIR',
    complete: 'directory',
  }),
  caCert: text('Trust this certificate authority (PEM) for --server', {
    placeholder: 'FILE',
    complete: 'file',
  }),
  idempotencyKey: {
    ...text('Do it once: run again with its key, a change is not made again but answered again', {
      placeholder: 'KEY',
    }),
    parse: readKey,
  },
  noInput: toggle('Never ask; missing input is an error'),
  noColor: toggle('Print no colours'),
  debug: toggle('Print the cause of an internal error'),
  help: toggle('Show help', { short: 'h' }),
} satisfies Flags

/** What the commands that list take beside. */
export const pageFlags = {
  limit: integer('Items of one page', { initial: PAGE_SIZE_DEFAULT, min: 1, max: PAGE_SIZE_MAX }),
  cursor: text('Start at the page that an earlier `nextCursor` names', { placeholder: 'CURSOR' }),
} satisfies Flags

type GlobalValues = Values<typeof globalFlags> & Partial<Values<typeof pageFlags>>

/** An environment variable that switches something on: set, and neither `0` nor `false`. */
export const isOn = (value: string | undefined): boolean =>
  value !== undefined && value !== '' && value !== '0' && value !== 'false'

const setting = (value: string | undefined): string | undefined =>
  value === undefined || value === '' ? undefined : value

/** The page size of lists that are streamed from this very process. */
const PAGE_SIZE_NEAR = 40

/** Flag > environment > default. Which authority is meant is left to `targetOf`. */
export function settingsOf(flags: GlobalValues, env: Environment): Settings {
  return {
    output: flags.output ?? setting(env['CREDCTL_OUTPUT']) ?? 'table',
    isQuiet: flags.quiet,
    fields: flags.fields.length === 0 ? undefined : flags.fields,
    withHeaders: !flags.noHeaders,
    sortBy: flags.sortBy === undefined ? undefined : sortOf(flags.sortBy),
    limit: flags.limit ?? PAGE_SIZE_DEFAULT,
    streamLimit: streamLimit(flags, env),
    cursor: flags.cursor,
    idempotencyKey: flags.idempotencyKey,
    withInput: !flags.noInput && !isOn(env['CREDCTL_NO_INPUT']),
    withColor: !flags.noColor,
    isDebug: flags.debug || isOn(env['CREDCTL_DEBUG']),
    server: flags.server,
    context: flags.context,
    dataDir: flags.dataDir,
    caCert: flags.caCert,
  }
}

/**
 * How large a page is that is only read and dropped. In this process small ones are fastest and take
 * little memory; over a network each costs a journey.
 */
function streamLimit({ limit, server, context }: GlobalValues, env: Environment): number {
  if (limit !== undefined && limit !== PAGE_SIZE_DEFAULT) return limit
  const places = [server, context, env['CREDCTL_SERVER'], env['CREDCTL_CONTEXT']]
  return places.some((place) => (place ?? '') !== '') ? PAGE_SIZE_DEFAULT : PAGE_SIZE_NEAR
}

function sortOf(given: string): NonNullable<Settings['sortBy']> {
  const [key = '', order = 'asc', ...more] = given.split(':')
  if (key === '' || !['asc', 'desc'].includes(order) || 0 < more.length) {
    refuse('usage-invalid', '--sort-by takes a field, and `:desc` for the reverse', {
      next: 'for example --sort-by expiresAt:desc',
    })
  }
  return { key, descending: order === 'desc' }
}

/** Refuses what the command cannot print, before it does anything. */
export function checkSettings(
  settings: Settings,
  command: {
    readonly output: readonly Shape<never>[]
    readonly formats?: Readonly<Record<string, string>> | undefined
  },
): void {
  const formats: readonly string[] = [...outputFormats, ...Object.keys(command.formats ?? {})]
  if (!formats.includes(settings.output)) {
    refuse('usage-invalid', `no such output format; there are ${formats.join(', ')}`, {
      next: 'choose one with -o, or in CREDCTL_OUTPUT',
    })
  }
  if (command.output.length === 0) return
  const known = knownFields(command.output)
  for (const path of settings.fields ?? []) checkField('--fields', path, known)
  if (settings.sortBy !== undefined) checkField('--sort-by', settings.sortBy.key, known)
}

function checkField(flag: string, path: string, known: ReturnType<typeof knownFields>): void {
  if (known.has(path)) return
  const all = known.all.join(', ')
  refuse('usage-invalid', `${flag}: ${quote(path)} is no field; there are ${all}`, {
    next: `choose among them, or leave out ${flag}`,
  })
}
