import type { Environment, Paint, Style } from '#cli/kit.ts'

const same: Paint = (text) => text

export const plainStyle: Style = {
  bold: same,
  dim: same,
  red: same,
  green: same,
  yellow: same,
  cyan: same,
}

/**
 * Whether a stream is written in colour. `--no-color` decides alone; then FORCE_COLOR, which is more
 * particular than NO_COLOR and wins over it, as in Node itself; then NO_COLOR (no-color.org: any
 * value but the empty one); then whether it is a terminal that knows colours.
 */
export function takesColor(
  { isTty, withColor }: { readonly isTty: boolean; readonly withColor: boolean },
  env: Environment,
): boolean {
  if (!withColor) return false
  const force = env['FORCE_COLOR']
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false'
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false
  return isTty && env['TERM'] !== 'dumb'
}

/** The sixteen colours that every theme defines, so that a dark and a light one both stay readable. */
export async function styleOf(inColor: boolean): Promise<Style> {
  if (!inColor) return plainStyle
  const { Chalk } = await import('chalk')
  const chalk = new Chalk({ level: 1 })
  return {
    bold: (text) => chalk.bold(text),
    dim: (text) => chalk.dim(text),
    red: (text) => chalk.red(text),
    green: (text) => chalk.green(text),
    yellow: (text) => chalk.yellow(text),
    cyan: (text) => chalk.cyan(text),
  }
}

/** What a state's colour says: may act, may not, not now, no longer. */
export function paintOfState(state: string, style: Style): Paint {
  return style[(Object.hasOwn(STATES, state) ? STATES[state] : undefined) ?? 'cyan']
}

const STATES: Readonly<Record<string, keyof Style>> = {
  active: 'green',
  enabled: 'green',
  accepted: 'green',
  enforced: 'green',
  fresh: 'green',
  ok: 'green',
  revoked: 'red',
  disabled: 'red',
  failed: 'red',
  refused: 'red',
  denied: 'red',
  invalid: 'red',
  stale: 'red',
  suspended: 'yellow',
  open: 'yellow',
  degraded: 'yellow',
  retiring: 'yellow',
  'not-found': 'yellow',
  expired: 'dim',
  retired: 'dim',
  lifted: 'dim',
  gone: 'dim',
  spared: 'dim',
  'already-revoked': 'dim',
}
