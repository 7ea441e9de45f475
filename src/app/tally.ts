import type { Credential } from '#domain/credential/credential.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import type { Exceptions, Matched, Selector } from '#domain/revocation/revocation.ts'
import { dimensions } from '#domain/revocation/selector.ts'
import type { RuleVerdict } from '#domain/revocation/verdict.ts'
import { formatInstant, type Instant, instant } from '#kernel/instant.ts'
import type { Reading } from '#store/port.ts'
import { counter } from './counts.ts'
import type { Reader } from './reader.ts'

/** What became, or would become, of one value that was named. */
export interface ItemResult {
  /** `<dimension>:<value>`. */
  readonly target: string
  readonly result: Result
  readonly detail?: string
}

const results = ['revoked', 'already-revoked', 'not-found', 'spared', 'failed'] as const
type Result = (typeof results)[number]
export type ItemCounts = Readonly<Record<Result, number>>

/** Results by value; with more values than are listed, how many had each result. */
export interface Items {
  readonly items: readonly ItemResult[]
  readonly itemCounts?: ItemCounts
}

/** Of more values than this, those that were simply revoked are counted and not listed. */
export const ITEMS_LISTED_MAX = 10_000
/** And of the others no more than this are listed. */
const EXCEPTIONAL_MAX = 100_000

/** What a tally of credentials comes to. */
export interface Totals {
  /** Unexpired, not spared, and not revoked before. */
  readonly matched: Matched
  readonly alreadyRevoked: number
  readonly spared: number
  /** One of the revocations by which something was revoked before. */
  readonly before: string | undefined
  /** Of everything that is hit, also of what was revoked before. */
  readonly concerned: Concerned
}

/** Whose tokens a revocation hits, and how long the longest of them lives. */
export interface Concerned {
  readonly audiences: ReadonlySet<string>
  readonly clients: ReadonlySet<string>
  readonly latestExpiry: Instant | undefined
}

// As bits, so that a million values need a number each and no set.
const REVOKED = 1
const ALREADY = 2
const SPARED = 4

type Fate = 'revoked' | 'already-revoked' | 'spared'
const bits: Readonly<Record<Fate, number>> = {
  revoked: REVOKED,
  'already-revoked': ALREADY,
  spared: SPARED,
}

/** Counts as it goes, so that a million credentials need no list. */
export class Tally {
  readonly #selector: Selector
  readonly #exceptions: Readonly<Record<keyof Exceptions, ReadonlySet<string>>>
  /** By id for tokens, by target for everything else. */
  readonly #tokens = new Map<string, number>()
  readonly #others = new Map<string, number>()
  readonly #revoked = counter()
  readonly #audiences = new Set<string>()
  readonly #clients = new Set<string>()
  #latestExpiry = -Infinity
  #alreadyRevoked = 0
  #spared = 0
  #before: string | undefined

  constructor(selector: Selector, exceptions: Exceptions) {
    this.#selector = selector
    this.#exceptions = {
      tokens: new Set(exceptions.tokens),
      clients: new Set(exceptions.clients),
      subjects: new Set(exceptions.subjects),
      sessions: new Set(exceptions.sessions),
    }
  }

  take(credential: Credential, verdict: RuleVerdict): Fate {
    const fate = this.#fateOf(credential, verdict)
    const bit = bits[fate]
    if (this.#selector.tokens !== undefined) mark(this.#tokens, credential.id, bit)
    for (const target of targetsOf(this.#selector, credential)) mark(this.#others, target, bit)
    if (fate === 'revoked') this.#revoked.add(credential)
    if (fate === 'spared') this.#spared += 1
    else this.#concern(credential)
    if (fate === 'already-revoked') this.#alreadyRevoked += 1
    if (fate === 'already-revoked' && verdict.kind === 'revoked') this.#before ??= verdict.by.id
    return fate
  }

  #concern({ clientId, audience, expiresAt }: Credential): void {
    this.#clients.add(clientId)
    for (const one of audience) this.#audiences.add(one)
    this.#latestExpiry = Math.max(this.#latestExpiry, expiresAt)
  }

  #fateOf({ id, clientId, subject, sessionId }: Credential, verdict: RuleVerdict): Fate {
    const { tokens, clients, subjects, sessions } = this.#exceptions
    const spared =
      tokens.has(id) || clients.has(clientId) || subjects.has(subject) || sessions.has(sessionId)
    if (spared) return 'spared'
    // A suspension ends by itself, so what it holds can still be revoked for good.
    return verdict.kind === 'revoked' && !verdict.by.suspends ? 'already-revoked' : 'revoked'
  }

  totals(): Totals {
    return {
      matched: this.#revoked.totals(),
      alreadyRevoked: this.#alreadyRevoked,
      spared: this.#spared,
      before: this.#before,
      concerned: {
        audiences: this.#audiences,
        clients: this.#clients,
        latestExpiry: Number.isFinite(this.#latestExpiry) ? instant(this.#latestExpiry) : undefined,
      },
    }
  }

  /** One result for each value that was named, in canonical order. */
  items(read: Reader, now: Instant): Promise<Items> {
    return itemsOf(read, this.#selector, (tx, name, target) => {
      const fates =
        name === 'token'
          ? this.#tokens.get(target.slice('token:'.length))
          : this.#others.get(target)
      const result = resultOf(fates ?? 0)
      if (result !== undefined) return { target, result }
      return name === 'token' || name === 'key' ? absent(tx, target, now) : unmatched(target)
    })
  }
}

