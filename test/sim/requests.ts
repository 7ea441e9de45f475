import type { SimulationRequest } from '#contract/simulation.ts'
import type { WireCall } from '#contract/transport.ts'

/** A small world: enough to happen in it, and quick enough for many. */
export const small: SimulationRequest = {
  scenario: 'clock-skew',
  seed: 1,
  seeds: 1,
  verifiers: 3,
  minutes: 15,
  skewSeconds: 30,
  ttlSeconds: 120,
  leewaySeconds: 2,
  naiveLeewaySeconds: 2,
}

/** A planted bug: whoever sends a request again is taken for somebody who asks anew. */
export function forgetKey(call: WireCall): WireCall {
  const { idempotencyKey, ...rest } = call
  return idempotencyKey === undefined ? call : rest
}
