import type { WireCall } from '#contract/transport.ts'
import type { Store } from '#store/port.ts'
import type { AuthorityRules } from './core/site.ts'
import type { Rules } from '#verifier/rules.ts'

/** A bug, planted by a test in the place of sound code. */
export interface PlantedBug {
  readonly rules?: Partial<Rules>
  /** Of the core tier: how the authority's use cases are put together. */
  readonly authority?: Partial<AuthorityRules>
  /** By what a verifier measures time. */
  readonly localClock?: 'wall'
  /** Of the core tier: a verdict is given after the last await as it was found before it. */
  readonly verdict?: 'before-the-await'
  /** What becomes of a call before the authority sees it. */
  readonly call?: (call: WireCall) => WireCall
  readonly store?: (store: Store) => Store
}
