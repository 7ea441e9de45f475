import type { Instant } from '#kernel/instant.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import type { Flag, Flags, ParseContext } from './flags.ts'
import type { Kit } from './kit.ts'
import { kebab } from './kebab.ts'
import type { Raw } from './mount.ts'
import { quote } from './quote.ts'

interface Param {
  readonly key: string
  readonly name: string
  readonly flag: Flag<unknown>
  readonly given: readonly string[] | undefined
  readonly next: string
}

/** Reads flags that are never asked for, such as the global ones. */
export function readFlags(
  command: { readonly path: readonly string[]; readonly flags: Flags },
  raw: Raw,
  now: Instant,
): Record<string, unknown> {
  const input: Record<string, unknown> = {}
  for (const param of paramsOf({ ...command, args: {} }, raw)) input[param.key] = read(param, now)
  return input
}

/**
 * A command's input. What was given is read first, so that a slip is told before any question; then
 * what is missing is asked for, or refused as `input-required` where there is nobody to ask.
 */
export async function gather(
  kit: Kit,
  command: { readonly path: readonly string[]; readonly args: Flags; readonly flags: Flags },
  raw: Raw,
): Promise<Record<string, unknown>> {
  const params = paramsOf(command, raw)
  const now = kit.clock.now()
  const input: Record<string, unknown> = {}
  for (const param of params) input[param.key] = read(param, now)
  const missing = params.filter(({ flag, given }) => flag.isRequired && given === undefined)
  if (0 < missing.length && !kit.isInteractive) {
    const names = missing.map(({ name }) => name)
    refuse(
      'input-required',
      `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} missing`,
      {
        next: helpOf(command.path),
        facts: { missing: names },
      },
    )
  }
  for (const param of missing) input[param.key] = await ask(kit, param)
  return input
}

function paramsOf(
  {
    path,
    args,
    flags,
  }: { readonly path: readonly string[]; readonly args: Flags; readonly flags: Flags },
  raw: Raw,
): readonly Param[] {
  const next = helpOf(path)
  return [
    ...Object.entries(args).map(([key, flag]) => ({
      key,
      name: kebab(key).toUpperCase(),
      flag,
      given: raw.args.get(key),
      next,
    })),
    ...Object.entries(flags).map(([key, flag]) => ({
      key,
      name: `--${kebab(key)}`,
      flag,
      given: raw.flags.get(key),
      next,
    })),
  ]
}

const helpOf = (path: readonly string[]): string => `credctl ${path.join(' ')} --help`

const read = (param: Param, now: Instant): unknown =>
  param.given === undefined
    ? param.flag.initial
    : param.flag.parse(param.given, contextOf(param, now))

const contextOf = ({ name, flag, next }: Param, now: Instant): ParseContext => ({
  name,
  next,
  now,
  quote: (value) => (flag.isSecret ? 'the value' : quote(value)),
})

async function ask(kit: Kit, param: Param): Promise<unknown> {
  const { flag, name } = param
  if (flag.ask !== undefined) return await flag.ask(kit)
  const message = `${flag.about} (${name}):`
  if (flag.isSecret) return parseAnswer(kit, param, await kit.prompt.password({ message }))
  if (flag.choices !== undefined) {
    return await kit.prompt.select({ message, choices: flag.choices.map((value) => ({ value })) })
  }
  const answer = await kit.prompt.input({
    message,
    validate: (text) => complaint(() => parseAnswer(kit, param, text)),
  })
  return parseAnswer(kit, param, answer)
}

const parseAnswer = (kit: Kit, param: Param, answer: string): unknown =>
  param.flag.parse([answer], contextOf(param, kit.clock.now()))

/** What a parser has against an answer, so that the question can be asked again. */
function complaint(parse: () => unknown): string | undefined {
  try {
    parse()
    return undefined
  } catch (failure) {
    if (failure instanceof Problem) return failure.message
    throw failure
  }
}
