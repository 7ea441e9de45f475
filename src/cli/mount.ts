import { Command, CommanderError, Option } from 'commander'
import { refuse } from '#kernel/problem.ts'
import type { Flag, Flags } from './flags.ts'

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
  for (const [key, flag] of Object.entries(mounted.flags)) {
    for (const option of optionsOf(key, flag)) command.addOption(option)
  }
  for (const [key, arg] of Object.entries(mounted.args)) {
    command.argument(arg.isRepeatable ? `[${kebab(key)}...]` : `[${kebab(key)}]`, arg.about)
  }
  command.action(() => undefined)
  try {
    command.parse([...words], { from: 'user' })
  } catch (failure) {
    if (!(failure instanceof CommanderError)) throw failure
    refuse('usage-invalid', worded(failure), { next: `credctl ${command.name()} --help` })
  }
  return { flags: flagsOf(mounted.flags, command.opts()), args: argsOf(mounted.args, command) }
}

/** `issuedAfter` → `issued-after`. */
export const kebab = (key: string): string => key.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)

function optionsOf(key: string, flag: Flag<unknown>): readonly Option[] {
  const long = `--${kebab(key)}`
  const short = flag.short === undefined ? '' : `-${flag.short}, `
  if (flag.form === 'toggle') return [new Option(`${short}${long}`)]
  if (flag.form === 'switch') return [new Option(long), new Option(`--no-${kebab(key)}`)]
  const collect = (value: string, given: readonly string[] = []): readonly string[] => [
    ...given,
    value,
  ]
  return [new Option(`${short}${long} <value>`).argParser(collect)]
}

function flagsOf(flags: Flags, opts: Readonly<Record<string, unknown>>): Raw['flags'] {
  const raw = new Map<string, readonly string[]>()
  for (const [key, flag] of Object.entries(flags)) {
    // commander files `--no-count` under `count`, as true until it is given.
    const isNegative = flag.form === 'toggle' && /^no[A-Z]/.test(key)
    const value = isNegative ? opts[key.charAt(2).toLowerCase() + key.slice(3)] : opts[key]
    if (isNegative) {
      if (value === false) raw.set(key, ['true'])
    } else if (Array.isArray(value)) {
      raw.set(key, value.map(String))
    } else if (typeof value === 'boolean') {
      raw.set(key, [String(value)])
    }
  }
  return raw
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
    const given = /unknown option '(--?)([A-Za-z][\w-]{0,31})/.exec(message)
    const name =
      given === null ? 'an option' : `${given[1]}${given[1] === '-' ? given[2]?.[0] : given[2]}`
    const hint = /\(Did you mean ([^?]{1,80})\?\)/.exec(message)?.[1]
    return `there is no ${name}${hint === undefined ? '' : `; did you mean ${hint}?`}`
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
