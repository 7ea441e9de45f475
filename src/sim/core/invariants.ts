/** What must never happen in the core tier, by name; docs/simulator.md says why. */
export const coreInvariants = {
  I1: 'nothing revoked is accepted after max(published + limit, end of grace), in authority time',
  I2: '`revoked` only by a live revocation, or one lifted less than a limit ago',
  I3: 'accepted only within the leeway of its validity; `expired` only after expiry',
  I4: '`stale` only where no whole path to the feed was there for as long as a limit',
  I5: 'equal entries and time have equal digests, and that of a naive oracle',
  I6: 'what a verifier has applied, and its time, never go back',
  I7: 'a revocation is collected only when all that it hits has expired',
  I8: 'a lift, or the end of a block, revives nothing that another revocation hits',
  I9: 'grace within bounds, and nothing derived from what is revoked, in grace or blocked',
  I10: 'what was acknowledged is in every later log, and once',
  I11: 'a later head is not of an earlier position, and one position has one chain',
  I12: 'after a certificate no verifier accepts what it is about',
  L1: 'after the faults have ended all verifiers agree, and every client has a token that is accepted',
  minting: 'a revocation hits what was authorised before it, and its end is settled before a mint',
  clock: 'the interval by which a verifier decides holds the authority’s time',
  forgery: 'what the authority did not issue is never accepted or applied',
  refusal: 'a valid token is not refused',
} as const
export type CoreInvariant = keyof typeof coreInvariants

export interface CoreBreach {
  readonly invariant: CoreInvariant
  readonly said: string
}
