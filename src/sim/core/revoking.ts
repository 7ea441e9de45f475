import { reading, toInstant } from '#domain/feed/authority-time.ts'
import { keyBody, liftBody, recordHash, revokeBody, unblockBody } from '#domain/feed/body.ts'
import { epochEntry } from '#domain/feed/entry.ts'
import { epochOf, type Position } from '#domain/feed/position.ts'
import type { Key } from '#domain/keys/key.ts'
import { decideKeyRevocation, dueRetirements, decideRetirement } from '#domain/keys/lifecycle.ts'
import { maxTtlSeconds, stalenessLimits } from '#domain/policy/policy.ts'
import { forgottenFollowers } from '#domain/proof/forgotten.ts'
import {
  isDue,
  type Matched,
  type Revocation,
  type Selector,
} from '#domain/revocation/revocation.ts'
import {
  decideLift,
  decideRevocation,
  decideSettlement,
  decideTerms,
  type RevocationRequest,
  type Terms,
} from '#domain/revocation/revoke.ts'
import { listSelector, resolvesToList, spareSessions } from '#domain/revocation/selector.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { newId } from '#kernel/identifier.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { SimCredential } from './credentials.ts'
import type { Transaction } from './database.ts'
import type { Site } from './site.ts'
import type { Statements } from './transactions.ts'

export interface OperatorRequest extends RevocationRequest {
  /** Sent again, it is the same request. */
  readonly requestId: string
  /** The clients that it hits are disabled in the same transaction. */
  readonly disables?: boolean
}

/** What a revocation made, or made before under the same request. */
export interface Published {
  readonly id: string
  readonly isAgain: boolean
}

/** Every token of the simulation is for this one, and every verifier serves it. */
const AUDIENCES = ['https://api.sim']
const NOTHING_MATCHED: Matched = { credentials: 0, byClient: {}, byScope: {}, byAudience: {} }

/**
 * A revocation: the bulk of an exact list is computed before, its last delta under the lock that
 * keeps mints out, and the feed's row is locked last.
 */
export function* revoke(
  site: Site,
  tx: Transaction,
  request: OperatorRequest,
): Statements<Published> {
  const now = reading(tx.feed(), site.clockMicros()).at
  const terms = decideTerms(request, { policy: site.policy, now })
  const isList = resolvesToList(terms.selector)
  yield 'next'
  if (isList) yield site.rules.isListLocked ? 'list-exclusive' : 'next'
  const listed = isList ? tokensOf(site, tx, terms, now) : undefined
  yield 'next'
  yield 'feed-row'
  const before = site.rules.isIdempotent ? tx.rows.replies.get(request.requestId) : undefined
  if (before !== undefined) return { id: before, isAgain: true }
  const revocation = publish(site, tx, terms, listed)
  tx.change((rows) => rows.replies.set(request.requestId, revocation.id))
  if (request.disables === true) {
    const clients = terms.selector.clients ?? []
    tx.change((rows) => clients.forEach((client) => rows.disabled.add(client)))
  }
  yield 'next'
  return { id: revocation.id, isAgain: false }
}

/** The exact list: what is named or tagged, and all that derives from it, as far as it is alive. */
function tokensOf(
  { policy }: Site,
  tx: Transaction,
  { selector, exceptions }: Terms,
  now: Instant,
): string[] {
  const { tokens = [], tags = {}, clients } = selector
  const named = new Set(tokens)
  const spared = new Set(exceptions.tokens ?? [])
  const isTagged = ({ tags: mine }: SimCredential): boolean =>
    Object.entries(tags).every(([key, value]) => mine[key] === value)
  // What has expired is accepted within the leeway, so it is alive until that is over.
  const endMs = now - policy.defaults.leewaySeconds * 1000
  const all = tx.all('credentials').filter(({ expiresAt }) => endMs < expiresAt)
  const listed = new Set<string>()
  // In the order in which they were minted, so that whatever derives comes after its parent.
  for (const credential of all) {
    const { id, parentId, clientId } = credential
    const isOf = clients === undefined || clients.includes(clientId)
    const isNamed = named.size === 0 ? isTagged(credential) : named.has(id)
    const derives = parentId !== undefined && listed.has(parentId)
    if (((isOf && isNamed) || derives) && !spared.has(id)) listed.add(id)
  }
  return [...listed]
}

