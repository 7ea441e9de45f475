import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { isPattern, patternsOf } from './pattern.ts'
import { hits, type Revocable, type Rule } from './rule.ts'
import {
  blocksIssuing,
  foremost,
  type MintRequest,
  type RuleVerdict,
  verdictBy,
} from './verdict.ts'

/**
 * The live rules, found by the values of a token instead of one after the other.
 *
 * Each rule is filed under every value of its pivot, the most selective dimension it has, and a
 * value leads to all rules filed there. So a lookup asks a few maps, however many rules there are,
 * and its verdict is that over all rules.
 */
export class RuleIndex {
  readonly #rules = new Map<string, Rule>()
  readonly #blocks = new Map<string, Rule>()
  readonly #shelves: Readonly<Record<Pivot, Map<string, Bucket>>> = {
    tokens: new Map(),
    sessions: new Map(),
    subjects: new Map(),
    clients: new Map(),
    keys: new Map(),
    trusts: new Map(),
    audiences: new Map(),
    scopes: new Map(),
    all: new Map(),
  }
  /** Patterns by scope: the same few scopes come with every token. */
  readonly #patterns = new Map<string, readonly string[]>()

  get size(): number {
    return this.#rules.size
  }

  /** Adds a rule whose id is not in the index yet. */
  add(rule: Rule): void {
    if (this.#rules.has(rule.id))
      refuse('internal', `revocation ${rule.id} is in the index already`)
    this.#rules.set(rule.id, rule)
    if (rule.blocks) this.#blocks.set(rule.id, rule)
    const shelf = this.#shelves[pivotOf(rule)]
    for (const value of pivotValues(rule)) {
      const bucket = shelf.get(value)
      if (bucket === undefined) shelf.set(value, new Bucket(rule))
      else bucket.add(rule)
    }
  }

  /** Takes a rule out, as a lift does; what else hits its tokens goes on to. */
  remove(id: string): boolean {
    const rule = this.#rules.get(id)
    if (rule === undefined) return false
    this.#rules.delete(id)
    this.#blocks.delete(id)
    const shelf = this.#shelves[pivotOf(rule)]
    for (const value of pivotValues(rule)) {
      const bucket = shelf.get(value)
      bucket?.remove(rule)
      if (bucket?.isEmpty === true) shelf.delete(value)
    }
    return true
  }

  /** Puts a rule in the place of the one with its id, as the end of a block does. */
  replace(rule: Rule): void {
    this.remove(rule.id)
    this.add(rule)
  }

  /** The same verdict as over all rules. */
  verdict(token: Revocable, now: Instant): RuleVerdict {
    const shelves = this.#shelves
    let first: Rule | undefined
    first = ask(first, shelves.tokens, token.id, token, now)
    first = ask(first, shelves.sessions, token.sessionId, token, now)
    first = ask(first, shelves.subjects, token.subject, token, now)
    first = ask(first, shelves.clients, token.clientId, token, now)
    first = ask(first, shelves.keys, token.keyId, token, now)
    if (token.trustId !== undefined) first = ask(first, shelves.trusts, token.trustId, token, now)
    first = ask(first, shelves.all, ALL, token, now)
    if (0 < shelves.audiences.size) {
      for (const one of token.audience) first = ask(first, shelves.audiences, one, token, now)
    }
    if (0 < shelves.scopes.size) {
      for (const scope of token.scopes) {
        for (const one of this.#patternsOf(scope)) {
          first = ask(first, shelves.scopes, one, token, now)
        }
      }
    }
    return verdictBy(first, now)
  }

  /** The live block that forbids a mint, the oldest if there are several. */
  blocksIssuing(request: MintRequest): Rule | undefined {
    return this.#blocks.size === 0 ? undefined : blocksIssuing(request, this.#blocks.values())
  }

  /** The rules filed under any value of a token: a superset of those that hit it, none twice. */
  candidates(token: Revocable): ReadonlySet<Rule> {
    const found = new Set<Rule>()
    const values = candidateValues(token)
    for (const [pivot, list] of Object.entries({ ...values, all: [ALL] })) {
      const shelf = this.#shelves[pivot as Pivot]
      for (const value of list) for (const rule of shelf.get(value)?.rules() ?? []) found.add(rule)
    }
    return found
  }

  #patternsOf(scope: string): readonly string[] {
    const known = this.#patterns.get(scope)
    if (known !== undefined) return known
    if (PATTERNS_KEPT_MAX <= this.#patterns.size) this.#patterns.clear()
    const patterns = patternsOf(scope)
    this.#patterns.set(scope, patterns)
    return patterns
  }
}

const PATTERNS_KEPT_MAX = 4096

