import type { SimulationRequest } from '#contract/simulation.ts'

/** What a scenario does, over its knobs: all of it in virtual microseconds. */
export interface Plan {
  readonly ttlMicros: number
  readonly leewayMicros: number
  /** For how long tokens are issued. */
  readonly issueMicros: number
  readonly issueEveryMicros: number
  /** How often the signing key is rotated; never, where undefined. */
  readonly rotateEveryMicros: number | undefined
  /** How far from its expiry a token is still tried, before and after. */
  readonly reachMicros: number
  /** How often each token is presented to each verifier: in its life, around its expiry, at its edges. */
  readonly tries: { readonly life: number; readonly expiry: number; readonly edge: number }
  /** Every so many tokens one is forged. */
  readonly forgeEvery: number
}

const SECOND = 1_000_000
const MINUTE = 60 * SECOND

export function planOf(request: SimulationRequest): Plan {
  const { scenario, ttlSeconds, leewaySeconds, skewSeconds, naiveLeewaySeconds } = request
  const ttlMicros = ttlSeconds * SECOND
  const issueMicros = request.minutes * MINUTE
  const common = {
    ttlMicros,
    leewayMicros: leewaySeconds * SECOND,
    issueMicros,
    reachMicros: (skewSeconds + Math.max(leewaySeconds, naiveLeewaySeconds) + 5) * SECOND,
  }
  if (scenario === 'lifecycle') {
    return {
      ...common,
      issueEveryMicros: Math.max(SECOND, Math.ceil(ttlMicros / 6)),
      rotateEveryMicros: Math.max(30 * SECOND, Math.ceil(issueMicros / 4)),
      tries: { life: 16, expiry: 4, edge: 4 },
      forgeEvery: 2,
    }
  }
  return {
    ...common,
    issueEveryMicros: Math.max(SECOND, Math.ceil(ttlMicros / 12)),
    rotateEveryMicros: undefined,
    tries: { life: 6, expiry: 18, edge: 6 },
    forgeEvery: 6,
  }
}
