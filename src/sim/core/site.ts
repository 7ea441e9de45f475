import { reading, type AuthorityTime, refuseClockBehind } from '#domain/feed/authority-time.ts'
import { untilSeconds } from '#domain/feed/authority-time.ts'
import type { FeedState } from '#domain/feed/entry.ts'
import type { Policy } from '#domain/policy/policy.ts'
import type { Rule } from '#domain/revocation/rule.ts'
import { ruleOf } from '#domain/revocation/rule.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { decideUnblock } from '#domain/revocation/revoke.ts'
import type { verdict } from '#domain/revocation/verdict.ts'
import type { Entropy } from '#kernel/clock.ts'
import type { Transaction } from './database.ts'
import type { Signatures } from './signatures.ts'

export const ISSUER = 'https://authority.sim'

/**
 * How the authority's use cases are put together. Tests alone hand in others than these, each one a
 * mistake that somebody could make, to see whether the simulator finds it.
 */
export interface AuthorityRules {
  /** A mint reads position and time before whatever authorises it; `last` lets tokens escape. */
  readonly mintReads: 'first' | 'last'
  /** An exact list takes its last delta under a lock that keeps mints out. */
  readonly isListLocked: boolean
  /** A head is a committed UPDATE of the feed's row; a plain read may be overtaken. */
  readonly headBy: 'update' | 'read'
  /** What is due is settled before a mint. */
  readonly settlesFirst: boolean
  /** Until when an incarnation may be given heads is on record before it is given them. */
  readonly recordsHeads: boolean
  /** Whoever takes a snapshot is on record for its head too. */
  readonly recordsSnapshots: boolean
  /** A request that came before is answered as it was. */
  readonly isIdempotent: boolean
  /** Nothing is derived from what is revoked, nor from what is in grace. */
  readonly mayDerive: (found: ReturnType<typeof verdict>['kind']) => boolean
  readonly untilSeconds: typeof untilSeconds
  readonly decideUnblock: typeof decideUnblock
  readonly ruleOf: typeof ruleOf
  /** By what an acknowledgement is filed. */
  readonly acknowledgedBy: 'incarnation' | 'name'
  /** A restore revokes what was issued after the backup. */
  readonly restoreRevokes: boolean
  /** Proofs wait for verifiers that a restore has forgotten. */
  readonly remembersForgotten: boolean
  /** How long, in seconds, until a rotated key retires, where it is not the domain that says. */
  readonly retireAfterSeconds: number | undefined
  /** A lift takes out the revocation that it names and no other. */
  readonly liftsOnlyItself: boolean
}

export const soundAuthority: AuthorityRules = {
  mintReads: 'first',
  isListLocked: true,
  headBy: 'update',
  settlesFirst: true,
  recordsHeads: true,
  recordsSnapshots: true,
  isIdempotent: true,
  mayDerive: (found) => found === 'clear',
  untilSeconds,
  decideUnblock,
  ruleOf,
  acknowledgedBy: 'incarnation',
  restoreRevokes: true,
  remembersForgotten: true,
  retireAfterSeconds: undefined,
  liftsOnlyItself: true,
}

/** What the work of one node of the authority has at hand. */
export interface Site {
  readonly policy: Policy
  readonly signatures: Signatures
  readonly entropy: Entropy
  readonly rules: AuthorityRules
  /** The node's wall clock, in whole milliseconds as a program reads it. */
  clockMicros(): number
  /** Refuses `clock-stepped` while the clock is not trusted. */
  refuseStepped(): void
}

/** The reading of a mint or a head, which is refused where its times would be wrong. */
export function trustedReading(site: Site, state: FeedState): AuthorityTime {
  site.refuseStepped()
  refuseClockBehind(state, site.clockMicros())
  return reading(state, site.clockMicros())
}

/** Rules by revocation: the same record, the same rule. */
const laidOut = new WeakMap<Revocation, Rule>()

/** The rules of what is not lifted, as this transaction sees them. */
export function rulesIn(site: Site, tx: Transaction): Rule[] {
  const rules: Rule[] = []
  for (const revocation of tx.all('revocations')) {
    if (revocation.liftedAt !== undefined) continue
    const known = laidOut.get(revocation) ?? site.rules.ruleOf(revocation)
    laidOut.set(revocation, known)
    rules.push(known)
  }
  return rules
}
