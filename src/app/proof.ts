import {
  CERTIFICATE_TYPE,
  type CertificateClaims,
  type CertificateMember,
} from '#domain/proof/certificate.ts'
import {
  type Enforcement,
  enforcementOf,
  graceEndMs,
  openUntilMicros,
  publishedMicros,
  type RosterMember,
  rosterOf,
  standingOf,
} from '#domain/proof/enforcement.ts'
import type { Incarnation, Lease } from '#domain/proof/proof.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, Store, Writing } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { mintingTime } from './feed.ts'
import { activeKey } from './issue.ts'
import { signJws } from './jws.ts'
import { authorityMicros, provenOf, revocationOf } from './revocations.ts'

/** Where the enforcement of one revocation stands. */
export interface Enforced {
  readonly revocation: Revocation
  readonly enforcement: Enforcement
}

export function showEnforcement(deps: Deps, id: string): Promise<Enforced> {
  return deps.store.read(async (tx) => {
    const revocation = await revocationOf(tx, id)
    const { timeMicros } = await authorityMicros(deps, tx)
    return enforcedOf(deps, revocation, await rosterRecords(deps, tx, revocation), timeMicros)
  })
}

const enforcedOf = (
  deps: Deps,
  revocation: Revocation,
  incarnations: readonly Incarnation[],
  timeMicros: number,
): Enforced => ({
  revocation,
  enforcement: enforcementOf(provenOf(deps, revocation), incarnations, timeMicros),
})

const rosterRecords = (
  deps: Deps,
  tx: Reading,
  revocation: Revocation,
): Promise<readonly Incarnation[]> =>
  tx.incarnations({ leaseAfterMicros: publishedMicros(provenOf(deps, revocation)) - 1000 })

export interface Certified extends Enforced {
  /** A JWS of type `feed-certificate+jwt`; absent while the revocation is not enforced. */
  readonly certificate?: string
}

/**
 * States, signed with the key of the feed's heads, that a revocation is enforced, with everything that
 * shows it. Its time comes from a committed update of the feed's row, as a head's does, so that a
 * primary that was replaced can state nothing. Refusals: `revocation-unknown`, `clock-behind`.
 */
export async function certifyRevocation(deps: Deps, id: string): Promise<Certified> {
  const { enforced, claims, feed } = await deps.store.write(async (tx) => {
    await mintingTime(deps, tx)
    const before = await revocationOf(tx, id)
    const { timeMicros } = await tx.advanceFeedTime(deps.clock.now() * 1000)
    const incarnations = await rosterRecords(deps, tx, before)
    const first = enforcedOf(deps, before, incarnations, timeMicros)
    const revocation = await settleOne(tx, first)
    const enforced = { ...first, revocation }
    const claims = await claimsOf(deps, tx, enforced, incarnations)
    return { enforced, claims, feed: await activeKey(tx, 'feed') }
  })
  if (claims === undefined) return enforced
  return { ...enforced, certificate: signJws(deps, feed, CERTIFICATE_TYPE, claims) }
}

async function claimsOf(
  deps: Deps,
  tx: Reading,
  { revocation, enforcement }: Enforced,
  incarnations: readonly Incarnation[],
): Promise<CertificateClaims | undefined> {
  const { state, nowMicros, enforcedMicros, counts } = enforcement
  // One that took up heads again since it was found enforced may be in the roster once more, and is
  // waited for: until its word comes, the records do not show by themselves what is known.
  if (state !== 'enforced' || enforcedMicros === undefined || 0 < counts.waiting) return undefined
  const proven = provenOf(deps, revocation)
  const roster = rosterOf(proven, incarnations)
  const entry = await tx.feedEntry(revocation.position)
  if (entry === undefined) return undefined
  const ends = roster.map(({ acknowledgedMicros, leaseEndsMicros, releasedMicros }) =>
    acknowledgedMicros === undefined ? Math.min(releasedMicros ?? Infinity, leaseEndsMicros) : 0,
  )
  const enforcedAt = ends.reduce((a, b) => Math.max(a, b), enforcedMicros)
  const graceEnd = graceEndMs(proven)
  const uncovered = new Set(proven.coverage?.uncovered)
  return {
    iss: (await tx.authority())?.issuer ?? refuse('internal', 'there is no authority'),
    revocation: revocation.id,
    position: revocation.position,
    chain: encodeBase64url(entry.chain),
    publishedAt: enforcement.publishedMicros,
    reason: revocation.reason,
    roster: roster.map(memberOf),
    audiences: enforcement.audiences.map(({ audience, verifiers }) =>
      uncovered.has(audience)
        ? { audience, unprovenUntil: openUntilMicros(proven) }
        : { audience, verifiers },
    ),
    ...(Number.isFinite(graceEnd) ? { graceEnd: graceEnd * 1000 } : {}),
    // What is on record is a whole millisecond, which may end after this very instant.
    enforcedAt: Math.min(enforcedAt, nowMicros),
    time: nowMicros,
  }
}