/** Every value under which a rule that matches a token may be filed, `all` apart. */
export interface CandidateValues {
  readonly tokens: readonly string[]
  readonly clients: readonly string[]
  readonly subjects: readonly string[]
  readonly sessions: readonly string[]
  /** Scopes and every pattern that matches one of them. */
  readonly scopes: readonly string[]
  readonly audiences: readonly string[]
  readonly keys: readonly string[]
  readonly trusts: readonly string[]
}

export const candidateValues = (token: Revocable): CandidateValues => ({
  tokens: [token.id],
  clients: [token.clientId],
  subjects: [token.subject],
  sessions: [token.sessionId],
  scopes: [...new Set(token.scopes.flatMap(patternsOf))],
  audiences: token.audience,
  keys: [token.keyId],
  trusts: token.trustId === undefined ? [] : [token.trustId],
})

/** The most selective dimension first: few rules are filed under one token, many under one scope. */
const pivots = [
  'tokens',
  'sessions',
  'subjects',
  'clients',
  'keys',
  'trusts',
  'audiences',
  'scopes',
] as const
type Pivot = (typeof pivots)[number] | 'all'

/** The one value of the dimension that has none. */
const ALL = ''

function pivotOf(rule: Rule): Pivot {
  for (const pivot of pivots) if (rule[pivot] !== undefined) return pivot
  return 'all'
}

function pivotValues(rule: Rule): readonly string[] {
  const pivot = pivotOf(rule)
  return pivot === 'all' ? [ALL] : (rule[pivot] ?? [])
}

function ask(
  first: Rule | undefined,
  shelf: ReadonlyMap<string, Bucket>,
  value: string,
  token: Revocable,
  now: Instant,
): Rule | undefined {
  const bucket = shelf.get(value)
  return bucket === undefined ? first : bucket.foremost(first, token, now)
}

/**
 * Whether a rule is no more than "this value, below this position". Of such rules on one value the
 * greatest cut decides alone. Anything else a rule may have (exceptions, window, grace, block,
 * expiry, second value or dimension, a cut that has moved) could let a token pass that the greatest
 * cut would hit, or the other way round.
 */
function isPlain(rule: Rule): boolean {
  if (rule.cut !== rule.position || rule.spares || rule.blocks || rule.expires) return false
  if (0 < rule.graceSeconds || rule.fromSeconds !== -Infinity || rule.beforeSeconds !== Infinity) {
    return false
  }
  let dimensions = 0
  for (const pivot of pivots) {
    const values = rule[pivot]
    if (values === undefined) continue
    if (values.length !== 1 || isPattern(values[0] as string)) return false
    dimensions++
  }
  return dimensions === (rule.all ? 0 : 1)
}

/** All live rules filed under one value; the plain ones by reach, each in order of its cut. */
class Bucket {
  #sessions: Rule[] | undefined
  #tokens: Rule[] | undefined
  #others: Rule[] | undefined

  constructor(first: Rule) {
    this.add(first)
  }

  get isEmpty(): boolean {
    return [this.#sessions, this.#tokens, this.#others].every((list) => (list?.length ?? 0) === 0)
  }

  add(rule: Rule): void {
    if (!isPlain(rule)) (this.#others ??= []).push(rule)
    else if (rule.reach === 'sessions') insert((this.#sessions ??= []), rule)
    else insert((this.#tokens ??= []), rule)
  }

  remove(rule: Rule): void {
    for (const list of [this.#sessions, this.#tokens, this.#others]) {
      const at = list?.indexOf(rule) ?? -1
      if (0 <= at) list?.splice(at, 1)
    }
  }

  *rules(): Generator<Rule> {
    for (const list of [this.#sessions, this.#tokens, this.#others]) if (list) yield* list
  }

  foremost(first: Rule | undefined, token: Revocable, now: Instant): Rule | undefined {
    let best = first
    const bySession = oldestAbove(this.#sessions, token.rootSeq)
    if (bySession !== undefined) best = foremost(best, bySession, now)
    const byToken = oldestAbove(this.#tokens, token.feedSeq)
    if (byToken !== undefined) best = foremost(best, byToken, now)
    if (this.#others !== undefined) {
      for (const rule of this.#others) if (hits(rule, token)) best = foremost(best, rule, now)
    }
    return best
  }
}

/** Mostly at the end: rules come in the order of their positions. */
function insert(rules: Rule[], rule: Rule): void {
  let at = rules.length
  while (0 < at && rule.cut < (rules[at - 1] as Rule).cut) at--
  rules.splice(at, 0, rule)
}

/** The first of rules in order of their cuts that cuts above a position; most often none does. */
function oldestAbove(rules: readonly Rule[] | undefined, position: number): Rule | undefined {
  if (rules === undefined || rules.length === 0) return undefined
  if ((rules[rules.length - 1] as Rule).cut <= position) return undefined
  let low = 0
  let high = rules.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((rules[middle] as Rule).cut <= position) low = middle + 1
    else high = middle
  }
  return rules[low]
}
