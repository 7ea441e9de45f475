import type { SimulationReport } from '#contract/simulation.ts'
import type { CoreInvariant } from '#sim/core/invariants.ts'
import { type CoreSighting, coreSightings } from '#sim/core/sightings.ts'

/** What must be seen for an invariant to have been in danger: a run without it has proved nothing. */
export const twins: Readonly<Record<CoreInvariant, readonly CoreSighting[]>> = {
  I1: ['accepted', 'accepted-before-it-was-known', 'revoked'],
  I2: ['revoked', 'lifted', 'suspended-client'],
  I3: ['accepted-in-leeway', 'expired'],
  I4: ['stale-cold', 'stale-lease', 'stale-behind'],
  I5: ['snapshot', 'compacted', 'collected', 'entries-fetched'],
  I6: ['replayed-head', 'doubled', 'stale-disk', 'torn-disk'],
  I7: ['collected'],
  I8: ['lifted', 'unblocked'],
  I9: ['accepted-in-grace', 'derived-refused', 'blocked'],
  I10: ['retried', 'committed-and-not-told', 'restored'],
  I11: ['node-crash', 'restored', 'feed-key-rotated'],
  I12: ['certified', 'lapsed', 'lie', 'acknowledgement-refused'],
  L1: ['lost', 'cut', 'crash', 'suspend', 'stall'],
  minting: ['minted-beside-a-revocation', 'listed', 'suspended-client'],
  clock: ['suspend', 'stall', 'naive-false-accept'],
  forgery: ['invalid', 'forged-head', 'forged-entry', 'truncated', 'withheld', 'alarm'],
  refusal: ['key-rotated', 'key-stolen', 'waited-and-accepted'],
}

type Seen = Pick<SimulationReport, 'seen'>

/** What none of these runs has seen. */
export const unseenIn = (reports: readonly Seen[]): CoreSighting[] =>
  coreSightings.filter((name) => reports.every(({ seen }) => (seen[name] ?? 0) === 0))
