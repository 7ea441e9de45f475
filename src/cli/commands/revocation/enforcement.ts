import { visible } from '#cli/commands/revoke/plan-text.ts'
import { type Below, below, shape } from '#cli/view.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Reply } from '#contract/route.ts'
import { formatInstant, type Instant, instant, parseInstant } from '#kernel/instant.ts'

export type Enforcement = Reply<AdminApi['showEnforcement']>
type Straggler = Enforcement['stragglers'][number]
type Audience = Enforcement['audiences'][number]

/** How many names a line holds before it only counts. */
const NAMES_MAX = 5

/** The verifiers that have not said that they enforce it; those whose lease is over decide nothing. */
const stragglerShape = shape<Straggler>({
  kind: 'verifier',
  id: ({ incarnation }) => incarnation,
  columns: [
    { key: 'name', title: 'Straggler', keep: true },
    { key: 'lapsed', title: 'Lease', said: ({ lapsed }: Straggler) => (lapsed ? 'over' : 'held') },
    { key: 'leaseEndsAt', title: 'Lease ends', kind: 'time' },
    { key: 'appliedPosition', title: 'Applied', kind: 'number' },
    { key: 'verifierId', title: 'Credential' },
    { key: 'incarnation', from: 'wide' },
  ],
})

const audienceShape = shape<Audience>({
  kind: 'audience',
  id: ({ audience }) => audience,
  columns: [
    { key: 'audience', keep: true },
    { key: 'state', kind: 'state' },
    { key: 'verifiers', kind: 'number' },
    { key: 'until', title: 'Unproven until', kind: 'time' },
    { key: 'statusListUntil', title: 'By status list', kind: 'time', from: 'wide' },
  ],
})

/** What a person is shown under a revocation: who is missing, and the audiences nobody vouches for. */
export function enforcementTables(enforcement: Enforcement | undefined): readonly Below[] {
  if (enforcement === undefined) return []
  const unproven = enforcement.audiences.filter(({ state }) => state === 'unproven')
  return [below(stragglerShape, enforcement.stragglers), below(audienceShape, unproven)]
}

/** One line while it is waited for, as much of it as fits: who has it, until when, and who has not. */
export function progressText(enforcement: Enforcement, width = Infinity): string {
  const { acknowledgedMs, verifiers, certainBy, at } = enforcement
  const head = countText(enforcement)
  const speed =
    acknowledgedMs === undefined
      ? []
      : [`p50 ${millis(acknowledgedMs.p50)}`, `p99 ${millis(acknowledgedMs.p99)}`]
  const soon = ahead(certainBy, at)
  const certain = `certain by ${clock(certainBy, at)} (${soon})`
  const rest = (namesMax: number): string[] =>
    verifiers.waiting === 0
      ? graceText(enforcement)
      : [`waiting for ${waitingNames(enforcement, namesMax)}`]
  // How fast it went is told at the end; who is missing is what somebody can act on now.
  const forms = [
    [head, ...speed, certain, ...rest(NAMES_MAX)],
    [head, certain, ...rest(NAMES_MAX)],
    [head, `certain ${soon}`, ...rest(NAMES_MAX)],
    [head, `certain ${soon}`, ...rest(1)],
  ].map((parts) => parts.join(' · '))
  return forms.find((line) => line.length <= width) ?? forms.at(-1) ?? head
}

const graceText = ({ graceEndsAt, at }: Enforcement): string[] =>
  graceEndsAt === undefined || graceEndsAt <= at ? [] : [`in grace until ${clock(graceEndsAt, at)}`]

function countText({ verifiers, audiences }: Enforcement): string {
  const { total, waiting } = verifiers
  const unproven = audiences.filter(({ state }) => state === 'unproven')
  if (0 < unproven.length)
    return `unproven for ${unproven.map(({ audience }) => visible(audience)).join(', ')}`
  if (total === 0) return 'no verifier holds a lease from before'
  return `enforced on ${total - waiting} of ${total} ${total === 1 ? 'verifier' : 'verifiers'}`
}

