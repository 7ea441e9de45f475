/**
 * What must have happened somewhere for a run to have proved anything: the "sometimes" twins of the
 * invariants. A suite of runs that misses one has tested less than it claims, and fails.
 */
export const coreSightings = [
  'accepted',
  'accepted-in-grace',
  'accepted-in-leeway',
  'accepted-before-it-was-known',
  'revoked',
  'expired',
  'invalid',
  'stale-cold',
  'stale-lease',
  'stale-behind',
  'waited-and-accepted',
  'snapshot',
  'entries-fetched',
  'truncated',
  'doubled',
  'lost',
  'cut',
  'replayed-head',
  'forged-entry',
  'forged-head',
  'stale-disk',
  'torn-disk',
  'withheld',
  'lie',
  'acknowledgement-refused',
  'alarm',
  'crash',
  'suspend',
  'stall',
  'node-crash',
  'committed-and-not-told',
  'retried',
  'key-rotated',
  'feed-key-rotated',
  'key-stolen',
  'compacted',
  'restored',
  'blocked',
  'unblocked',
  'suspended-client',
  'lifted',
  'listed',
  'minted-beside-a-revocation',
  'derived-refused',
  'certified',
  'lapsed',
  'collected',
  'naive-false-accept',
] as const
export type CoreSighting = (typeof coreSightings)[number]

export class CoreSightings {
  readonly counts = Object.fromEntries(coreSightings.map((name) => [name, 0])) as Record<
    CoreSighting,
    number
  >

  see(what: CoreSighting): void {
    this.counts[what]++
  }
}
