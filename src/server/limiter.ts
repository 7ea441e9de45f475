/** Counts what each one asks in windows of fixed length; refuses nobody by itself. */
export interface Limiter {
  /** Takes one request of `key`; answers for how many seconds it is too many, 0 where it is not. */
  take(key: string): number
}

export interface LimiterOptions {
  /** Milliseconds, of any origin. */
  readonly now: () => number
  readonly windowMs: number
  /** So many requests of one key in one window. */
  readonly requestsMax: number
  /** So many keys are counted at a time; beyond that, those who are not counted yet share one count. */
  readonly keysMax: number
}

const SHARED = ''

/**
 * A simple limiter: every count begins anew with each window. The many addresses that one attacker may
 * have cannot fill the memory, and do not make room for him either.
 */
export function createLimiter({ now, windowMs, requestsMax, keysMax }: LimiterOptions): Limiter {
  let window = NaN
  const counts = new Map<string, number>()
  return {
    take(key) {
      const at = now()
      const current = Math.floor(at / windowMs)
      if (current !== window) counts.clear()
      window = current
      const counted = counts.has(key) || counts.size < keysMax ? key : SHARED
      const count = (counts.get(counted) ?? 0) + 1
      counts.set(counted, count)
      return count <= requestsMax ? 0 : Math.ceil(((current + 1) * windowMs - at) / 1000)
    },
  }
}

/** Whoever has one IPv6 address has a whole /64 of them (RFC 6177), so that is what is counted. */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length)
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest]
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
