import type { Credential } from '#domain/credential/credential.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import type { Exceptions, Matched, Selector } from '#domain/revocation/revocation.ts'
import type { Terms } from '#domain/revocation/revoke.ts'
import { revocableOf } from '#domain/revocation/rule.ts'
import { dimensions, resolvesToList, spareSessions } from '#domain/revocation/selector.ts'
import type { RuleVerdict } from '#domain/revocation/verdict.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import type { Reading } from '#store/port.ts'
import { counter } from './counts.ts'
import type { Deps } from './deps.ts'
import { ruleIndex } from './states.ts'

/** What became, or would become, of one value that was named. */
export interface ItemResult {
  /** `<dimension>:<value>`. */
  readonly target: string
  readonly result: 'revoked' | 'already-revoked' | 'not-found' | 'spared' | 'failed'
  readonly detail?: string
}

/** What a revocation on given terms hits at one instant. */
export interface Matching {
  /** Unexpired, not spared, and not revoked before. */
  readonly matched: Matched
  readonly alreadyRevoked: number
  readonly spared: number
  readonly items: readonly ItemResult[]
  /** With the sessions of spared tokens. */
  readonly exceptions: Exceptions
  /** Everything unexpired that is hit, where the selector stands for an exact list. */
  readonly listed: readonly string[] | undefined
  /** One of the revocations by which something was revoked before. */
  readonly before: string | undefined
}

const CHUNK = 5000

/** A count that can be gone on with: what has been counted, and after which credential. */
export interface Count {
  readonly chain: string
  readonly at: Instant
  readonly tally: Tally
  readonly afterId: string | undefined
}

/**
 * Looks at every unexpired credential that the terms select, and sorts them.
 *
 * With an earlier `count` on the same terms it looks only at those issued since, provided that nothing
 * was revoked or lifted in between; between a plan and its confirmation that is hardly any.
 */
export async function match(
  deps: Deps,
  tx: Reading,
  terms: Terms,
  now: Instant,
  earlier?: Count,
): Promise<Matching & { readonly count: Count }> {
  const exceptions = await withSessions(tx, terms.exceptions)
  const chain = encodeBase64url((await tx.feed()).chain)
  const isList = resolvesToList(terms.selector)
  const goesOn = !isList && earlier?.chain === chain
  const tally = goesOn ? earlier.tally : new Tally(terms.selector, exceptions)
  const index = await ruleIndex(deps.store, tx)
  const listed: string[] = []
  const seen = new Set<string>()
  const take = (credential: Credential): void => {
    const fate = tally.take(credential, index.verdict(revocableOf(credential), now))
    if (!isList) return
    seen.add(credential.id)
    if (fate !== 'spared') listed.push(credential.id)
  }
  let afterId = goesOn ? earlier.afterId : undefined
  for (;;) {
    const chunk = await tx.selectCredentials({
      selector: terms.selector,
      exceptions: {},
      reach: terms.reach,
      expiringAfter: now,
      ...(afterId === undefined ? {} : { afterId }),
      limit: CHUNK,
    })
    chunk.forEach(take)
    afterId = chunk.at(-1)?.id ?? afterId
    if (chunk.length < CHUNK) break
  }
  await followDescendants(tx, terms, now, { seen, take })
  return {
    ...tally.totals(),
    items: await tally.items(tx, now),
    exceptions,
    listed: isList ? listed : undefined,
    count: { chain, at: now, tally, afterId },
  }
}

/**
 * A token takes its descendants along; their ids are known only here. One that was named itself, or
 * that derives from two that were, is taken once.
 */
async function followDescendants(
  tx: Reading,
  { selector }: Terms,
  now: Instant,
  { seen, take }: { seen: ReadonlySet<string>; take: (credential: Credential) => void },
): Promise<void> {
  if (selector.tokens === undefined) return
  // Those of an expired token too, which no selection of live ones shows; but where more than tokens
  // is named, only those of tokens that all of it selects.
  const { tokens, ...others } = selector
  const roots = Object.keys(others).length === 0 ? tokens : [...seen]
  for (const descendant of await tx.descendants(roots, now)) {
    if (!seen.has(descendant.id)) take(descendant)
  }
}

