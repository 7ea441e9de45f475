import type { Credential } from '#domain/credential/credential.ts'
import type { Exceptions, Matched, Selector } from '#domain/revocation/revocation.ts'
import type { Terms } from '#domain/revocation/revoke.ts'
import { revocableOf } from '#domain/revocation/rule.ts'
import type { RuleIndex } from '#domain/revocation/rule-index.ts'
import { resolvesToList, sortedSet, spareSessions } from '#domain/revocation/selector.ts'
import { newId } from '#kernel/identifier.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import type { Reading } from '#store/port.ts'
import { counter } from './counts.ts'
import type { Deps } from './deps.ts'
import type { Reader } from './reader.ts'
import { chainOf, ruleIndex } from './states.ts'
import { walkCredentials } from './walk-credentials.ts'
import { type Concerned, type Items, Tally, uncountedItems } from './tally.ts'

/** What a revocation on given terms hits at one instant. */
export interface Matching extends Items {
  /** Unexpired, not spared, and not revoked before. */
  readonly matched: Matched
  readonly spared: number
  /** With the sessions of spared tokens. */
  readonly exceptions: Exceptions
  /** Everything unexpired that is hit, where the selector stands for an exact list; sorted. */
  readonly listed: readonly string[] | undefined
  /** One of the revocations by which something was revoked before. */
  readonly before: string | undefined
  /** Absent where nobody counted. */
  readonly concerned?: Concerned
}

/**
 * A count that can be gone on with: what has been counted up to when. Ids begin with the time of
 * issue, so what was issued since has a greater one than `boundaryId`; `recent` are those beyond it
 * that were counted already.
 */
export interface Count {
  readonly chain: string
  readonly at: Instant
  readonly exceptions: Exceptions
  readonly tally: Tally
  readonly recent: Set<string>
  readonly boundaryId: string
  /** Of an exact list: what was looked at, and what of it is hit. */
  readonly seen: Set<string>
  listed: string[]
  items?: Items
}

/**
 * How far before a count an issue may be dated that it did not see: clocks part a little, and a mint
 * refuses where its clock is more than 2 s behind the feed.
 */
const OVERLAP_MS = 3000

/**
 * Looks at every unexpired credential that the terms select, and sorts them.
 *
 * With an earlier `count` on the same terms it looks only at those issued since. Where something was
 * revoked or lifted in between, what was counted may stand otherwise now, so all of it is looked at
 * anew; but not with `isFinal`: what happened in the moment since is not worth that others wait.
 */
export async function match(
  deps: Deps,
  read: Reader,
  terms: Terms,
  now: Instant,
  { earlier, isFinal = false }: { readonly earlier?: Count | undefined; isFinal?: boolean } = {},
): Promise<Matching & { readonly count: Count }> {
  const chain = await read(chainOf)
  const goesOn = earlier !== undefined && (isFinal || earlier.chain === chain)
  const count = goesOn ? earlier : await beginCount(read, terms, { chain, now })
  const walk: Walk = { deps, read, terms, now, aliveAfter: aliveAfter(deps, terms, now), count }
  if (goesOn) await goOn(walk)
  else await lookAtAll(walk)
  // What each of very many values came to is not looked up again for the few that are new.
  if (!goesOn || count.items?.itemCounts === undefined) {
    count.items = await count.tally.items(read, now)
  }
  const isList = resolvesToList(terms.selector)
  if (isList) count.listed = [...sortedSet(count.listed)]
  const { matched, spared, before, concerned } = count.tally.totals()
  return {
    matched,
    spared,
    before,
    concerned,
    ...(count.items ?? { items: [] }),
    exceptions: count.exceptions,
    listed: isList ? count.listed : undefined,
    count,
  }
}

/** What can be told of a revocation without looking at a single credential. */
export async function uncounted(read: Reader, terms: Terms, now: Instant): Promise<Matching> {
  return {
    matched: { ...counter().totals(), counted: false },
    spared: 0,
    before: undefined,
    ...(await uncountedItems(read, terms.selector, now)),
    exceptions: await read((tx) => withSessions(tx, terms.exceptions)),
    listed: undefined,
  }
}

