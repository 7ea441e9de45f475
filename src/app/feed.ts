import {
  nextTimeMicros,
  reading,
  refuseClockBehind,
  toInstant,
} from '#domain/feed/authority-time.ts'
import type { FeedBodies } from '#domain/feed/body.ts'
import {
  advance,
  epochEntry,
  epochIsFull,
  type FeedOp,
  type FeedState,
  nextEntry,
} from '#domain/feed/entry.ts'
import { type Position, successorOf } from '#domain/feed/position.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, Writing } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { refuseRestored } from './divergence.ts'
import { refuseSteppedClock } from './stepped-clock.ts'

/** Where the feed stands and what time it is in the authority: one reading, on the primary. */
export interface AuthorityTime {
  readonly position: Position
  readonly at: Instant
}

const clockMicros = ({ clock }: Deps): number => clock.now() * 1000

export async function authorityTime(deps: Deps, tx: Reading): Promise<AuthorityTime> {
  const { position, timeMicros } = reading(await tx.feed(), clockMicros(deps))
  return { position, at: toInstant(timeMicros) }
}

/**
 * The reading of a mint, which refuses `clock-behind` where its times would be the future's, and
 * `clock-stepped` or `authority-restored` where nothing may be signed.
 */
export async function mintingTime(deps: Deps, tx: Reading): Promise<AuthorityTime> {
  await refuseRestored(tx)
  const state = await tx.feed()
  refuseClockBehind(state, clockMicros(deps))
  const { position, timeMicros } = reading(state, clockMicros(deps))
  refuseSteppedClock(deps, state)
  return { position, at: toInstant(timeMicros) }
}

/** Where and when the entry that is being made will stand. */
export interface Place {
  readonly position: Position
  readonly publishedAt: Instant
  readonly timeMicros: number
}

export interface Draft<O extends FeedOp, T> {
  readonly op: O
  readonly body: FeedBodies[O]
  readonly untilSeconds?: number | undefined
  readonly result: T
}

/**
 * Appends one entry to the feed, in the caller's transaction. The entry is made when its place is
 * known, since a cut is a position and `published` a time of the feed.
 */
export async function append<O extends FeedOp, T>(
  deps: Deps,
  tx: Writing,
  draft: (place: Place) => Draft<O, T> | Promise<Draft<O, T>>,
): Promise<T> {
  const state = await openEpoch(deps, tx, await tx.feed())
  const timeMicros = nextTimeMicros(state, clockMicros(deps))
  const position = successorOf(state.position) ?? refuse('internal', 'the feed has no places left')
  const { op, body, untilSeconds, result } = await draft({
    position,
    publishedAt: toInstant(timeMicros),
    timeMicros,
  })
  await tx.appendFeed(nextEntry(state, op, body, { untilSeconds }), timeMicros)
  return result
}

/** After the last sequence of an epoch the next one opens, by an entry like any other. */
async function openEpoch(deps: Deps, tx: Writing, state: FeedState): Promise<FeedState> {
  if (!epochIsFull(state)) return state
  const entry = epochEntry(state)
  const timeMicros = nextTimeMicros(state, clockMicros(deps))
  await tx.appendFeed(entry, timeMicros)
  return advance(entry, timeMicros)
}