/** Sparing a token spares its session. */
async function withSessions(tx: Reading, exceptions: Exceptions): Promise<Exceptions> {
  const sessions: string[] = []
  for (const id of exceptions.tokens ?? []) {
    const credential = await tx.findCredential(id)
    if (credential !== undefined) sessions.push(credential.sessionId)
  }
  return sessions.length === 0 ? exceptions : spareSessions(exceptions, sessions)
}

type Fate = 'revoked' | 'already-revoked' | 'spared'

/** Counts as it goes, so that a million credentials need no list. */
class Tally {
  readonly #selector: Selector
  readonly #exceptions: Readonly<Record<keyof Exceptions, ReadonlySet<string>>>
  readonly #fates = new Map<string, Set<Fate>>()
  readonly #revoked = counter()
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
    for (const target of targetsOf(this.#selector, credential)) {
      const fates = this.#fates.get(target)
      if (fates === undefined) this.#fates.set(target, new Set([fate]))
      else fates.add(fate)
    }
    if (fate === 'revoked') this.#revoked.add(credential)
    if (fate === 'spared') this.#spared += 1
    if (fate === 'already-revoked') this.#alreadyRevoked += 1
    if (fate === 'already-revoked' && verdict.kind === 'revoked') this.#before ??= verdict.by.id
    return fate
  }

  #fateOf({ id, clientId, subject, sessionId }: Credential, verdict: RuleVerdict): Fate {
    const { tokens, clients, subjects, sessions } = this.#exceptions
    const spared =
      tokens.has(id) || clients.has(clientId) || subjects.has(subject) || sessions.has(sessionId)
    if (spared) return 'spared'
    // A suspension ends by itself, so what it holds can still be revoked for good.
    return verdict.kind === 'revoked' && !verdict.by.suspends ? 'already-revoked' : 'revoked'
  }

  totals(): Pick<Matching, 'matched' | 'alreadyRevoked' | 'spared' | 'before'> {
    return {
      matched: this.#revoked.totals(),
      alreadyRevoked: this.#alreadyRevoked,
      spared: this.#spared,
      before: this.#before,
    }
  }

  /** One result for each value that was named, in canonical order. */
  async items(tx: Reading, now: Instant): Promise<ItemResult[]> {
    const results: ItemResult[] = []
    for (const target of namedTargets(this.#selector)) {
      const fates = this.#fates.get(target)
      const result = (['revoked', 'already-revoked', 'spared'] as const).find((fate) =>
        fates?.has(fate),
      )
      if (result !== undefined) results.push({ target, result })
      // Thousands of promises that look nothing up are, to a transaction, a wait for something else.
      else results.push(HAS_RECORD.test(target) ? await absent(tx, target, now) : unmatched(target))
    }
    return results
  }
}

const unmatched = (target: string): ItemResult => ({
  target,
  result: 'not-found',
  detail: 'no live credential matches',
})

/** What is on record under its own name, whether or not a live credential answers to it. */
const HAS_RECORD = /^(?:token|key):/

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

function namedTargets(selector: Selector): string[] {
  const targets: string[] = []
  for (const [field, name] of dimensions) {
    for (const value of selector[field] ?? []) targets.push(`${name}:${value}`)
  }
  for (const [key, value] of Object.entries(selector.tags ?? {})) {
    targets.push(`tag:${key}=${value}`)
  }
  if (selector.all === true) targets.push('all')
  return targets
}

/** Which of the named values a credential that was selected answers to. */
function targetsOf(selector: Selector, credential: Credential): string[] {
  const targets: string[] = []
  if (selector.tokens !== undefined) targets.push(`token:${credential.id}`)
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
