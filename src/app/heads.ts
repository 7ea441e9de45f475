import { verifyChain } from '#domain/feed/chain.ts'
import { reading, refuseClockBehind } from '#domain/feed/authority-time.ts'
import type { ClockReading } from '#domain/feed/clock-guard.ts'
import type { FeedEntry, FeedState } from '#domain/feed/entry.ts'
import { HEAD_TYPE, type HeadClaims, headClaims, HEADS_TOGETHER_MAX } from '#domain/feed/head.ts'
import { createLiveState } from '#domain/feed/live-state.ts'
import type { LiveState } from '#domain/feed/live.ts'
import { ORIGIN, type Position } from '#domain/feed/position.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { sameBytes } from '#domain/feed/same-bytes.ts'
import type { Key } from '#domain/keys/key.ts'
import { stalenessLimits } from '#domain/policy/policy.ts'
import { type Problem, refuse } from '#kernel/problem.ts'
import type { PublicJwk } from '#signer/port.ts'
import type { Reading, Writing } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { refuseRestored } from './divergence.ts'
import type { FeedNode, LiveCache, WantedHead } from './feed-node.ts'
import { feedNode } from './feed-node.ts'
import { activeKey, signJws } from './issue.ts'
import { ensureKey } from './keys.ts'
import { findLongerTtl, longestTtlSeconds } from './longest-ttl.ts'
import { refuseStandingTime, refuseSteppedClock, rememberClock } from './stepped-clock.ts'

/** A signed head: the JWS of type `feed-head+jwt`, what it says, and the key that signed it. */
export interface IssuedHead {
  readonly text: string
  readonly claims: HeadClaims
  readonly feedKey: PublicJwk
  /** Of what is in force at it, in order; only where it was asked for. */
  readonly positions?: readonly Position[]
}

export type HeadRequest = Partial<Pick<WantedHead, 'nonce' | 'admit' | 'withPositions'>>

const nobody: WantedHead['admit'] = async () => undefined

/**
 * Issues a head: a committed UPDATE of the feed's row says where the feed stands and what time it is,
 * never a read, so that heads are in one order with entries over all nodes, and a primary that was
 * replaced can issue none. It is signed after the commit: a head that was given out cannot be rolled
 * back. Requests that wait while one is under way share the next one.
 *
 * `admit` comes first in the same transaction; the problem it answers is this request's refusal, and
 * what it writes is committed before the head is given. Refusals: `clock-behind`, `clock-stepped`,
 * `authority-restored`, `key-locked`.
 */
export function issueHead(
  deps: Deps,
  { nonce, admit = nobody, withPositions = false }: HeadRequest = {},
): Promise<IssuedHead> {
  const node = feedNode(deps.store)
  const { promise, resolve, reject } = Promise.withResolvers<IssuedHead>()
  node.waiting.push({ nonce, admit, withPositions, resolve, reject })
  if (!node.isIssuing) void issueAll(deps, node)
  return promise
}

async function issueAll(deps: Deps, node: FeedNode): Promise<void> {
  node.isIssuing = true
  while (0 < node.waiting.length) {
    const group = node.waiting.splice(0, HEADS_TOGETHER_MAX)
    await issueGroup(deps, node, group).catch((reason: unknown) => {
      for (const { reject } of group) reject(reason)
    })
  }
  node.isIssuing = false
}

async function issueGroup(deps: Deps, node: FeedNode, group: readonly WantedHead[]): Promise<void> {
  const live = await prepare(deps, node)
  const { refusals, head } = await deps.store.write((tx) => writeHead(deps, live, tx, group))
  if (head !== undefined) committed(deps, node, head)
  group.forEach((wanted, i) => {
    const refusal = refusals[i]
    if (refusal !== undefined) return wanted.reject(refusal)
    // Somebody else has stopped them all; the next try says so to everybody.
    if (head === undefined) return node.waiting.push(wanted)
    return wanted.resolve(signedHead(deps, node, head, wanted))
  })
}

function signedHead(
  deps: Deps,
  node: FeedNode,
  head: WrittenHead,
  { nonce, withPositions }: WantedHead,
): IssuedHead {
  const claims = claimsOf(deps, head, node, nonce)
  const text = signJws(deps, head.feed, HEAD_TYPE, claims)
  const positions = withPositions ? { positions: liveOf(node).state.positions() } : {}
  return { text, claims, feedKey: head.feed.key.publicJwk, ...positions }
}

/** What needs no lock is done before it, so that a start with a long feed holds up nobody. */
async function prepare(deps: Deps, node: FeedNode): Promise<LiveCache> {
  const live = (node.live ??= await deps.store.read(async (tx) => rebuilt(tx, await tx.feed())))
  if (node.isPrepared) return live
  await ensureKey(deps, 'feed')
  await deps.store.read((tx) => findLongerTtl(deps, tx))
  node.isPrepared = true
  return live
}

