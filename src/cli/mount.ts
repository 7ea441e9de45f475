import { Command, CommanderError, Option } from 'commander'
import { refuse } from '#kernel/problem.ts'
import type { Flag, Flags } from './flags.ts'
import { kebab } from './kebab.ts'

/** What was given, unread: every value of a flag or argument in order; absent if it was not given. */
export interface Raw {
  readonly flags: ReadonlyMap<string, readonly string[]>
  readonly args: ReadonlyMap<string, readonly string[]>
}

export interface Mounted {
  readonly path: readonly string[]
  readonly args: Flags
  /** Those of the command and the global ones. */
  readonly flags: Flags
  readonly isPassThrough: boolean
}

/** Splits the words after a command's name. Refusal: `usage-invalid`; it quotes no value. */
export function parseWords(mounted: Mounted, words: readonly string[]): Raw {
  const command = new Command(mounted.path.join(' '))
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined })
    .helpOption(false)
    .helpCommand(false)
    .allowExcessArguments(false)
    .passThroughOptions(mounted.isPassThrough)
  const flags = new Map<string, readonly string[]>()
  for (const [key, flag] of Object.entries(mounted.flags)) {
    for (const [option, toggled] of optionsOf(key, flag)) {
      command.addOption(option)
      // Heard here and not read from `opts()`, where `--no-count` and `--count` are one key.
      command.on(`option:${option.name()}`, (value: string | null) => {
        flags.set(key, [...(flags.get(key) ?? []), toggled ?? String(value)])
      })
    }
  }
  for (const [key, arg] of Object.entries(mounted.args)) {
    command.argument(arg.isRepeatable ? `[${kebab(key)}...]` : `[${kebab(key)}]`, arg.about)
  }
  command.action(() => undefined)
  try {
    command.parse(mounted.isPassThrough ? [...words] : withoutEquals(words), { from: 'user' })
  } catch (failure) {
    if (!(failure instanceof CommanderError)) throw failure
    refuse('usage-invalid', worded(failure), { next: `credctl ${command.name()} --help` })
  }
  return { flags, args: argsOf(mounted.args, command) }
}

/** `-o=json`, as kubectl has it, means `-o json`; commander takes the `=` for part of the value. */
function withoutEquals(words: readonly string[]): string[] {
  const end = words.indexOf('--')
  return words.map((word, index) =>
    end === -1 || index < end ? word.replace(/^-o=(?=.)/, '-o') : word,
  )
}

/** The options of a flag, each with what it stands for where it takes no value. */
function optionsOf(key: string, flag: Flag<unknown>): readonly (readonly [Option, string?])[] {
  const long = `--${kebab(key)}`
  const short = flag.short === undefined ? '' : `-${flag.short}, `
  if (flag.form === 'toggle') return [[new Option(`${short}${long}`), 'true']]
  if (flag.form === 'value') return [[new Option(`${short}${long} <value>`)]]
  return [
    [new Option(long), 'true'],
    [new Option(`--no-${kebab(key)}`), 'false'],
  ]
}

function argsOf(args: Flags, command: Command): Raw['args'] {
  const raw = new Map<string, readonly string[]>()
  for (const [index, key] of Object.keys(args).entries()) {
    const value: unknown = command.processedArgs[index]
    if (Array.isArray(value) && 0 < value.length) raw.set(key, value.map(String))
    if (typeof value === 'string') raw.set(key, [value])
  }
  return raw
}

/** commander's words in ours. What was typed may hold a secret, so only names come through. */
function worded({ code, message }: CommanderError): string {
  if (code === 'commander.unknownOption') {
    const [, dashes, name = ''] =
      /unknown option '(--?)([A-Za-z][a-z-]{0,23})(?:=.*)?'/s.exec(message) ?? []
    // A bundle of short ones is cut to its first letter: `-pSECRET` is a password in many programs.
    const given = dashes === '-' ? `-${name.charAt(0)}` : `--${name}`
    const hint = /\(Did you mean ([^?]{1,80})\?\)/.exec(message)?.[1]
    return `there is no ${dashes === undefined ? 'option of that name' : given}${hint === undefined ? '' : `; did you mean ${hint}?`}`
  }
  if (code === 'commander.optionMissingArgument') {
    return `${/--[a-z-]+/.exec(message)?.[0] ?? 'an option'} needs a value`
  }
  if (code === 'commander.excessArguments') {
    const counts = /Expected (\d+) arguments? but got (\d+)/.exec(message)
    return counts === null
      ? 'too many arguments'
      : `too many arguments: ${counts[2]} where ${counts[1] === '0' ? 'none is' : `at most ${counts[1]} are`} taken`
  }
  return 'the command line cannot be read'
}
