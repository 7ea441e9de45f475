import type { CredentialState } from '#domain/credential/credential.ts'
import type { Instant } from '#kernel/instant.ts'
import { hits, holds, holdsAny, holdsScope, isSpared, type Revocable, type Rule } from './rule.ts'

/**
 * What the live rules say of a token. `grace`: it is hit, but every rule that hits it is still in
 * its grace; resource servers accept it until `endsAt`, while refresh and exchange refuse at once.
 */
export type RuleVerdict =
  | { readonly kind: 'clear' }
  | { readonly kind: 'grace'; readonly endsAt: Instant; readonly by: Rule }
  | { readonly kind: 'revoked'; readonly by: Rule }

/**
 * The one verdict. Revoked: some live rule matches, does not spare the token, cuts above its
 * position, and its grace is over. Introspection, refresh, exchange, status list, admin API, SDK
 * and simulator all ask here, so they cannot differ.
 *
 * `rules` are those of revocations that are not lifted. A suspension or a block whose expiry has
 * passed is among them until the entry that ends it exists.
 *
 * `by` does not depend on the order of `rules`; see `precedes`.
 */
export function verdict(token: Revocable, rules: Iterable<Rule>, now: Instant): RuleVerdict {
  let first: Rule | undefined
  for (const rule of rules) if (hits(rule, token)) first = foremost(first, rule, now)
  return verdictBy(first, now)
}

/** The verdict, given which of the rules that hit a token is foremost. */
export function verdictBy(first: Rule | undefined, now: Instant): RuleVerdict {
  if (first === undefined) return CLEAR
  if (first.graceEndsAt <= now) return { kind: 'revoked', by: first }
  return { kind: 'grace', endsAt: first.graceEndsAt, by: first }
}

const CLEAR: RuleVerdict = { kind: 'clear' }

export const foremost = (first: Rule | undefined, rule: Rule, now: Instant): Rule =>
  first === undefined || precedes(rule, first, now) ? rule : first

/**
 * Which of two rules that hit one token speaks for it. A total order, so the verdict over any number
 * of rules is that of the first in it: one whose grace is over before one still in grace, for good
 * before for a time (else a token revoked for good could look merely suspended), then the smallest
 * position. Of rules in grace the one that ends first, then the smallest position.
 */
function precedes(a: Rule, b: Rule, now: Instant): boolean {
  const isOver = a.graceEndsAt <= now
  if (isOver !== b.graceEndsAt <= now) return isOver
  if (!isOver && a.graceEndsAt !== b.graceEndsAt) return a.graceEndsAt < b.graceEndsAt
  if (isOver && a.suspends !== b.suspends) return b.suspends
  return a.position < b.position
}

/** What a mint is about to put into a token; `sessionId` where it joins a session that exists. */
export interface MintRequest {
  readonly clientId: string
  readonly subject: string
  readonly sessionId?: string
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  readonly trustId?: string
}

/**
 * The live block that forbids a mint, the oldest if there are several. Position and window play no
 * part: they tell which issued tokens are hit, and a block is about those that are not issued yet.
 */
export function blocksIssuing(request: MintRequest, rules: Iterable<Rule>): Rule | undefined {
  let first: Rule | undefined
  for (const rule of rules) {
    if (!blocksMint(rule, request)) continue
    if (first === undefined || rule.position < first.position) first = rule
  }
  return first
}

const blocksMint = (rule: Rule, request: MintRequest): boolean =>
  rule.blocks &&
  // A token that does not exist yet is on no list, and carries a key that nobody chose.
  rule.tokens === undefined &&
  rule.keys === undefined &&
  holds(rule.clients, request.clientId) &&
  holds(rule.subjects, request.subject) &&
  holds(rule.sessions, request.sessionId) &&
  holds(rule.trusts, request.trustId) &&
  holdsAny(rule.audiences, request.audience) &&
  holdsScope(rule.scopes, request.scopes) &&
  !isSpared(rule, request)

/**
 * The state in which a credential is listed, the first that holds: revoked, suspended (hit by
 * suspensions only), expired, active. In grace it is not revoked yet: it is still accepted.
 */
export function stateOfCredential(
  { expiresAt }: { readonly expiresAt: Instant },
  found: RuleVerdict,
  now: Instant,
): CredentialState {
  if (found.kind === 'revoked') return found.by.suspends ? 'suspended' : 'revoked'
  return expiresAt <= now ? 'expired' : 'active'
}
