import { toInstant } from '#domain/feed/authority-time.ts'
import { maxTtlSeconds } from '#domain/policy/policy.ts'
import type { Reading } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { feedNode } from './feed-node.ts'

/**
 * Of a head: no token that may be alive lives longer, seconds. The greater of what policy allows now
 * and the longest lifetime of any unexpired token, which a wider policy of before may have given.
 */
export function longestTtlSeconds({ store, policy }: Deps, timeMicros: number): number {
  const { longer } = feedNode(store)
  const allowed = maxTtlSeconds(policy)
  return longer === undefined || longer.untilMicros <= timeMicros
    ? allowed
    : Math.max(allowed, longer.seconds)
}

/**
 * Looks once for tokens that live longer than policy allows now: no more of them are made. Verifiers
 * accept a little past the expiry, so they are counted with for as long.
 */
export async function findLongerTtl({ store, policy }: Deps, tx: Reading): Promise<void> {
  const { leewaySeconds } = policy.defaults
  const { timeMicros } = await tx.feed()
  const aliveSince = toInstant(Math.max(0, timeMicros - leewaySeconds * 1_000_000))
  const found = await tx.longestLifetime(aliveSince, maxTtlSeconds(policy))
  feedNode(store).longer =
    found === undefined
      ? undefined
      : {
          seconds: found.seconds,
          untilMicros: (found.expiresAt + leewaySeconds * 1000) * 1000,
        }
}
