import type { Rate } from '#domain/policy/policy.ts'
import type { Clock } from '#kernel/clock.ts'

/** More keys than this are not told apart at a time; the fullest buckets are forgotten first. */
const KEYS_MAX = 50_000

export interface RateLimit {
  /** Counts one request; the seconds until the next would pass, or 0 where this one does. */
  take(key: string): number
  /** The same without counting. */
  wait(key: string): number
}

interface Bucket {
  tokens: number
  atMs: number
}

/**
 * Token buckets, one a key: so many a second, and a burst after a pause. A clock that is set back fills
 * nothing. Where there are more keys than can be kept, those that were asked for longest ago are
 * forgotten, which is to say full again.
 */
export function createRateLimit({ perSecond, burst }: Rate, clock: Clock): RateLimit {
  const buckets = new Map<string, Bucket>()

  const bucketOf = (key: string): Bucket => {
    const now = clock.now()
    const known = buckets.get(key)
    if (known === undefined) return { tokens: burst, atMs: now }
    const passedSeconds = Math.max(0, now - known.atMs) / 1000
    return { tokens: Math.min(burst, known.tokens + passedSeconds * perSecond), atMs: now }
  }
  const waitOf = ({ tokens }: Bucket): number =>
    1 <= tokens ? 0 : Math.max(1, Math.ceil((1 - tokens) / perSecond))

  return {
    wait: (key) => waitOf(bucketOf(key)),
    take(key) {
      const bucket = bucketOf(key)
      const seconds = waitOf(bucket)
      if (seconds === 0) bucket.tokens -= 1
      // Put last, so that the first of the map are those that nobody has asked for in a while.
      buckets.delete(key)
      buckets.set(key, bucket)
      if (KEYS_MAX < buckets.size) forgetOldest(buckets)
      return seconds
    },
  }
}

function forgetOldest(buckets: Map<string, Bucket>): void {
  const [oldest] = buckets.keys()
  if (oldest !== undefined) buckets.delete(oldest)
}
