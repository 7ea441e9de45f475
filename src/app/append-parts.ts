import { nextTimeMicros, toInstant } from '#domain/feed/authority-time.ts'
import type { RevokeBody } from '#domain/feed/body.ts'
import { advance, epochEntry, type FeedState, nextEntry } from '#domain/feed/entry.ts'
import { epochOf, type Position } from '#domain/feed/position.ts'
import { refuse } from '#kernel/problem.ts'
import type { Writing } from '#store/port.ts'
import type { Deps } from './deps.ts'
import type { Place } from './feed.ts'

export interface PartsDraft<T> {
  /** As many as were announced. */
  readonly bodies: readonly RevokeBody[]
  readonly untilSeconds: number | undefined
  readonly result: T
}

/**
 * Appends the entries of one revocation, one after the other in the caller's transaction. `draft` is
 * handed the place of the last: the revocation's position, its cut and its time are those of the entry
 * with which it is whole. All are in one epoch; where there is no room left in it, the next is opened.
 */
export async function appendParts<T>(
  deps: Deps,
  tx: Writing,
  count: number,
  draft: (last: Place) => PartsDraft<T>,
): Promise<T> {
  let state = await withRoom(deps, tx, await tx.feed(), count)
  // The time is read once: the last entry's must be known when the first is written.
  const timeMicros = nextTimeMicros(state, clockMicros(deps)) + count - 1
  const position = (state.position + count) as Position
  const { bodies, untilSeconds, result } = draft({
    position,
    timeMicros,
    publishedAt: toInstant(timeMicros),
  })
  if (bodies.length !== count)
    refuse('internal', 'the parts of a list are not as many as announced')
  for (const [i, body] of bodies.entries()) {
    const entry = nextEntry(state, 'revoke', body, { untilSeconds })
    const at = timeMicros - (count - 1 - i)
    await tx.appendFeed(entry, at)
    state = advance(entry, at)
  }
  return result
}

const clockMicros = ({ clock }: Deps): number => clock.now() * 1000

async function withRoom(
  deps: Deps,
  tx: Writing,
  state: FeedState,
  count: number,
): Promise<FeedState> {
  if (epochOf((state.position + count) as Position) === epochOf(state.position)) return state
  const entry = epochEntry(state)
  const timeMicros = nextTimeMicros(state, clockMicros(deps))
  await tx.appendFeed(entry, timeMicros)
  return advance(entry, timeMicros)
}