function publish(
  site: Site,
  tx: Transaction,
  terms: Terms,
  listed: readonly string[] | undefined,
): Revocation {
  const clock = site.clockMicros()
  const id = newId('rev', toInstant(clock), site.entropy)
  const salt = site.entropy.bytes(16)
  const sparedSessions = (terms.exceptions.tokens ?? []).flatMap(
    (token) => tx.find('credentials', token)?.sessionId ?? [],
  )
  let decided: Revocation | undefined
  tx.append(clock, 'revoke', ({ position, timeMicros }) => {
    decided = decideRevocation(terms, {
      id,
      position,
      publishedAt: toInstant(timeMicros),
      actor: 'local:simulator',
      recordSalt: encodeBase64url(salt),
      matched: NOTHING_MATCHED,
      coverage: {
        publishedMicros: timeMicros,
        audiences: AUDIENCES,
        uncovered: [],
        matchedUntil: toInstant(timeMicros),
      },
      resolved: listed === undefined ? undefined : listSelector(listed),
      resolvedExceptions: spareSessions(terms.exceptions, sparedSessions),
    }).revocation
    const hash = recordHash(salt, { id, actor: decided.actor })
    const untilSeconds = site.rules.untilSeconds(
      { cut: decided.cut, timeMicros },
      limitsOf(site, tx),
    )
    return { body: revokeBody(decided, hash), untilSeconds }
  })
  const revocation = decided ?? refuse('internal', 'no revocation was made')
  tx.put('revocations', id, revocation)
  for (const key of terms.selector.keys ?? []) revokeKey(site, tx, key)
  return revocation
}

export function limitsOf(
  { policy }: Site,
  tx: Transaction,
): { readonly largestExpiry: Instant | undefined; readonly maxTtlSeconds: number } {
  let largest = 0
  for (const { expiresAt } of tx.rows.credentials.values()) largest = Math.max(largest, expiresAt)
  return {
    largestExpiry: largest === 0 ? undefined : instant(largest),
    maxTtlSeconds: maxTtlSeconds(policy),
  }
}

/** Records a key as it is now, with its entry. */
export function putKey(site: Site, tx: Transaction, key: Key, endorsement?: string): void {
  const body = { ...keyBody(key), ...(endorsement === undefined ? {} : { endorsement }) }
  tx.append(site.clockMicros(), 'key', () => ({ body }))
  tx.put('keys', key.id, key)
}

function revokeKey(site: Site, tx: Transaction, id: string): void {
  const key = tx.find('keys', id) ?? refuse('nothing-matched', `no key ${id} is known here`)
  const at = toInstant(site.clockMicros())
  const next = key.state === 'active' ? newKey(site, key, at) : undefined
  const { revoked, key: successor } = decideKeyRevocation(key, next)
  if (revoked !== key) putKey(site, tx, revoked)
  if (successor !== undefined) putKey(site, tx, successor)
}

const newKey = ({ signatures }: Site, { purpose }: Key, at: Instant): Key =>
  signatures.newKey(purpose, at, 'prepared')

export type Undo = { readonly changed: boolean }

export function* lift(site: Site, tx: Transaction, id: string): Statements<Undo> {
  yield 'feed-row'
  const revocation = revocationOf(tx, id)
  const now = reading(tx.feed(), site.clockMicros()).at
  const { revocation: lifted, changed } = decideLift(revocation, now)
  yield 'next'
  if (!changed) return { changed }
  tx.append(site.clockMicros(), 'lift', () => ({ body: liftBody(lifted) }))
  tx.put('revocations', id, lifted)
  if (!site.rules.liftsOnlyItself) liftLikes(site, tx, lifted)
  return { changed }
}

/** A mistake: what has the same selector goes too. */
function liftLikes(site: Site, tx: Transaction, { selector, liftedAt }: Revocation): void {
  const wanted = JSON.stringify(selector)
  for (const like of tx.all('revocations')) {
    if (like.liftedAt !== undefined || JSON.stringify(like.selector) !== wanted) continue
    tx.append(site.clockMicros(), 'lift', () => ({ body: liftBody(like) }))
    tx.put('revocations', like.id, liftedAt === undefined ? like : { ...like, liftedAt })
  }
}

