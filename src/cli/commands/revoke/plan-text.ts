import type { Revocation, RevocationItem, ServerPlan } from '#cli/commands/revocation/shape.ts'
import { formatDuration } from '#kernel/duration.ts'

/** How many lines of one kind a person is shown; the JSON has them all. */
const LINES_MAX = 10

export const credentials = (count: number): string =>
  count === 1 ? '1 credential' : `${count} credentials`

/**
 * A value as a person may see it. One that could move the cursor or forge a line is written as JSON:
 * lists of ids come from files, and files from anywhere.
 */
export const visible = (value: string): string =>
  /^[\x20-\x7e]*$/.test(value) ? value : JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, '?')

/** The plan as a person reads it, on stderr before the question or on stdout for `--dry-run`. */
export function planText(plan: ServerPlan): string {
  const { matched, phrase, reason, graceSeconds, message, expiresAt, incidentId } = plan
  const what =
    matched === undefined ? 'whatever matches (not counted)' : credentials(matched.credentials)
  return [
    `Would revoke ${what}: ${short(phrase)} (${reason})`,
    ...counts('by client', matched?.byClient ?? {}),
    ...counts('by scope', matched?.byScope ?? {}),
    ...counts('by audience', matched?.byAudience ?? {}),
    ...spared(plan),
    ...(graceSeconds === 0 ? [] : [row('grace', formatDuration(graceSeconds))]),
    ...(expiresAt === undefined ? [] : [row('expires', expiresAt)]),
    ...(message === undefined ? [] : [row('message', visible(message))]),
    ...(incidentId === undefined ? [] : [row('incident', visible(incidentId))]),
    ...(plan.reach === 'tokens' ? [row('reach', 'tokens')] : []),
    ...unmet(plan.items),
    ...plan.warnings.map((warning) => row('warning', warning)),
    '',
  ].join('\n')
}

/** A selector of a thousand ids says how it begins. */
function short(phrase: string): string {
  const terms = phrase.split(' ')
  if (terms.length <= LINES_MAX) return phrase
  return `${terms.slice(0, LINES_MAX).join(' ')} and ${terms.length - LINES_MAX} more`
}

const row = (name: string, value: string): string => `  ${name.padEnd(12)}${value}`

function counts(name: string, byValue: Readonly<Record<string, number>>): string[] {
  const sorted = Object.entries(byValue).sort(
    ([aName, a], [bName, b]) => b - a || (aName < bName ? -1 : 1),
  )
  const shown = sorted.slice(0, LINES_MAX).map(([value, count]) => `${visible(value)} ${count}`)
  if (LINES_MAX < sorted.length) shown.push(`and ${sorted.length - LINES_MAX} more`)
  return shown.length === 0 ? [] : [row(name, shown.join(', '))]
}

function spared({ exceptions }: ServerPlan): string[] {
  const named = targets(exceptions)
  return named === '' ? [] : [row('spared', named)]
}

const dimensions = [
  ['tokens', 'token'],
  ['clients', 'client'],
  ['subjects', 'subject'],
  ['sessions', 'session'],
  ['scopes', 'scope'],
  ['audiences', 'audience'],
  ['keys', 'key'],
  ['trusts', 'trust'],
] as const

type Named = Partial<Revocation['selector']>

/** A selector, or exceptions, as one line: `client:deploy-bot scope:deploy:*`. */
export function targets(named: Named): string {
  const terms: string[] = []
  for (const [field, name] of dimensions) {
    for (const value of named[field] ?? []) terms.push(`${name}:${visible(value)}`)
  }
  for (const [key, value] of Object.entries(named.tags ?? {})) {
    terms.push(`tag:${visible(key)}=${visible(value)}`)
  }
  if (named.issuedBefore !== undefined) terms.push(`issued-before:${named.issuedBefore}`)
  if (named.issuedAfter !== undefined) terms.push(`issued-after:${named.issuedAfter}`)
  if (named.tokenCount !== undefined) terms.push(`${named.tokenCount} listed tokens`)
  if (named.all === true) terms.push('all')
  return short(terms.join(' '))
}

/** The values that were named and hit nothing. */
export function unmet(items: readonly RevocationItem[]): string[] {
  const missed = items.filter(({ result }) => result === 'not-found' || result === 'failed')
  const shown = missed
    .slice(0, LINES_MAX)
    .map(({ target, result, detail }) => row(result, `${visible(target)}: ${detail ?? result}`))
  if (LINES_MAX < missed.length) shown.push(row('', `and ${missed.length - LINES_MAX} more`))
  return shown
}
