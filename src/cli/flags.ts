import { parseDuration } from '#kernel/duration.ts'
import { instant, type Instant, parseInstant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Kit } from './kit.ts'

/** What `credctl __complete` can list. */
export type CompletionKind =
  | 'client'
  | 'credential'
  | 'revocation'
  | 'key'
  | 'verifier'
  | 'context'
  | 'file'
  | 'directory'
  | 'command'

/** A flag or a positional argument: how it is written, read, asked for and completed. */
export interface Flag<T> {
  /** `toggle` takes no value, `switch` is `--x` or `--no-x`. */
  readonly form: 'value' | 'toggle' | 'switch'
  readonly about: string
  /** What stands for the value in the help, such as `DURATION`. */
  readonly placeholder: string
  readonly isRepeatable: boolean
  readonly choices?: readonly string[]
  readonly short?: string
  readonly initial?: T
  readonly isRequired: boolean
  /** Its value never appears in an error. */
  readonly isSecret: boolean
  /** Asked on a terminal when it is required and missing. */
  readonly ask?: (kit: Kit) => Promise<T>
  readonly complete?: CompletionKind
  readonly isHidden: boolean
  /** Reads what was given; refusals name the flag as `context.name` does. */
  readonly parse: (given: readonly string[], context: ParseContext) => T
}

export interface ParseContext {
  /** `--ttl`, or `TOKEN` for an argument. */
  readonly name: string
  readonly now: Instant
  /** What to run after an error. */
  readonly next: string
  /** The value as an error may show it: quoted, and withheld where it may be a secret. */
  readonly quote: (value: string) => string
}

// oxlint-disable-next-line typescript/no-explicit-any -- flags of all types meet here
export type Flags = Readonly<Record<string, Flag<any>>>
export type Values<F extends Flags> = {
  readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never
}

interface Options<T> {
  readonly short?: string
  readonly placeholder?: string
  /** Its value when it is not given. */
  readonly initial?: T
  readonly required?: true
  readonly ask?: (kit: Kit) => Promise<T>
  readonly complete?: CompletionKind
  readonly secret?: true
  readonly hidden?: true
}

/** Required flags and those with an initial value always have one. */
type Given<T, O> = O extends { readonly required: true } | { readonly initial: T }
  ? T
  : T | undefined

/** Any text but the empty one. */
export const text = <const O extends Options<string>>(
  about: string,
  options?: O,
): Flag<Given<string, O>> =>
  single(about, 'TEXT', options, (value, context) =>
    value === '' ? wrong(context, 'it is empty') : value,
  )

/** One of a few words. */
export const oneOf = <const T extends string, const O extends Options<T>>(
  choices: readonly T[],
  about: string,
  options?: O,
): Flag<Given<T, O>> => ({
  ...single(about, choices.join('|'), options, (value, context) =>
    choices.includes(value as T)
      ? (value as T)
      : wrong(context, `${context.quote(value)} is none of ${choices.join(', ')}`),
  ),
  choices,
})

/** `15m`, `1h30m`, in seconds. Zero is refused unless `zero` is set, a negative one always. */
export const duration = <const O extends Options<number> & { readonly zero?: true }>(
  about: string,
  options?: O,
): Flag<Given<number, O>> =>
  single(about, 'DURATION', options, (value, context) => {
    const seconds = parseDuration(value)
    if (seconds === undefined) {
      wrong(context, `${context.quote(value)} is not a duration such as 90s, 15m, 8h, 7d or 1h30m`)
    }
    if (seconds < 0) wrong(context, 'it is negative')
    if (seconds === 0 && options?.zero !== true) wrong(context, 'it is zero')
    return seconds
  })

/** RFC 3339 with an offset, or a duration ago: `2h` is two hours before now, `now` is now. */
export const time = <const O extends Options<Instant> & { readonly ahead?: true }>(
  about: string,
  options?: O,
): Flag<Given<Instant, O>> =>
  single(about, 'TIME', options, (value, context) => {
    if (value === 'now') return context.now
    const at = parseInstant(value)
    if (at !== undefined) return at
    const seconds = parseDuration(value)
    if (seconds === undefined || seconds < 0) {
      wrong(
        context,
        `${context.quote(value)} is neither a time such as 2026-11-23T19:08:00Z nor a duration ` +
          (options?.ahead === true ? 'from now such as 2h' : 'ago such as 2h'),
      )
    }
    return instant(context.now + (options?.ahead === true ? seconds : -seconds) * 1000)
  })