/** `api-7, api-9 and 12 more`: each name once, as several processes may bear it. */
export function waitingNames(
  { stragglers, verifiers }: Enforcement,
  namesMax: number = NAMES_MAX,
): string {
  const waiting = stragglers.filter(({ lapsed }) => !lapsed)
  const names = [...new Set(waiting.map(({ name }) => visible(name)))].sort()
  const shown = names.slice(0, namesMax)
  const isNamed = new Set(shown)
  const counted = waiting.filter(({ name }) => isNamed.has(visible(name))).length
  const more = verifiers.waiting - counted
  return `${shown.join(', ')}${0 < more ? ` and ${more} more` : ''}`
}

/** Where it stands, in sentences, for whoever reads them later. */
export function enforcementText(enforcement: Enforcement): readonly string[] {
  const { state, certainBy, at } = enforcement
  if (state === 'lifted') return ['It was lifted: nothing is to be enforced any more.']
  if (state === 'enforced') return [enforcedText(enforcement)]
  const certain = `certain by ${certainBy} (${ahead(certainBy, at)})`
  const lines: string[] = []
  const { waiting, total } = enforcement.verifiers
  if (0 < waiting) {
    lines.push(
      `Enforced on ${total - waiting} of ${verifierCount(total)}${speedText(enforcement)}; waiting for ${waitingNames(enforcement)}.`,
    )
  }
  for (const { audience, until, statusListUntil } of enforcement.audiences.filter(isUnproven)) {
    lines.push(
      `Unproven for ${visible(audience)}${until === undefined ? '' : ` until ${until}`}: no verifier of that audience follows the feed.`,
    )
    if (statusListUntil !== undefined) {
      lines.push(`Whoever reads status lists there refuses from ${statusListUntil} on.`)
    }
  }
  if (lines.length === 0) lines.push(...graceText(enforcement).map((text) => `Still ${text}.`))
  return [...lines, `Enforcement is ${certain}, whatever happens.`]
}

export const isUnproven = ({ state }: Audience): boolean => state === 'unproven'

function enforcedText(enforcement: Enforcement): string {
  const { enforcedAt, publishedAt, verifiers } = enforcement
  const { total, acknowledged, lapsed } = verifiers
  const after =
    enforcedAt === undefined ? '' : ` ${elapsed(enforcedAt, publishedAt)} after publication`
  if (total === 0) return `Enforced${after}: no verifier held a lease from before.`
  const words = [
    `${acknowledged} of ${verifierCount(total)} acknowledged${speedText(enforcement)}`,
    ...(lapsed === 0 ? [] : [`${lapsed} decided no more, its lease being over`]),
  ]
  return `Enforced${after}: ${words.join('; ')}.`
}

const verifierCount = (count: number): string => (count === 1 ? '1 verifier' : `${count} verifiers`)

const speedText = ({ acknowledgedMs: ms }: Enforcement): string =>
  ms === undefined ? '' : ` (p50 ${millis(ms.p50)}, p99 ${millis(ms.p99)})`

const millis = (value: number): string => `${Math.round(value)} ms`

const moment = (time: string): Instant => parseInstant(time) ?? (0 as Instant)

/** `83 ms`, or `10.2 s`. */
function elapsed(later: string, earlier: string): string {
  const ms = Math.max(0, moment(later) - moment(earlier))
  return ms < 10_000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`
}

/** The time of day where it is today, in UTC; to the second by which it is surely past. */
function clock(time: string, now: string): string {
  const whole = formatInstant(instant(Math.ceil(moment(time) / 1000) * 1000))
  const from = whole.slice(0, 10) === now.slice(0, 10) ? 11 : 0
  return `${whole.slice(from, 19)}Z`
}

function ahead(time: string, now: string): string {
  const seconds = Math.ceil((moment(time) - moment(now)) / 1000)
  return seconds <= 0 ? 'now' : `in ${seconds} s`
}
