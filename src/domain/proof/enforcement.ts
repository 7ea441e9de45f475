import type { Position } from '#domain/feed/position.ts'
import type { Revocation, RevocationState } from '#domain/revocation/revocation.ts'
import { instant } from '#kernel/instant.ts'
import type { Incarnation, Lease } from './proof.ts'

/**
 * One incarnation that was given a head below a revocation and, by it, might still have decided when
 * the revocation was published. Times are microseconds of authority time.
 */
export interface RosterMember<Of extends Lease = Incarnation> {
  readonly incarnation: Of
  /** When its last lease on a head below the revocation ends, whatever happens. */
  readonly leaseEndsMicros: number
  /** When its word came that it had applied the revocation, or something later. */
  readonly acknowledgedMicros?: number
  /** When it said that it decides nothing any more, without having applied the revocation. */
  readonly releasedMicros?: number
}

/** What of a revocation its proof depends on. */
export type Proven = Pick<
  Revocation,
  'id' | 'position' | 'publishedAt' | 'graceSeconds' | 'liftedAt' | 'enforcedAt' | 'coverage'
>

/** Publication to the microsecond; the last one of its millisecond where only that is on record. */
export const publishedMicros = ({ coverage, publishedAt }: Proven): number =>
  coverage?.publishedMicros ?? publishedAt * 1000 + 999

/** The end of its grace, milliseconds; without grace, before everything. */
export const graceEndMs = ({ publishedAt, graceSeconds }: Proven): number =>
  0 < graceSeconds ? publishedAt + graceSeconds * 1000 : -Infinity

/**
 * The roster of a revocation: every incarnation that was on record before it and whose lease by a head
 * from before it ends after its publication. One whose credential was removed is in it too, since
 * removal only stops its heads.
 *
 * No head below the revocation is younger than its publication, and none was given out after
 * `headsUntilMicros`; so the later of its leases began at the earlier of these two.
 */
export function rosterOf<Of extends Lease>(
  revocation: Proven,
  incarnations: Iterable<Of>,
): RosterMember<Of>[] {
  const roster: RosterMember<Of>[] = []
  const published = publishedMicros(revocation)
  for (const incarnation of incarnations) {
    const member = memberOf(incarnation, revocation.position, published)
    if (member !== undefined) roster.push(member)
  }
  return roster
}

function memberOf<Of extends Lease>(
  incarnation: Of,
  position: Position,
  published: number,
): RosterMember<Of> | undefined {
  const { firstPosition, headsUntilMicros, limitSeconds } = incarnation
  const { releasedMicros, acknowledged } = incarnation
  if (position <= firstPosition) return undefined
  if (releasedMicros !== undefined && releasedMicros <= published) return undefined
  const leaseEndsMicros = Math.min(headsUntilMicros, published) + limitSeconds * 1_000_000
  if (leaseEndsMicros <= published) return undefined
  const hasApplied = acknowledged !== undefined && position <= acknowledged.position
  return {
    incarnation,
    leaseEndsMicros,
    ...(hasApplied ? { acknowledgedMicros: acknowledged.atMicros } : {}),
    ...(hasApplied || releasedMicros === undefined ? {} : { releasedMicros }),
  }
}

type MemberState = 'acknowledged' | 'lapsed' | 'waiting'

/** An acknowledgement counts whenever it came; else the lease must have run out, or been given back. */
const memberState = (member: RosterMember<Lease>, nowMicros: number): MemberState => {
  if (member.acknowledgedMicros !== undefined) return 'acknowledged'
  return settledMicros(member) <= nowMicros ? 'lapsed' : 'waiting'
}

/** From when on it could not accept anything by a head from before the revocation. */
const settledMicros = (member: RosterMember<Lease>): number =>
  Math.min(
    member.leaseEndsMicros,
    member.acknowledgedMicros ?? Infinity,
    member.releasedMicros ?? Infinity,
  )

/** Where the enforcement of a revocation stands at one instant, in short. Microseconds. */
export interface Standing {
  readonly state: RevocationState
  /** From when on enforcement is certain even if nobody is heard of again, grace included. */
  readonly certainMicros: number
  /** Since when it is enforced; it stays so once it is on record. */
  readonly enforcedMicros?: number
}

/**
 * The state of a revocation. Enforced: all of its roster has acknowledged or holds no lease any more,
 * its grace is over, and no audience is left unproven. Enforcement that is on record stays. How many
 * of the roster are alike makes no difference.
 */
export function standingOf(
  revocation: Proven,
  roster: readonly RosterMember<Lease>[],
  nowMicros: number,
): Standing {
  let certainMicros = Math.max(publishedMicros(revocation), openUntilMicros(revocation))
  certainMicros = Math.max(certainMicros, graceEndMs(revocation) * 1000)
  let isSettled = certainMicros <= nowMicros
  for (const member of roster) {
    certainMicros = Math.max(certainMicros, settledMicros(member))
    if (memberState(member, nowMicros) === 'waiting') isSettled = false
  }
  const { liftedAt, enforcedAt } = revocation
  const enforced = enforcedAt === undefined ? undefined : enforcedAt * 1000
  // A word from a moment that is still to come was given all the same, and so counts from now on.
  const enforcedMicros = enforced ?? (isSettled ? Math.min(certainMicros, nowMicros) : undefined)
  const standing = { certainMicros, ...(enforcedMicros === undefined ? {} : { enforcedMicros }) }
  if (liftedAt !== undefined) {
    // What was lifted before all had applied it was not enforced, and will not be.
    return {
      state: 'lifted',
      certainMicros,
      ...(enforced === undefined ? {} : { enforcedMicros: enforced }),
    }
  }
  if (enforcedMicros !== undefined) return { state: 'enforced', ...standing }
  const isOpen = nowMicros < openUntilMicros(revocation)
  return { state: isOpen ? 'open' : 'published', ...standing }
}

