import type { AnyCommand } from '#cli/command.ts'
import type { Flag, Flags } from '#cli/flags.ts'
import { kebab } from '#cli/kebab.ts'
import { globalFlags, pageFlags } from '#cli/settings.ts'

/** A command's own flags, without the hidden ones, and then those that every command has. */
export function flagsOf(command: AnyCommand): {
  readonly own: Flags
  readonly common: Flags
} {
  const own = Object.entries({
    ...command.flags,
    ...(command.isPaged === true ? pageFlags : {}),
  }).filter(([, flag]) => !flag.isHidden)
  return { own: Object.fromEntries(own), common: globalFlags }
}

/** `-o, --output FORMAT`. */
export function flagLabel(key: string, flag: Flag<unknown>): string {
  const long = flag.form === 'switch' ? `--[no-]${kebab(key)}` : `--${kebab(key)}`
  const short = flag.short === undefined ? '' : `-${flag.short}, `
  return `${short}${long}${flag.form === 'value' ? ` ${placeholderOf(flag)}` : ''}`
}

/** Choices are words to type, and are listed in the text where they would make the label too long. */
const CHOICES_WIDTH_MAX = 24
const placeholderOf = ({ placeholder, choices }: Flag<unknown>): string =>
  choices !== undefined && CHOICES_WIDTH_MAX < placeholder.length ? 'WORD' : placeholder

/** `<ID>`, `[TOKEN]`, `[COMMAND…]`. */
export function argLabel(key: string, arg: Flag<unknown>): string {
  const name = `${kebab(key).toUpperCase()}${arg.isRepeatable ? '…' : ''}`
  return arg.isRequired ? name : `[${name}]`
}

/** What a flag is for, and what else must be known to use it. */
export function flagAbout(flag: Flag<unknown>, { isArg = false } = {}): string {
  const notes: string[] = []
  const { choices, initial } = flag
  if (choices !== undefined && CHOICES_WIDTH_MAX < flag.placeholder.length) {
    notes.push(`one of ${choices.join(', ')}`)
  }
  if (flag.isRequired && !isArg) notes.push('required')
  if (flag.isRepeatable && !isArg) notes.push('may be repeated')
  if (typeof initial === 'string' || (typeof initial === 'number' && initial !== 0)) {
    notes.push(`default ${initial}`)
  }
  return `${flag.about}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`
}

/** `credctl token issue --client ID [flags]`. */
export function synopsis(command: AnyCommand): string {
  const required = Object.entries(command.flags)
    .filter(([, flag]) => flag.isRequired)
    .map(([key, flag]) => `--${kebab(key)} ${placeholderOf(flag)}`)
  const args = Object.entries(command.args).map(([key, arg]) => argLabel(key, arg))
  const ending = command.isPassThrough === true ? ['--', ...args] : args
  return ['credctl', ...command.path, ...required, '[flags]', ...ending].join(' ')
}
