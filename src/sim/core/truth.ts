import type { FeedState } from '#domain/feed/entry.ts'
import type { Position } from '#domain/feed/position.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import type { NodeClocks } from '#sim/clocks.ts'
import type { SimCredential } from './credentials.ts'
import { LONE_STEP_MICROS } from './faults.ts'
import type { OperatorRequest } from './revoking.ts'

/**
 * What time it is in the authority. Two nodes with two clocks do not agree on it, so it is known
 * between the earliest and the latest that is true of some node: an acceptance is late only if it is
 * by the earliest, and a refusal premature only if it is by the latest.
 */
export class AuthorityClock {
  #rowMicros = 0
  readonly #clocks: readonly NodeClocks[]

  constructor(clocks: readonly NodeClocks[]) {
    this.#clocks = clocks
  }

  committed({ timeMicros }: Pick<FeedState, 'timeMicros'>): void {
    if (this.#rowMicros < timeMicros) this.#rowMicros = timeMicros
  }

  /** How far the clock of one node may jump yet; of two nodes that differ already, not at all. */
  mayJumpBy(trueMicros: number): number {
    const [only, ...more] = this.#clocks
    const isSteady = only !== undefined && more.length === 0 && !only.hasStepped(trueMicros)
    return isSteady ? LONE_STEP_MICROS : 0
  }

  /** `ahead`: as it would be if the clocks had just jumped by that. */
  earliest(trueMicros: number, ahead = 0): number {
    let least = Number.POSITIVE_INFINITY
    for (const clock of this.#clocks) {
      const micros = clock.wallMicros(trueMicros) + ahead
      if (micros < least) least = micros
    }
    return least < this.#rowMicros ? this.#rowMicros : least
  }

  latest(trueMicros: number): number {
    let most = this.#rowMicros
    for (const clock of this.#clocks) {
      const micros = clock.wallMicros(trueMicros)
      if (most < micros) most = micros
    }
    return most
  }
}

/** A revocation as the simulator knows it: what was asked for, and when it became true. */
export interface TrueRevocation {
  readonly id: string
  readonly asked: OperatorRequest
  /** Its place in the order of commits: what was authorised before it, is hit. */
  readonly order: number
  readonly position: Position
  readonly publishedMicros: number
  /** Until when it has mercy; 0: it has none. */
  readonly graceEndMicros: number
  untilSeconds: number | undefined
  /** The list that was drawn up. */
  readonly listed: ReadonlySet<string> | undefined
  /** Sessions of the tokens it spares. */
  readonly sparedSessions: ReadonlySet<string>
  /** While a block lasts, whatever matches is hit; then, what was authorised before its end. */
  endOrder: number
  cut: number
  isUnblocked: boolean
  /** Somebody asked for its lift, or it was to end by itself. */
  mayLift: boolean
  /** A restore has wiped it out; a revocation of all stands for it. */
  isLost: boolean
  liftedMicros: number | undefined
  /** Authority time from which on it was certified to be enforced. */
  certifiedMicros: number | undefined
}

/** Whether a revocation is about a credential at all, by what was asked; no code of the domain is used. */
export function concerns(
  truth: TrueRevocation,
  it: SimCredential,
  ancestors: () => string[],
): boolean {
  const { selector, exceptions } = truth.asked
  if (!among(selector.keys, it.keyId)) return false
  if (!among(selector.clients, it.clientId) || !among(selector.subjects, it.subject)) return false
  if (!among(selector.sessions, it.sessionId)) return false
  const { scopes, audiences, tokens, tags } = selector
  if (!some(audiences, it.audience, (wanted, one) => wanted === one)) return false
  if (!some(scopes, it.scopes, scopeMatches)) return false
  if (tags !== undefined && Object.entries(tags).some(([key, value]) => it.tags[key] !== value)) {
    return false
  }
  if (tokens !== undefined && 0 < tokens.length) {
    if (!tokens.includes(it.id) && !ancestors().some((id) => tokens.includes(id))) return false
  }
  if (exceptions === undefined) return true
  const { clients, subjects, sessions } = exceptions
  if (clients?.includes(it.clientId) === true || subjects?.includes(it.subject) === true)
    return false
  return sessions?.includes(it.sessionId) !== true && !truth.sparedSessions.has(it.sessionId)
}

const among = (values: readonly string[] | undefined, value: string): boolean =>
  values === undefined || values.length === 0 || values.includes(value)

const some = (
  wanted: readonly string[] | undefined,
  has: readonly string[],
  fits: (wanted: string, one: string) => boolean,
): boolean =>
  wanted === undefined ||
  wanted.length === 0 ||
  wanted.some((value) => has.some((one) => fits(value, one)))

/** A `*` at the end stands for whole parts, one or more. */
function scopeMatches(pattern: string, scope: string): boolean {
  if (pattern === '*' || pattern === scope) return true
  const parts = pattern.split(':')
  if (parts.at(-1) !== '*') return false
  const mine = scope.split(':')
  return parts.length <= mine.length && parts.slice(0, -1).every((part, i) => part === mine[i])
}

const isList = ({ asked: { selector } }: TrueRevocation): boolean =>
  selector.tags !== undefined || selector.tokens !== undefined

/** Whether it must be hit: it was authorised before the revocation became true. */
export function mustHit(truth: TrueRevocation, it: SimCredential): boolean {
  if (truth.asked.selector.keys !== undefined) return true
  if (isList(truth)) return it.order < truth.order
  const order = truth.asked.reach === 'tokens' ? it.order : it.rootOrder
  return order < truth.endOrder
}

/** Whether it may be hit: by its claims, as they were published. */
export function mayHit(truth: TrueRevocation, it: SimCredential): boolean {
  if (truth.listed !== undefined && !truth.listed.has(it.id)) return false
  return (truth.asked.reach === 'tokens' ? it.feedSeq : it.rootSeq) < truth.cut
}

/** What the row of a revocation says of it, as soon as it is committed. */
export function truthOf(
  asked: OperatorRequest,
  row: Revocation,
  rest: {
    readonly order: number
    readonly publishedMicros: number
    readonly untilSeconds: number | undefined
    readonly sparedSessions: ReadonlySet<string>
  },
): TrueRevocation {
  const { tokens } = row.resolved
  return {
    ...rest,
    id: row.id,
    asked,
    position: row.position,
    graceEndMicros: row.graceSeconds === 0 ? 0 : (row.publishedAt + row.graceSeconds * 1000) * 1000,
    listed: tokens === undefined ? undefined : new Set(tokens),
    endOrder: row.cut === null ? Number.POSITIVE_INFINITY : rest.order,
    cut: row.cut ?? Number.POSITIVE_INFINITY,
    isUnblocked: false,
    mayLift: row.suspends,
    isLost: false,
    liftedMicros: undefined,
    certifiedMicros: undefined,
  }
}