async function beginCount(
  read: Reader,
  { selector, exceptions: asked }: Terms,
  { chain, now }: { readonly chain: string; readonly now: Instant },
): Promise<Count> {
  const exceptions = await read((tx) => withSessions(tx, asked))
  const nil = { bytes: (length: number) => new Uint8Array(length) }
  return {
    chain,
    at: now,
    exceptions,
    tally: new Tally(selector, exceptions),
    recent: new Set(),
    boundaryId: newId('cred', instant(Math.max(0, now - OVERLAP_MS)), nil),
    seen: new Set(),
    listed: [],
  }
}

/**
 * What expires later than this is looked at. Verifiers accept a token up to the leeway after its
 * expiry, and a list that left it out would let it pass, and be certified all the same.
 */
export const aliveAfter = ({ policy }: Deps, { selector }: Terms, now: Instant): Instant =>
  resolvesToList(selector) ? instant(now - policy.defaults.leewaySeconds * 1000) : now

interface Walk {
  readonly deps: Deps
  readonly read: Reader
  readonly terms: Terms
  readonly now: Instant
  readonly aliveAfter: Instant
  readonly count: Count
}

function take({ terms, now, count }: Walk, index: RuleIndex, credential: Credential): void {
  if (count.boundaryId < credential.id) {
    if (count.recent.has(credential.id)) return
    count.recent.add(credential.id)
  }
  const fate = count.tally.take(credential, index.verdict(revocableOf(credential), now))
  if (!resolvesToList(terms.selector)) return
  count.seen.add(credential.id)
  if (fate !== 'spared') count.listed.push(credential.id)
}

async function lookAtAll(walk: Walk): Promise<void> {
  const { deps, read, terms, aliveAfter: expiringAfter, count } = walk
  await walkOver(walk, terms.selector, undefined)
  const { tokens, ...others } = terms.selector
  if (tokens === undefined) return
  // A token takes its descendants along; their ids are known only here. Those of an expired token too,
  // which no selection of live ones shows; but where more than tokens is named, only those of tokens
  // that all of it selects.
  const roots = Object.keys(others).length === 0 ? tokens : [...count.seen]
  for (let from = 0; from < roots.length; from += ROOTS_MAX) {
    await read(async (tx) => {
      const index = await ruleIndex(deps.store, tx)
      for (const one of await tx.descendants(roots.slice(from, from + ROOTS_MAX), expiringAfter)) {
        if (!count.seen.has(one.id)) take(walk, index, one)
      }
    })
  }
}

/** The descendants of so many are looked up at a time. */
const ROOTS_MAX = 1000

/** Everything of a selection; after `afterId` where there is one. */
const walkOver = (walk: Walk, selector: Selector, afterId: string | undefined): Promise<void> =>
  walkCredentials(walk.read, selectionOf(walk, selector, afterId), async (chunk, tx) => {
    const index = await ruleIndex(walk.deps.store, tx)
    for (const credential of chunk) take(walk, index, credential)
  })

const selectionOf = (
  { terms, aliveAfter: expiringAfter }: Walk,
  selector: Selector,
  afterId: string | undefined,
) => ({
  selector,
  exceptions: {},
  reach: terms.reach,
  expiringAfter,
  ...(afterId === undefined ? {} : { afterId }),
})

/** What was issued since the count: nothing else can have come to it. */
async function goOn(walk: Walk): Promise<void> {
  const { deps, read, terms, count } = walk
  const { tokens, ...others } = terms.selector
  if (tokens === undefined) return walkOver(walk, others, count.boundaryId)
  // No id is known before its token is issued, so a list grows by descendants only.
  const derived: Credential[] = []
  const recent = selectionOf(walk, { all: true }, count.boundaryId)
  await walkCredentials(read, recent, (chunk) => {
    for (const one of chunk) {
      if (one.parentId !== undefined && !count.seen.has(one.id)) derived.push(one)
    }
  })
  if (derived.length === 0) return
  const named = new Set(Object.keys(others).length === 0 ? tokens : [])
  for (let left = derived; 0 < left.length;) {
    const isKin = ({ parentId = '' }: Credential) => named.has(parentId) || count.seen.has(parentId)
    const kin = left.filter(isKin)
    if (kin.length === 0) return
    await read(async (tx) => {
      const index = await ruleIndex(deps.store, tx)
      for (const one of kin) take(walk, index, one)
    })
    left = left.filter((one) => !count.seen.has(one.id))
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