/** Until when an audience that no verifier of ours serves is unproven; 0 where there is none. */
export const openUntilMicros = ({ coverage }: Proven): number =>
  coverage === undefined || coverage.uncovered.length === 0 ? 0 : coverage.matchedUntil * 1000

/** What is published of all this (see `Enforcement` of the contract). Microseconds. */
export interface Enforcement extends Standing {
  readonly nowMicros: number
  readonly publishedMicros: number
  readonly counts: {
    readonly total: number
    readonly acknowledged: number
    readonly lapsed: number
    readonly waiting: number
  }
  /** From publication to acknowledgement, milliseconds; of those that have acknowledged. */
  readonly acknowledgedMs?: { readonly p50: number; readonly p99: number; readonly max: number }
  readonly stragglers: readonly RosterMember[]
  readonly audiences: readonly AudienceStanding[]
}

export interface AudienceStanding {
  readonly audience: string
  /** How many of the roster serve it. */
  readonly verifiers: number
  readonly state: 'enforced' | 'waiting' | 'unproven'
  readonly untilMicros?: number
  /** Of `unproven`, where somebody reads status lists: from then on whoever does so refuses. */
  readonly statusListMicros?: number
}

/** An answer names at most this many that are waited for. */
export const STRAGGLERS_MAX = 100

/** Everything that is told about the enforcement of a revocation at one instant. */
export function enforcementOf(
  revocation: Proven,
  incarnations: Iterable<Incarnation>,
  nowMicros: number,
): Enforcement {
  const roster = rosterOf(revocation, incarnations)
  const counts = { acknowledged: 0, lapsed: 0, waiting: 0 }
  for (const member of roster) counts[memberState(member, nowMicros)]++
  const published = publishedMicros(revocation)
  const acknowledgedMs = latencies(roster, published)
  return {
    ...standingOf(revocation, roster, nowMicros),
    nowMicros,
    publishedMicros: published,
    counts: { total: roster.length, ...counts },
    ...(acknowledgedMs === undefined ? {} : { acknowledgedMs }),
    stragglers: roster
      .filter(({ acknowledgedMicros }) => acknowledgedMicros === undefined)
      .sort(latestLeaseFirst)
      .slice(0, STRAGGLERS_MAX),
    audiences: audienceStandings(revocation, roster, nowMicros),
  }
}

function latestLeaseFirst(a: RosterMember, b: RosterMember): number {
  if (a.leaseEndsMicros !== b.leaseEndsMicros) return b.leaseEndsMicros - a.leaseEndsMicros
  return a.incarnation.id < b.incarnation.id ? -1 : 1
}

/**
 * Nearest-rank percentiles. On record is each one's latest word only, so what a verifier acknowledged
 * since makes its figure larger and never smaller.
 */
function latencies(
  roster: readonly RosterMember[],
  published: number,
): Enforcement['acknowledgedMs'] {
  const sorted: number[] = []
  for (const { acknowledgedMicros: at } of roster) {
    if (at !== undefined) sorted.push(Math.max(0, at - published) / 1000)
  }
  if (sorted.length === 0) return undefined
  sorted.sort((a, b) => a - b)
  const rank = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0
  return { p50: rank(0.5), p99: rank(0.99), max: rank(1) }
}

function audienceStandings(
  revocation: Proven,
  roster: readonly RosterMember[],
  nowMicros: number,
): AudienceStanding[] {
  const { audiences = [], uncovered = [] } = revocation.coverage ?? {}
  const verifiers = new Map<string, number>()
  const waiting = new Set<string>()
  for (const member of roster) {
    const isWaiting = memberState(member, nowMicros) === 'waiting'
    for (const audience of member.incarnation.audiences) {
      verifiers.set(audience, (verifiers.get(audience) ?? 0) + 1)
      if (isWaiting) waiting.add(audience)
    }
  }
  const bare = new Set(uncovered)
  const untilMicros = openUntilMicros(revocation)
  const isInGrace = nowMicros < graceEndMs(revocation) * 1000
  return audiences.map((audience) => {
    const known = { audience, verifiers: verifiers.get(audience) ?? 0 }
    if (bare.has(audience) && nowMicros < untilMicros) {
      return { ...known, state: 'unproven', untilMicros, ...statusListMember(revocation) }
    }
    return { ...known, state: isInGrace || waiting.has(audience) ? 'waiting' : 'enforced' }
  })
}

/**
 * When the last status list without it is over: those given out before it end by themselves, and none
 * that was given out in its grace outlives that. Where none of before may be used any more, nobody is
 * known to read any.
 */
function statusListMember(revocation: Proven): { readonly statusListMicros?: number } {
  const { statusListsUntil = 0 } = revocation.coverage ?? {}
  if (statusListsUntil * 1000 <= publishedMicros(revocation)) return {}
  return { statusListMicros: Math.max(statusListsUntil, graceEndMs(revocation)) * 1000 }
}

/**
 * A revocation of before coverage was kept, as the careful reader has it: none of its audiences is
 * known to have been served, and a token may have been minted just before it.
 */
export function withCoverage<T extends Proven & Pick<Revocation, 'matched'>>(
  revocation: T,
  maxTtlSeconds: number,
): T {
  if (revocation.coverage !== undefined) return revocation
  const audiences = Object.keys(revocation.matched.byAudience).sort()
  const matchedUntil = instant(revocation.publishedAt + maxTtlSeconds * 1000)
  const published = publishedMicros(revocation)
  return {
    ...revocation,
    coverage: { publishedMicros: published, audiences, uncovered: audiences, matchedUntil },
  }
}
