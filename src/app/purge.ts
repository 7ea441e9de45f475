import { tiers } from '#domain/client/client.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { collectStep } from './collection.ts'
import type { Deps } from './deps.ts'
import { REPLY_SECONDS_MAX } from './idempotency.ts'

/** How many rows one step looks at: some milliseconds, so that no caller waits long behind one. */
export const PURGE_STEP_ROWS = 500

/**
 * Removes a little of what nobody needs any more: credentials that expired longer ago than their tier
 * is retained, answers that can no longer be asked for again, status lists in which everything has
 * expired, uses of what has expired, and what `collectStep` takes. Answers whether there is more.
 */
export async function purgeStep(deps: Deps): Promise<boolean> {
  const now = deps.clock.now()
  const before = (seconds: number) => instant(now - seconds * 1000)
  for (const tier of tiers) {
    const bound = before(deps.policy.tiers[tier].retentionSeconds)
    // Asked without a lock first: mostly there is nothing to do, and writers are not to wait for that.
    if (!(await deps.store.read((tx) => tx.isPurgeDue(tier, bound)))) continue
    const step = await deps.store.write((tx) => tx.purgeCredentials(tier, bound, PURGE_STEP_ROWS))
    if (!step.isDone) return true
  }
  const bound = before(REPLY_SECONDS_MAX)
  if (await deps.store.read((tx) => tx.isForgettingDue(bound))) {
    const forgotten = await deps.store.write((tx) => tx.forgetReplies(bound, PURGE_STEP_ROWS))
    if (forgotten === PURGE_STEP_ROWS) return true
  }
  if (await dropStatusLists(deps, before(LIST_KEPT_SECONDS))) return true
  if (await forgetUses(deps, before(CLOCK_STEP_SECONDS_MAX))) return true
  return collectStep(deps, PURGE_STEP_ROWS)
}

/** For so long after its last token has expired a status list is served, all of it VALID. */
const LIST_KEPT_SECONDS = 86_400

async function dropStatusLists({ store }: Deps, bound: Instant): Promise<boolean> {
  if (!(await store.read((tx) => tx.isDroppingStatusListsDue(bound)))) return false
  return (await store.write((tx) => tx.dropStatusLists(bound, PURGE_STEP_ROWS))) === PURGE_STEP_ROWS
}

/** A use is forgotten only when even a clock that was set back by this much would not take it again. */
const CLOCK_STEP_SECONDS_MAX = 600

async function forgetUses({ store }: Deps, bound: Instant): Promise<boolean> {
  if (!(await store.read((tx) => tx.isForgettingUsesDue(bound)))) return false
  return (await store.write((tx) => tx.forgetUses(bound, PURGE_STEP_ROWS))) === PURGE_STEP_ROWS
}