export function* unblock(site: Site, tx: Transaction, id: string): Statements<Undo> {
  yield 'feed-row'
  const revocation = revocationOf(tx, id)
  yield 'next'
  const next = (tx.feed().position + 1) as Position
  const { revocation: ended, changed } = site.rules.decideUnblock(revocation, next)
  if (!changed) return { changed }
  appendUnblock(site, tx, ended)
  return { changed }
}

function appendUnblock(site: Site, tx: Transaction, ended: Revocation): void {
  const clock = site.clockMicros()
  tx.append(clock, 'unblock', ({ timeMicros }) => ({
    body: unblockBody(ended),
    untilSeconds: site.rules.untilSeconds({ cut: ended.cut, timeMicros }, limitsOf(site, tx)),
  }))
  tx.put('revocations', ended.id, ended)
}

const revocationOf = (tx: Transaction, id: string): Revocation =>
  tx.find('revocations', id) ?? refuse('revocation-unknown', `no revocation ${id} is on record`)

/** What is due at a node's time; by this a mint knows that it has to settle first. */
export const isSettlingDue = (site: Site, tx: Transaction): boolean => {
  const { at } = reading(tx.feed(), site.clockMicros())
  return (
    tx.all('revocations').some((revocation) => isDue(revocation, at)) ||
    0 < dueRetirements(tx.all('keys'), at).length
  )
}

/** Ends every block and suspension whose time has come, and retires keys that nobody needs. */
export function* settle(site: Site, tx: Transaction): Statements<void> {
  yield 'feed-row'
  site.refuseStepped()
  const { at } = reading(tx.feed(), site.clockMicros())
  for (const revocation of tx.all('revocations')) {
    if (!isDue(revocation, at)) continue
    const position = (tx.feed().position + 1) as Position
    const settlement = decideSettlement(revocation, { now: at, position })
    if (settlement === undefined) continue
    if (settlement.op === 'unblock') {
      appendUnblock(site, tx, site.rules.decideUnblock(revocation, position).revocation)
      continue
    }
    tx.append(site.clockMicros(), 'lift', () => ({ body: liftBody(settlement.revocation) }))
    tx.put('revocations', revocation.id, settlement.revocation)
  }
  const { leewaySeconds } = site.policy.defaults
  for (const key of dueRetirements(tx.all('keys'), at)) {
    const largestExpiry = largestExpiryOf(tx, key.id)
    putKey(site, tx, decideRetirement(key, { now: at, largestExpiry, leewaySeconds }))
  }
}

export function largestExpiryOf(tx: Transaction, keyId: string): Instant | undefined {
  let largest: Instant | undefined
  for (const { keyId: mine, expiresAt } of tx.rows.credentials.values()) {
    if (mine === keyId && (largest === undefined || largest < expiresAt)) largest = expiresAt
  }
  return largest
}

const EVERYTHING: Selector = { all: true }

/**
 * Goes on after a restore, in one transaction: a new epoch above every one that may have been, every
 * token key of before revoked, and everything that was ever issued, sparing no one.
 */
export function* reopen(site: Site, tx: Transaction, epochAbove: number): Statements<void> {
  yield 'feed-row'
  const state = tx.feed()
  const epoch = Math.max(epochOf(state.position), epochAbove) + 1
  tx.appendEntry(site.clockMicros(), epochEntry(state, epoch))
  yield 'next'
  if (site.rules.remembersForgotten) {
    const { position } = state
    const limitSeconds = Math.max(...Object.values(stalenessLimits(site.policy)))
    const { timeMicros } = tx.feed()
    const seen = { epoch, position, audiences: AUDIENCES, limitSeconds, timeMicros }
    const forgotten = forgottenFollowers(seen)
    tx.put('incarnations', forgotten.id, forgotten)
  }
  if (!site.rules.restoreRevokes) return
  for (const { id, purpose, state: key } of tx.all('keys')) {
    if (purpose === 'token' && key !== 'revoked') revokeKey(site, tx, id)
  }
  yield 'next'
  const request = { selector: EVERYTHING, reason: 'other', final: true } as const
  const now = reading(tx.feed(), site.clockMicros()).at
  const terms = { ...decideTerms(request, { policy: site.policy, now }), exceptions: {} }
  publish(site, tx, terms, undefined)
}