function memberOf(member: RosterMember): CertificateMember {
  const { id, verifierId, name, acknowledged } = member.incarnation
  const who = { incarnation: id, verifierId, name }
  if (member.acknowledgedMicros !== undefined && acknowledged !== undefined) {
    const { position, chain, digest, atMicros } = acknowledged
    return { ...who, acknowledged: { position, chain, digest, at: atMicros } }
  }
  const { releasedMicros, leaseEndsMicros } = member
  return releasedMicros !== undefined && releasedMicros < leaseEndsMicros
    ? { ...who, releasedAt: releasedMicros }
    : { ...who, lapsedAt: leaseEndsMicros }
}

/** So many are looked at in one go; what is left is looked at the next time. */
const SETTLED_MAX = 1000

/** What was found the last time: when something may change by itself, if nothing is heard. */
interface Outlook {
  readonly chain: string
  readonly dueMicros: number
}
const outlooks = new WeakMap<Store, Outlook>()

/**
 * Puts on record that revocations have become enforced, and since when; says how many. Called again
 * and again it reads one row as long as nothing can have changed: no entry was appended, nobody is
 * waited for, and no grace and no unproven audience has come to its end.
 */
export async function settleEnforcement(deps: Deps): Promise<number> {
  const due = await deps.store.read(async (tx) => {
    const { timeMicros } = await authorityMicros(deps, tx)
    const chain = encodeBase64url((await tx.feed()).chain)
    const outlook = outlooks.get(deps.store)
    if (outlook?.chain === chain && timeMicros < outlook.dueMicros) return []
    const pending = await tx.unenforcedRevocations(SETTLED_MAX)
    const leaseAfterMicros = pending.reduce((a, one) => Math.min(a, publishedMicros(one)), Infinity)
    const leases = pending.length === 0 ? [] : await tx.leases({ leaseAfterMicros })
    const ready: string[] = []
    let dueMicros = Infinity
    for (const revocation of pending) {
      const roster = rosterOf(revocation, leases)
      const standing = standingOf(revocation, roster, timeMicros)
      if (standing.state === 'enforced') ready.push(revocation.id)
      dueMicros = Math.min(dueMicros, nextChange(revocation, roster, standing.certainMicros))
    }
    outlooks.set(deps.store, { chain, dueMicros })
    return ready
  })
  if (due.length === 0) return 0
  return deps.store.write(async (tx) => {
    let settled = 0
    const { timeMicros } = await authorityMicros(deps, tx)
    for (const id of due) {
      const before = await revocationOf(tx, id)
      const incarnations = await rosterRecords(deps, tx, before)
      const after = await settleOne(tx, enforcedOf(deps, before, incarnations, timeMicros))
      if (after !== before) settled += 1
    }
    return settled
  })
}

/** The earliest instant at which it may be enforced: at any, while a word may come from someone. */
function nextChange(
  revocation: Revocation,
  roster: readonly RosterMember<Lease>[],
  certainMicros: number,
): number {
  const hasSilent = roster.some(({ acknowledgedMicros }) => acknowledgedMicros === undefined)
  if (!hasSilent) return certainMicros
  return Math.max(openUntilMicros(revocation), graceEndMs(revocation) * 1000)
}

/** Puts on record since when it is enforced, where it is and that is not on record yet. */
async function settleOne(tx: Writing, { revocation, enforcement }: Enforced): Promise<Revocation> {
  const { state, enforcedMicros } = enforcement
  if (state !== 'enforced' || enforcedMicros === undefined) return revocation
  if (revocation.enforcedAt !== undefined) return revocation
  const enforcedAt = instant(Math.ceil(enforcedMicros / 1000))
  const settled: Revocation = { ...revocation, enforcedAt }
  await tx.updateRevocation(settled)
  return settled
}
