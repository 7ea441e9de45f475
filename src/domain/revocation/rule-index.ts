import { IdTable } from '#domain/feed/id-table.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { isPattern, patternsOf } from './pattern.ts'
import { hits, type Revocable, type Rule, TokenList } from './rule.ts'
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
 *
 * A rule is known by its position: a revocation that was published in parts has as many rules, all of
 * its id, and they go together.
 */
export class RuleIndex {
  readonly #rules = new Map<number, Rule>()
  readonly #blocks = new Map<number, Rule>()
  /** The positions of the rules of a revocation. */
  readonly #ids = new IdTable('rev_')
  /** The positions of the rules that list a token. */
  readonly #tokens = new IdTable('cred_')
  readonly #shelves: Readonly<Record<Shelf, Map<string, Bucket>>> = {
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

  /** Adds a rule at whose position there is none yet. */
  add(given: Rule): void {
    const { id, position, tokens } = given
    if (this.#rules.has(position)) refuse('internal', `revocation ${id} is in the index already`)
    this.#ids.add(id, position)
    if (tokens === undefined || tokens instanceof TokenList) {
      this.#file(given)
      return
    }
    for (const token of tokens) this.#tokens.add(token, position)
    const isLong = LIST_MIN <= tokens.length
    this.#file(isLong ? { ...given, tokens: new FiledList(this.#tokens, position) } : given)
  }

  #file(rule: Rule): void {
    this.#rules.set(rule.position, rule)
    if (rule.blocks) this.#blocks.set(rule.position, rule)
    if (rule.tokens !== undefined) return
    const shelf = this.#shelves[shelfOf(rule)]
    for (const value of shelfValues(rule)) {
      const bucket = shelf.get(value)
      if (bucket === undefined) shelf.set(value, new Bucket(rule))
      else bucket.add(rule)
    }
  }

  /** The rules of a revocation, one for each of its parts. */
  partsOf(id: string): readonly Rule[] {
    return this.#ids.places(id).flatMap((place) => this.#rules.get(place) ?? [])
  }

  /** Takes a revocation out, as a lift does; what else hits its tokens goes on to. */
  remove(id: string): boolean {
    const parts = this.partsOf(id)
    this.#takeOut(parts)
    return 0 < parts.length
  }

  /** Takes one rule out, by its position. */
  removeAt(position: number): void {
    const rule = this.#rules.get(position)
    if (rule !== undefined) this.#takeOut([rule])
  }

  #takeOut(rules: readonly Rule[]): void {
    let hasList = false
    for (const rule of rules) {
      this.#ids.removeOne(rule.id, rule.position)
      this.#unfile(rule)
      if (rule.tokens instanceof TokenList) hasList = true
      else for (const token of rule.tokens ?? []) this.#tokens.removeOne(token, rule.position)
    }
    // A list does not know its tokens, so all of them are asked: once for all parts.
    if (hasList) this.#tokens.retain((place) => this.#rules.has(place))
  }

  #unfile(rule: Rule): void {
    this.#rules.delete(rule.position)
    this.#blocks.delete(rule.position)
    if (rule.tokens !== undefined) return
    const shelf = this.#shelves[shelfOf(rule)]
    for (const value of shelfValues(rule)) {
      const bucket = shelf.get(value)
      bucket?.remove(rule)
      if (bucket?.isEmpty === true) shelf.delete(value)
    }
  }

  /** Puts a rule in the place of the one at its position, with the same id and tokens. */
  replace(rule: Rule): void {
    const before = this.#rules.get(rule.position)
    if (before === undefined) {
      this.add(rule)
      return
    }
    this.#unfile(before)
    this.#file({ ...rule, tokens: before.tokens })
  }

  /** The same verdict as over all rules. */
  verdict(token: Revocable, now: Instant): RuleVerdict {
    const shelves = this.#shelves
    let first: Rule | undefined
    for (const place of this.#tokens.places(token.id)) {
      const rule = this.#rules.get(place)
      if (rule !== undefined && hits(rule, token)) first = foremost(first, rule, now)
    }
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
    for (const place of this.#tokens.places(token.id)) {
      const rule = this.#rules.get(place)
      if (rule !== undefined) found.add(rule)
    }
    const { tokens: _, ...values } = candidateValues(token)
    for (const [pivot, list] of Object.entries({ ...values, all: [ALL] })) {
      const shelf = this.#shelves[pivot as Shelf]
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

/** The most selective dimension first: few rules are filed under one session, many under one scope. */
const pivots = ['sessions', 'subjects', 'clients', 'keys', 'trusts', 'audiences', 'scopes'] as const
type Shelf = (typeof pivots)[number] | 'all'

/** The one value of the dimension that has none. */
const ALL = ''

/** Where a rule without a list of tokens is filed. */
function shelfOf(rule: Rule): Shelf {
  for (const pivot of pivots) if (rule[pivot] !== undefined) return pivot
  return 'all'
}

function shelfValues(rule: Rule): readonly string[] {
  const shelf = shelfOf(rule)
  return shelf === 'all' ? [ALL] : (rule[shelf] ?? [])
}

/** From so many on a list is kept in the index's table only, and its texts are let go. */
const LIST_MIN = 16

/** The tokens that an index has filed under a rule. */
class FiledList extends TokenList {
  readonly #table: IdTable
  readonly #position: number

  constructor(table: IdTable, position: number) {
    super()
    this.#table = table
    this.#position = position
  }

  has(id: string): boolean {
    return this.#table.places(id).includes(this.#position)
  }
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
