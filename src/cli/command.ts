import type { Flags, Values } from './flags.ts'
import type { Kit } from './kit.ts'
import type { Outcome, Shape } from './view.ts'

/**
 * One command, the only truth about it: the parser, the help, the man page, the completions and the
 * README's table are all read off this object.
 */
export interface CommandSpec<A extends Flags, F extends Flags> {
  /** `['token', 'issue']`; the file is `commands/token/issue.ts`. */
  readonly path: readonly [string] | readonly [string, string] | readonly [string, string, string]
  /** One line without a full stop; the same as in the table of commands. */
  readonly summary: string
  /** Paragraphs, for the help and the man page. */
  readonly description?: readonly string[]
  /** Positional arguments, in order. Keys are names: `{ id: text(…) }` is `<id>`. */
  readonly args: A
  /** Flags, `camelCase` for `--kebab-case`. `noCount: toggle(…)` is `--no-count`. */
  readonly flags: F
  readonly examples: readonly Example[]
  /** What it prints; several where it depends on the flags. Empty where it prints nothing. */
  // oxlint-disable-next-line typescript/no-explicit-any -- shapes of all values meet here
  readonly output: readonly Shape<any>[]
  /** Formats beside the common ones, and what each prints. */
  readonly formats?: Readonly<Record<string, string>>
  /** Gets `--limit` and `--cursor`. */
  readonly isPaged?: boolean
  /** The first positional argument ends our flags: what follows belongs to another program. */
  readonly isPassThrough?: boolean
  /** Exit statuses that mean something particular here. */
  readonly exits?: Readonly<Record<number, string>>
  readonly seeAlso?: readonly string[]
  readonly run: (kit: Kit, input: Values<A> & Values<F>) => Promise<Outcome>
}

export interface Example {
  /** The whole line, `credctl` included. */
  readonly run: string
  readonly about: string
}

export const defineCommand = <A extends Flags, F extends Flags>(
  spec: CommandSpec<A, F>,
): CommandSpec<A, F> => spec

/** A command whose input types are no longer known: what the program, the help and the manual take. */
export type AnyCommand = Omit<CommandSpec<Flags, Flags>, 'run'> & {
  readonly run: (kit: Kit, input: never) => Promise<Outcome>
}

/** One row of the table of commands: enough for help and completion without loading the command. */
export interface CommandRow {
  readonly path: readonly string[]
  readonly summary: string
  /** Loads the one module: `async () => (await import('./token/issue.ts')).tokenIssue`. */
  readonly load: () => Promise<AnyCommand>
}

export interface CommandTable {
  readonly rows: readonly CommandRow[]
  /** `token` → `Issue, list and check tokens`. */
  readonly nouns: Readonly<Record<string, string>>
}

export type { Flags, Values }