interface WrittenHead {
  readonly iss: string
  readonly state: FeedState
  readonly floor: Position
  readonly maxTtl: number
  readonly feed: { readonly key: Key; readonly sealed: Uint8Array }
  readonly news: News
  readonly clock: ClockReading | undefined
}

async function writeHead(
  deps: Deps,
  live: LiveCache,
  tx: Writing,
  group: readonly WantedHead[],
): Promise<{ refusals: readonly (Problem | undefined)[]; head?: WrittenHead }> {
  const authority = (await tx.authority()) ?? refuseUnfinished()
  await refuseRestored(tx)
  const clockMicros = deps.clock.now() * 1000
  const before = await tx.feed()
  refuseClockBehind(before, clockMicros)
  const clock = refuseSteppedClock(deps, before)
  refuseStandingTime(deps, before, clockMicros)
  const refusals: (Problem | undefined)[] = []
  for (const { admit } of group) refusals.push(await admit(tx, reading(before, clockMicros)))
  // One of them has shown that this database is an old one; that is to be committed, and no head.
  if ((await tx.divergence()) !== undefined) return { refusals }
  if (refusals.every((refusal) => refusal !== undefined)) return { refusals }
  const feed = await activeKey(tx, 'feed')
  const state = await tx.advanceFeedTime(clockMicros)
  return {
    refusals,
    head: {
      iss: authority.issuer,
      state,
      floor: await tx.feedFloor(),
      maxTtl: longestTtlSeconds(deps, state.timeMicros),
      feed,
      news: await newsOf(tx, live, state),
      clock,
    },
  }
}

const refuseUnfinished = (): never =>
  refuse('store-foreign', 'the database holds no authority', { next: 'credctl init' })

/**
 * Only now, after the commit: what a transaction saw that was rolled back must not stay, and a digest
 * drops what has ended by its time for good.
 */
function committed(deps: Deps, node: FeedNode, { state, news, clock }: WrittenHead): void {
  rememberClock(deps, clock)
  // Cut short half way it would be neither the old state nor the new one; then it is made anew.
  node.live = undefined
  const live = 'rebuilt' in news ? news.rebuilt.state : continued(news)
  node.live = { state: live, position: state.position, chain: state.chain }
}

function continued({ from, entries }: Continued): LiveState {
  applyAll(from.state, entries)
  return from.state
}

function claimsOf(
  { policy }: Deps,
  { iss, state, floor, maxTtl }: WrittenHead,
  node: FeedNode,
  nonce: string | undefined,
): HeadClaims {
  const digest = liveOf(node).state.digest(state.timeMicros)
  const claims = headClaims(state, {
    iss,
    digest,
    heartbeat: policy.feed.heartbeatMs,
    limits: stalenessLimits(policy),
    maxTtl,
    floor,
    ...(nonce === undefined ? {} : { nonce }),
  })
  rememberHead(node, claims)
  return claims
}

const liveOf = ({ live }: FeedNode): LiveCache =>
  live ?? refuse('internal', 'a head without a live state')

/** Verifiers acknowledge within seconds; whoever comes later than so many heads syncs once more. */
const ISSUED_MAX = 4096

function rememberHead({ issued }: FeedNode, { time, position, chain, digest }: HeadClaims): void {
  issued.set(time, { position, chain, digest })
  if (issued.size <= ISSUED_MAX) return
  const [oldest] = issued.keys()
  if (oldest !== undefined) issued.delete(oldest)
}

interface Continued {
  readonly from: LiveCache
  readonly entries: readonly FeedEntry[]
}
type News = Continued | { readonly rebuilt: LiveCache }

const PAGE = 500

/** What was appended since `live`; all anew where the feed does not continue what that was made of. */
async function newsOf(tx: Reading, live: LiveCache, state: FeedState): Promise<News> {
  const entries: FeedEntry[] = []
  let end: Pick<LiveCache, 'position' | 'chain'> = live
  while (end.position < state.position) {
    const page = await tx.feedEntries(end.position, PAGE)
    const followed = verifyChain(end, page)
    if (followed.broken !== undefined || page.length === 0) break
    entries.push(...page)
    end = followed.end
  }
  const isContinued = end.position === state.position && sameBytes(end.chain, state.chain)
  return isContinued ? { from: live, entries } : { rebuilt: await rebuilt(tx, state) }
}

async function rebuilt(tx: Reading, { position, chain }: FeedState): Promise<LiveCache> {
  const state = createLiveState()
  let after = ORIGIN - 1
  for (;;) {
    const page = await tx.feedEntries(after, PAGE)
    applyAll(state, page)
    const last = page.at(-1)
    if (last === undefined) return { state, position, chain }
    after = last.position
  }
}

const utf8 = new TextDecoder()

function applyAll(state: LiveState, entries: readonly FeedEntry[]): void {
  for (const { position, bytes } of entries) {
    const record = readRecord(utf8.decode(bytes))
    if (typeof record === 'string') {
      refuse('store-corrupt', `entry ${position} of the feed cannot be read: ${record}`, {
        next: 'restore the last good backup: credctl restore FILE',
      })
    }
    state.apply(record, bytes)
  }
}
