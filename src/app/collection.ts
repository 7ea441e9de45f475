import type { FeedState } from '#domain/feed/entry.ts'
import { epochOf, type Position, position, sequenceOf } from '#domain/feed/position.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import type { CollectionBounds, Reading } from '#store/port.ts'
import type { Deps } from './deps.ts'

/** Beside the leeway: for so long after its `until` a verifier keeps an entry to itself. */
const KEPT_AFTER_SECONDS = 300

const DAY_MS = 24 * 60 * 60 * 1000

/** The floor rises by a tenth of what is kept at a time, and not with every entry. */
const FLOOR_STEPS = 10

/**
 * Removes a little of what nobody who follows the feed needs any more, nor any proof: entries below
 * the floor that are over, incarnations that were not seen for a day, exact lists that were begun a
 * day ago. Answers whether there may be more.
 */
export async function collectStep(deps: Deps, limit: number): Promise<boolean> {
  const bounds = await deps.store.read(async (tx) => {
    // What an older database denies may be all that is left to show what it has lost.
    if ((await tx.divergence()) !== undefined) return undefined
    const bounds = await boundsOf(deps, tx)
    return (await tx.isCollectionDue(bounds)) ? bounds : undefined
  })
  if (bounds === undefined) return false
  return deps.store.write(async (tx) => {
    const removed = [
      await tx.compactFeed({ ...bounds, limit }),
      await tx.forgetIncarnations(bounds.incarnationsSeenBefore, limit),
      await tx.forgetSelections(bounds.selectionsBegunBefore, limit),
    ]
    return removed.includes(limit)
  })
}

/**
 * Judged by the feed's own time or the clock's, whichever is earlier: a clock that is ahead must not
 * remove what still counts. Exact lists count for nothing, so for them the clock will do.
 */
async function boundsOf({ clock, policy }: Deps, tx: Reading): Promise<CollectionBounds> {
  const feed = await tx.feed()
  const nowMs = Math.min(Math.floor(feed.timeMicros / 1000), clock.now())
  return {
    floor: nextFloor(feed, await tx.feedFloor(), policy.feed.entriesKept),
    endedBeforeSeconds:
      Math.floor(nowMs / 1000) - policy.defaults.leewaySeconds - KEPT_AFTER_SECONDS,
    incarnationsSeenBefore: aDayBefore(nowMs),
    selectionsBegunBefore: aDayBefore(clock.now()),
  }
}

const aDayBefore = (ms: number): Instant => instant(ms - DAY_MS)

/**
 * At least `kept` entries stay above the floor. The entries of an epoch have no gaps, so that they are
 * counted by their numbers; while an epoch has fewer, the floor stays in the one before.
 */
function nextFloor(feed: FeedState, floor: Position, kept: number): Position {
  const sequence = sequenceOf(feed.position) - kept
  if (sequence < 0) return floor
  const next = position(epochOf(feed.position), sequence)
  return next - floor < kept / FLOOR_STEPS ? floor : next
}