/** A whole number within bounds. */
export const integer = <
  const O extends Options<number> & { readonly min?: number; readonly max?: number },
>(
  about: string,
  options?: O,
): Flag<Given<number, O>> =>
  single(about, 'N', options, (value, context) => {
    const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    const min = options?.min ?? 0
    const max = options?.max ?? Number.MAX_SAFE_INTEGER
    if (min <= number && number <= max) return number
    const bounds = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`
    return wrong(context, `${context.quote(value)} is not a whole number ${bounds}`)
  })

/** A path, or `-` for stdin; `readInput` reads it. */
export const file = <const O extends Options<string>>(
  about: string,
  options?: O,
): Flag<Given<string, O>> =>
  text(about, { placeholder: 'FILE', complete: 'file', ...options } as unknown as O)

/** Repeatable, and comma separated unless `whole` is set: `--scope a,b --scope c`. */
export const many = <const O extends Options<readonly string[]> & { readonly whole?: true }>(
  about: string,
  options?: O,
): Flag<readonly string[]> => ({
  ...base(about, 'TEXT', options),
  isRepeatable: true,
  initial: options?.initial ?? [],
  parse: (given, context) => {
    const parts = options?.whole === true ? given : given.flatMap((value) => value.split(','))
    const values = parts.map((part) => part.trim())
    if (values.includes('')) wrong(context, 'it holds an empty value')
    return [...new Set(values)]
  },
})

/** Repeatable `k=v`. */
export const keyValue = <const O extends Options<Readonly<Record<string, string>>>>(
  about: string,
  options?: O,
): Flag<Readonly<Record<string, string>>> => ({
  ...base(about, 'KEY=VALUE', options),
  isRepeatable: true,
  initial: options?.initial ?? {},
  parse: (given, context) => {
    const entries = new Map<string, string>()
    for (const pair of given) {
      const at = pair.indexOf('=')
      if (at <= 0) wrong(context, `${context.quote(pair)} is not KEY=VALUE`)
      const key = pair.slice(0, at)
      if (entries.has(key)) wrong(context, `${context.quote(key)} is given twice`)
      entries.set(key, pair.slice(at + 1))
    }
    return Object.fromEntries(entries)
  },
})

/** On when it is given. */
export const toggle = (
  about: string,
  options: Pick<Options<boolean>, 'short' | 'hidden'> = {},
): Flag<boolean> => ({
  ...base(about, '', options),
  form: 'toggle',
  initial: false,
  parse: () => true,
})

/** `--x` is true, `--no-x` is false, neither is undefined. */
export const onOff = (about: string): Flag<boolean | undefined> => ({
  ...base(about, '', {}),
  form: 'switch',
  parse: (given) => given.at(-1) === 'true',
})

/** All remaining words, for a positional argument. */
export const rest = <const O extends Options<readonly string[]>>(
  about: string,
  options?: O,
): Flag<readonly string[]> => ({
  ...base(about, 'WORD', options),
  isRepeatable: true,
  initial: options?.initial ?? [],
  parse: (given) => given,
})

function base<T>(
  about: string,
  placeholder: string,
  options: Options<T> | undefined,
): Omit<Flag<T>, 'parse'> {
  const { required, secret, hidden, ...others } = options ?? {}
  return {
    form: 'value',
    about,
    placeholder,
    isRepeatable: false,
    isRequired: required === true,
    isSecret: secret === true,
    isHidden: hidden === true,
    ...others,
  }
}

function single<T, O extends Options<T>>(
  about: string,
  placeholder: string,
  options: O | undefined,
  parse: (value: string, context: ParseContext) => T,
): Flag<Given<T, O>> {
  return {
    ...base<T>(about, placeholder, options),
    // commander hands a flag that was given twice on as its last value; so do we.
    parse: (given, context) => parse(given.at(-1) ?? '', context),
  } as Flag<Given<T, O>>
}

function wrong(context: ParseContext, why: string): never {
  refuse('usage-invalid', `${context.name}: ${why}`, { next: context.next })
}
