import type { FeedEntry } from '#domain/feed/entry.ts'
import type { Position } from '#domain/feed/position.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading } from '#store/port.ts'
import type { Caller, Deps } from './deps.ts'
import { credentialProblem, incarnationUnknown, verifierOf } from './follower.ts'
import { type HeadRequest, type IssuedHead, issueHead } from './heads.ts'
import { HEADS_AHEAD_MICROS } from './sync.ts'

/** Somebody who listens, as the committed records know him. */
export interface Follower {
  readonly incarnation: string
  readonly verifierId: string
  readonly firstPosition: Position
  /** Until then he may be given heads, microseconds; `issueForFollowers` moves it on. */
  headsUntilMicros: number
}

/**
 * Says who wants to listen. Heads are leases, so only an incarnation is let in that a sync has put on
 * record, with the credential of then. Refusals: `incarnation-unknown`, `feed-compacted`,
 * `feed-diverged`, `token-refused`.
 */
export function admitFollower(
  deps: Deps,
  caller: Caller,
  { incarnation, after }: { readonly incarnation: string; readonly after?: Position | undefined },
): Promise<Follower> {
  const verifierId = verifierOf(caller)
  return deps.store.read(async (tx) => {
    const problem = await credentialProblem(tx, verifierId)
    if (problem instanceof Error) throw problem
    const known = await tx.findIncarnation(incarnation)
    if (known === undefined || known.verifierId !== verifierId)
      throw incarnationUnknown(incarnation)
    // It said that it decides nothing any more, and enforcement was counted on that.
    if (known.releasedMicros !== undefined) throw incarnationUnknown(incarnation)
    if (after !== undefined) await refuseBeyond(tx, after)
    const { firstPosition, headsUntilMicros } = known
    return { incarnation, verifierId, firstPosition, headsUntilMicros }
  })
}

async function refuseBeyond(tx: Reading, after: Position): Promise<void> {
  await refuseCompacted(tx, after)
  const { position } = await tx.feed()
  if (after <= position) return
  refuse(
    'feed-diverged',
    `this feed stands at ${position}, and you ask for what comes after ${after}`,
    {
      next: 'sync first (POST /v1/feed/sync)',
      facts: { position, after },
    },
  )
}

async function refuseCompacted(tx: Reading, after: Position): Promise<void> {
  const floor = await tx.feedFloor()
  if (floor <= after) return
  refuse('feed-compacted', `entries up to ${floor} are not kept one by one any more`, {
    next: 'take the snapshot: GET /v1/feed/snapshot',
    facts: { floor, after },
  })
}

/**
 * One head for everybody who listens. Where the time until which somebody may be given heads is half
 * over, it is moved on for all of them, in the transaction of the head; those whose credential was
 * removed meanwhile are answered in `ended`, and must not be given it.
 */
export async function issueForFollowers(
  deps: Deps,
  followers: Iterable<Follower>,
  { withPositions = false }: Pick<HeadRequest, 'withPositions'> = {},
): Promise<{ readonly head: IssuedHead; readonly ended: readonly Follower[] }> {
  let ended: readonly Follower[] = []
  let extended: readonly Follower[] = []
  let untilMicros = 0
  const head = await issueHead(deps, {
    withPositions,
    async admit(tx, { timeMicros }) {
      const all = [...followers]
      const isDue = (it: Follower) => it.headsUntilMicros < timeMicros + HEADS_AHEAD_MICROS / 2
      if (!all.some(isDue)) return undefined
      const removed = await removedAmong(tx, all)
      ended = all.filter(({ verifierId }) => removed.has(verifierId))
      extended = all.filter(({ verifierId }) => !removed.has(verifierId))
      untilMicros = timeMicros + HEADS_AHEAD_MICROS
      await tx.extendHeads(
        extended.map(({ incarnation }) => incarnation),
        untilMicros,
      )
      return undefined
    },
  })
  for (const follower of extended) {
    follower.headsUntilMicros = Math.max(follower.headsUntilMicros, untilMicros)
  }
  return { head, ended }
}

async function removedAmong(
  tx: Reading,
  followers: readonly Follower[],
): Promise<ReadonlySet<string>> {
  const removed = new Set<string>()
  for (const verifierId of new Set(followers.map((it) => it.verifierId))) {
    if ((await credentialProblem(tx, verifierId)) instanceof Error) removed.add(verifierId)
  }
  return removed
}

/** Whether this one may be given that head: it is on record for longer, and from no later place. */
export const mayBeGiven = (
  { firstPosition, headsUntilMicros }: Follower,
  { position, time }: IssuedHead['claims'],
): boolean => firstPosition <= position && time <= headsUntilMicros

export interface EntryPage {
  readonly entries: readonly FeedEntry[]
  readonly floor: Position
  /** Whether more follow. */
  readonly more: boolean
}

/** One answer holds no more than this, unless its first entry does. */
const PAGE_BYTES_MAX = 1024 * 1024
/** So many rows are read at a time: an entry may have a hundred kilobytes, or two hundred bytes. */
const ROWS = 50

/** Entries after a position, in order, up to `upTo` where it is given. Refusal: `feed-compacted`. */
export function pageOfEntries(
  deps: Deps,
  after: Position,
  { limit, upTo }: { readonly limit: number; readonly upTo?: Position },
): Promise<EntryPage> {
  return deps.store.read(async (tx) => {
    await refuseCompacted(tx, after)
    const floor = await tx.feedFloor()
    const end = upTo ?? (await tx.feed()).position
    const entries: FeedEntry[] = []
    let bytes = 0
    let at = after
    while (at < end) {
      const rows = await tx.feedEntries(at, ROWS)
      for (const entry of rows) {
        bytes += entry.bytes.length
        const isFull = entries.length === limit || (PAGE_BYTES_MAX < bytes && 0 < entries.length)
        if (isFull || end < entry.position) return { entries, floor, more: at < end }
        entries.push(entry)
        at = entry.position
      }
      if (rows.length === 0) break
    }
    return { entries, floor, more: at < end }
  })
}

/** What is in force, and the head that it must match: for who is too far behind for entries. */
export interface Snapshot {
  readonly head: string
  /** In order of position, a few at a time. */
  readonly entries: AsyncIterable<readonly FeedEntry[]>
}

/**
 * A head, and what was in force at it. Entries never change once they are written, so they are read a
 * few at a time and no reader waits meanwhile; should one be collected before it is read, the
 * iteration fails, and whoever wants it asks again.
 */
export async function snapshotFor(deps: Deps, follower: Follower): Promise<Snapshot> {
  const { head, ended } = await issueForFollowers(deps, [follower], { withPositions: true })
  if (0 < ended.length || !mayBeGiven(follower, head.claims)) {
    throw incarnationUnknown(follower.incarnation)
  }
  return { head: head.text, entries: entriesAt(deps, head.positions ?? []) }
}

async function* entriesAt(
  { store }: Deps,
  positions: readonly Position[],
): AsyncIterable<readonly FeedEntry[]> {
  for (let from = 0; from < positions.length;) {
    const wanted = positions.slice(from, from + ROWS)
    const page = await store.read(async (tx) => {
      const found: FeedEntry[] = []
      for (const at of wanted) {
        const entry = await tx.feedEntry(at)
        if (entry === undefined) refuse('feed-compacted', `entry ${at} was collected meanwhile`)
        found.push(entry)
      }
      return found
    })
    yield page
    from += wanted.length
  }
}