function mark(fates: Map<string, number>, target: string, bit: number): void {
  fates.set(target, (fates.get(target) ?? 0) | bit)
}

/** Of several that one value led to, what happened to any of them comes before what did not. */
function resultOf(fates: number): Result | undefined {
  if ((fates & REVOKED) !== 0) return 'revoked'
  if ((fates & ALREADY) !== 0) return 'already-revoked'
  return (fates & SPARED) === 0 ? undefined : 'spared'
}

/** The results where nobody counted: what can be told without looking for credentials. */
export const uncountedItems = (read: Reader, selector: Selector, now: Instant): Promise<Items> =>
  itemsOf(read, selector, (tx, name, target) => {
    if (name === 'key') return absent(tx, target, now)
    return { target, result: 'revoked', detail: 'nobody counted what it matches' }
  })

/** How many values a selector names. */
function namedCount(selector: Selector): number {
  let count = Object.keys(selector.tags ?? {}).length + (selector.all === true ? 1 : 0)
  for (const [field] of dimensions) count += selector[field]?.length ?? 0
  return count
}

/** So many values are looked up in one go; most of them are known without the database. */
const LOOKED_UP_MAX = 5000

async function itemsOf(
  read: Reader,
  selector: Selector,
  look: (tx: Reading, name: string, target: string) => ItemResult | Promise<ItemResult>,
): Promise<Items> {
  const isLong = ITEMS_LISTED_MAX < namedCount(selector)
  const items: ItemResult[] = []
  const counts = { revoked: 0, 'already-revoked': 0, 'not-found': 0, spared: 0, failed: 0 }
  const targets = namedTargets(selector)
  const lookUp = async (tx: Reading): Promise<boolean> => {
    for (let left = LOOKED_UP_MAX; 0 < left; left--) {
      const next = targets.next()
      if (next.done === true) return true
      const [name, target] = next.value
      const looked = look(tx, name, target)
      // Thousands of promises that look nothing up are, to a transaction, a wait for something else.
      const item = looked instanceof Promise ? await looked : looked
      counts[item.result] += 1
      if (!isLong || (item.result !== 'revoked' && items.length < EXCEPTIONAL_MAX)) items.push(item)
    }
    return false
  }
  while (!(await read(lookUp)));
  return isLong ? { items, itemCounts: counts } : { items }
}

const unmatched = (target: string): ItemResult => ({
  target,
  result: 'not-found',
  detail: 'no live credential matches',
})

/** Why a token or a key that was named hit nothing: unknown, or nothing of it alive. */
async function absent(tx: Reading, target: string, now: Instant): Promise<ItemResult> {
  if (target.startsWith('token:')) {
    const credential = await tx.findCredential(target.slice('token:'.length))
    if (credential !== undefined && credential.expiresAt <= now) {
      const detail = `it expired at ${formatInstant(credential.expiresAt)}`
      return { target, result: 'already-revoked', detail }
    }
    if (credential === undefined) {
      return { target, result: 'not-found', detail: 'no such credential is on record' }
    }
  }
  const key = target.startsWith('key:') ? await tx.findKey(target.slice('key:'.length)) : undefined
  if (key?.state === 'revoked') return { target, result: 'already-revoked' }
  if (key !== undefined) {
    return { target, result: 'revoked', detail: 'no live credential on record was signed with it' }
  }
  return unmatched(target)
}

function* namedTargets(selector: Selector): Generator<readonly [name: string, target: string]> {
  for (const [field, name] of dimensions) {
    for (const value of selector[field] ?? []) yield [name, `${name}:${value}`]
  }
  for (const [key, value] of Object.entries(selector.tags ?? {})) {
    yield ['tag', `tag:${key}=${value}`]
  }
  if (selector.all === true) yield ['all', 'all']
}

/** Which of the named values a credential that was selected answers to, beside its own id. */
function targetsOf(selector: Selector, credential: Credential): string[] {
  const targets: string[] = []
  if (selector.clients !== undefined) targets.push(`client:${credential.clientId}`)
  if (selector.subjects !== undefined) targets.push(`subject:${credential.subject}`)
  if (selector.sessions !== undefined) targets.push(`session:${credential.sessionId}`)
  for (const pattern of selector.scopes ?? []) {
    if (credential.scopes.some((scope) => matchesPattern(pattern, scope))) {
      targets.push(`scope:${pattern}`)
    }
  }
  for (const audience of selector.audiences ?? []) {
    if (credential.audience.includes(audience)) targets.push(`audience:${audience}`)
  }
  if (selector.keys !== undefined) targets.push(`key:${credential.keyId}`)
  for (const [key, value] of Object.entries(selector.tags ?? {}))
    targets.push(`tag:${key}=${value}`)
  if (selector.all === true) targets.push('all')
  return targets
}
