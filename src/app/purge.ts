import { tiers } from '#domain/client/client.ts'
import { instant } from '#kernel/instant.ts'
import type { Deps } from './deps.ts'
import { REPLY_SECONDS_MAX } from './idempotency.ts'

/** How many rows one step looks at: some milliseconds, so that no caller waits long behind one. */
export const PURGE_STEP_ROWS = 500

/**
 * Removes a little of what nobody needs any more: credentials that expired longer ago than their tier
 * is retained, and answers that can no longer be asked for again. Answers whether there is more.
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
  if (!(await deps.store.read((tx) => tx.isForgettingDue(bound)))) return false
  return (
    (await deps.store.write((tx) => tx.forgetReplies(bound, PURGE_STEP_ROWS))) === PURGE_STEP_ROWS
  )
}
