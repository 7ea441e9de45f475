import type { Credential } from '#domain/credential/credential.ts'
import type { Position } from '#domain/feed/position.ts'
import type { RevokeRecord } from '#domain/feed/record.ts'
import { instant, toSeconds, type Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { matchesPattern } from './pattern.ts'
import type { Reach, Reason, Revocation } from './revocation.ts'
import { isEmpty, sortedSet, windowSeconds } from './selector.ts'

/** What the verdict has to know of a token: all of it from its claims, nothing from a database. */
export interface Revocable {
  readonly id: string
  readonly clientId: string
  readonly subject: string
  readonly sessionId: string
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  readonly keyId: string
  readonly trustId?: string
  readonly feedSeq: Position
  readonly rootSeq: Position
  readonly issuedAtSeconds: number
  readonly rootIssuedAtSeconds: number
}

export const revocableOf = (credential: Credential): Revocable => ({
  id: credential.id,
  clientId: credential.clientId,
  subject: credential.subject,
  sessionId: credential.sessionId,
  scopes: credential.scopes,
  audience: credential.audience,
  keyId: credential.keyId,
  ...(credential.trustId === undefined ? {} : { trustId: credential.trustId }),
  feedSeq: credential.feedSeq,
  rootSeq: credential.rootSeq,
  issuedAtSeconds: toSeconds(credential.issuedAt),
  rootIssuedAtSeconds: toSeconds(credential.rootIssuedAt),
})

/** Values of one dimension, sorted and without repeats; `undefined` constrains nothing. */
type Values = readonly string[] | undefined

/**
 * A live revocation, laid out for comparison. Every field is always present and in one order, so
 * that a million of them have one shape to the engine; lists are the revocation's own arrays.
 */
export interface Rule {
  readonly id: string
  readonly position: Position
  /** Infinity where there is none: all that matches is hit. */
  readonly cut: number
  readonly reach: Reach
  /**
   * Until then, exclusively, a resource server accepts what it hits. Without grace it is -Infinity and
   * not `publishedAt`: whoever's clock lags behind the authority's must not take the lag for grace.
   */
  readonly graceEndsAt: Instant
  readonly graceSeconds: number
  readonly blocks: boolean
  readonly suspends: boolean
  readonly expires: boolean
  readonly reason: Reason
  readonly message: string | undefined
  readonly all: boolean
  /** A long list that is in an index is the index's. */
  readonly tokens: Values | TokenList
  readonly clients: Values
  readonly subjects: Values
  readonly sessions: Values
  readonly scopes: Values
  readonly audiences: Values
  readonly keys: Values
  readonly trusts: Values
  readonly fromSeconds: number
  readonly beforeSeconds: number
  readonly sparedTokens: Values
  readonly sparedClients: Values
  readonly sparedSubjects: Values
  readonly sparedSessions: Values
  readonly spares: boolean
}

/** Token ids that are kept elsewhere, more tightly than in a list of texts. */
export abstract class TokenList {
  abstract has(id: string): boolean
}

/** What of a revocation makes its rule; the record has it, and so has its entry in the feed. */
export type RuleSource = Pick<
  Revocation,
  | 'id'
  | 'position'
  | 'resolved'
  | 'exceptions'
  | 'cut'
  | 'reach'
  | 'publishedAt'
  | 'graceSeconds'
  | 'blocks'
  | 'suspends'
  | 'expiresAt'
  | 'liftedAt'
  | 'reason'
  | 'message'
>

/** The rules of those revocations that are not lifted. */
export function rulesOf(revocations: Iterable<RuleSource>): Rule[] {
  const rules: Rule[] = []
  for (const one of revocations) if (one.liftedAt === undefined) rules.push(ruleOf(one))
  return rules
}

/**
 * Lays out one revocation. `store-corrupt` for one that constrains nothing, or whose tags were not
 * resolved: either would hit everything, and silence would hide that its record is damaged.
 */
export function ruleOf(revocation: RuleSource): Rule {
  const { resolved, exceptions } = revocation
  if (isEmpty(resolved) || resolved.tags !== undefined) {
    refuse('store-corrupt', `the record of revocation ${revocation.id} does not say what it hits`, {
      next: 'credctl restore from a backup',
      facts: { revocationId: revocation.id },
    })
  }
  return {
    id: revocation.id,
    position: revocation.position,
    cut: revocation.cut ?? Infinity,
    reach: revocation.reach,
    graceEndsAt: graceEnd(revocation),
    graceSeconds: revocation.graceSeconds,
    blocks: revocation.blocks,
    suspends: revocation.suspends,
    expires: revocation.expiresAt !== undefined,
    reason: revocation.reason,
    message: revocation.message,
    all: resolved.all === true,
    tokens: ordered(resolved.tokens),
    clients: ordered(resolved.clients),
    subjects: ordered(resolved.subjects),
    sessions: ordered(resolved.sessions),
    scopes: ordered(resolved.scopes),
    audiences: ordered(resolved.audiences),
    keys: ordered(resolved.keys),
    trusts: ordered(resolved.trusts),
    ...windowSeconds(resolved),
    sparedTokens: ordered(exceptions.tokens),
    sparedClients: ordered(exceptions.clients),
    sparedSubjects: ordered(exceptions.subjects),
    sparedSessions: ordered(exceptions.sessions),
    spares: Object.values(exceptions).some((values) => 0 < (values as readonly string[]).length),
  }
}

/**
 * Lays out a revocation as the feed tells it. The feed does not say whether an end is set, since it is
 * another entry that ends it; a block is what has no cut and is not of a key.
 */
export function ruleOfRecord(record: RevokeRecord): Rule {
  if (record === last?.record) return last.rule
  const rule = laidOut(record)
  // Whoever reads an entry once for all of a process has all of them hold one rule.
  last = rule.tokens === undefined ? { record, rule } : undefined
  return rule
}

/** The last, unless it is a list: that may be long, and is not held for nothing. */
let last: { readonly record: RevokeRecord; readonly rule: Rule } | undefined

function laidOut(record: RevokeRecord): Rule {
  const { from, before, ...resolved } = record.selector
  const rule = ruleOf({
    id: record.id,
    position: record.position,
    resolved,
    exceptions: record.exceptions,
    cut: record.cut,
    reach: record.reach,
    publishedAt: instant(record.publishedMs),
    graceSeconds: ((record.graceEndMs ?? record.publishedMs) - record.publishedMs) / 1000,
    blocks: record.cut === null && record.selector.keys === undefined,
    suspends: false,
    reason: record.reason,
    ...(record.message === undefined ? {} : { message: record.message }),
  })
  return {
    ...rule,
    graceEndsAt: instant(record.graceEndMs ?? -Infinity),
    fromSeconds: from ?? -Infinity,
    beforeSeconds: before ?? Infinity,
  }
}

const graceEnd = ({ publishedAt, graceSeconds }: RuleSource): Instant =>
  instant(0 < graceSeconds ? publishedAt + graceSeconds * 1000 : -Infinity)

const ordered = (values: Values): Values =>
  values === undefined || values.length === 0 ? undefined : sortedSet(values)

/**
 * Whether a rule hits a token: it matches, does not spare it, and cuts above its position.
 *
 * Comparisons are put so that a position or a time that is not a number is hit and not missed.
 */
export function hits(rule: Rule, token: Revocable): boolean {
  if (rule.cut <= (rule.reach === 'sessions' ? token.rootSeq : token.feedSeq)) return false
  return matches(rule, token) && !(rule.spares && isSpared(rule, token))
}

/** Values of one dimension are alternatives; dimensions and the window must all hold. */
export function matches(rule: Rule, token: Revocable): boolean {
  return (
    holdsToken(rule.tokens, token.id) &&
    holds(rule.sessions, token.sessionId) &&
    holds(rule.subjects, token.subject) &&
    holds(rule.clients, token.clientId) &&
    holds(rule.keys, token.keyId) &&
    holds(rule.trusts, token.trustId) &&
    holdsAny(rule.audiences, token.audience) &&
    holdsScope(rule.scopes, token.scopes) &&
    inWindow(rule, token)
  )
}

/** Whether a rule's exceptions spare what carries these. */
export const isSpared = (
  rule: Rule,
  it: {
    readonly id?: string
    readonly clientId: string
    readonly subject: string
    readonly sessionId?: string
  },
): boolean =>
  names(rule.sparedTokens, it.id) ||
  names(rule.sparedClients, it.clientId) ||
  names(rule.sparedSubjects, it.subject) ||
  names(rule.sparedSessions, it.sessionId)

/** An absent dimension holds for everything. */
export const holds = (values: Values, value: string | undefined): boolean =>
  values === undefined || (value !== undefined && includes(values, value))

const holdsToken = (tokens: Rule['tokens'], id: string): boolean =>
  tokens instanceof TokenList ? tokens.has(id) : holds(tokens, id)

const names = (values: Values, value: string | undefined): boolean =>
  values !== undefined && value !== undefined && includes(values, value)

export function holdsAny(values: Values, candidates: readonly string[]): boolean {
  if (values === undefined) return true
  for (const candidate of candidates) if (includes(values, candidate)) return true
  return false
}

export function holdsScope(patterns: Values, scopes: readonly string[]): boolean {
  if (patterns === undefined) return true
  for (const pattern of patterns) {
    for (const scope of scopes) if (matchesPattern(pattern, scope)) return true
  }
  return false
}

function inWindow(rule: Rule, token: Revocable): boolean {
  const seconds = rule.reach === 'sessions' ? token.rootIssuedAtSeconds : token.issuedAtSeconds
  return !(seconds < rule.fromSeconds || rule.beforeSeconds <= seconds)
}

/** Below this a plain search is faster than halving. */
const SHORT_LIST = 8

function includes(sorted: readonly string[], value: string): boolean {
  if (sorted.length <= SHORT_LIST) return sorted.includes(value)
  let low = 0
  let high = sorted.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = sorted[middle] as string
    if (found === value) return true
    if (found < value) low = middle + 1
    else high = middle - 1
  }
  return false
}
