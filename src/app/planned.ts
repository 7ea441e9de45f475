import type { Instant } from '#kernel/instant.ts'
import type { Store } from '#store/port.ts'
import type { Count } from './matching.ts'

/** More plans than this are not looked at at once; the oldest is counted again if it comes back. */
const PLANS_MAX = 16
/** A count grows old as tokens expire; whoever takes longer to decide has them counted again. */
const COUNT_MS_MAX = 5 * 60_000

const counts = new WeakMap<Store, Map<string, Count>>()

/** Keeps what a plan has counted, so that its confirmation need not count a million again. */
export function keepCount(store: Store, hash: string, count: Count): void {
  const kept = counts.get(store) ?? new Map<string, Count>()
  counts.set(store, kept)
  kept.delete(hash)
  kept.set(hash, count)
  const [oldest] = kept.keys()
  if (PLANS_MAX < kept.size && oldest !== undefined) kept.delete(oldest)
}

/** The count of a plan, once: whoever goes on with it changes it. */
export function takeCount(store: Store, hash: string, now: Instant): Count | undefined {
  const kept = counts.get(store)
  const count = kept?.get(hash)
  kept?.delete(hash)
  return count !== undefined && now <= count.at + COUNT_MS_MAX ? count : undefined
}
