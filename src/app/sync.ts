import type { AuthorityTime } from '#domain/feed/authority-time.ts'
import type { VerifierMode } from '#domain/feed/head.ts'
import type { Incarnation } from '#domain/proof/proof.ts'
import { stalenessLimits } from '#domain/policy/policy.ts'
import { Problem } from '#kernel/problem.ts'
import type { PublicJwk } from '#signer/port.ts'
import type { Reading, VerifierRecord, Writing } from '#store/port.ts'
import type { Caller, Deps } from './deps.ts'
import { feedNode } from './feed-node.ts'
import {
  type Applied,
  credentialProblem,
  diverged,
  divergence,
  incarnationUnknown,
  verifierOf,
} from './follower.ts'
import { issueHead } from './heads.ts'

export interface SyncRequest {
  readonly nonce: string
  readonly incarnation: string
  readonly name: string
  readonly audiences: readonly string[]
  readonly mode: VerifierMode
  readonly applied?: Applied | undefined
}

export interface Synced {
  /** A JWS of type `feed-head+jwt`, whose claims are `HeadClaims`. */
  readonly head: string
  readonly feedKeys: readonly PublicJwk[]
}

/**
 * For so long after a commit any node may give heads to an incarnation; extended while it listens.
 * Short enough that what has crashed is off the roster soon, long enough that it costs little.
 */
export const HEADS_AHEAD_MICROS = 60_000_000

/**
 * Tells a verifier where the feed stands and what time it is here, signed with the verifier's nonce
 * after the request arrived. The incarnation is on record before its first head, with the latest
 * instant until which it may be given heads: what enforcement is proved from.
 *
 * Refusals: `clock-behind`, `clock-stepped`, `key-locked`, `feed-diverged`, `authority-restored`,
 * `audience-refused`, `incarnation-unknown`, `leases-exhausted`, `token-refused`.
 */
export async function syncFeed(deps: Deps, caller: Caller, request: SyncRequest): Promise<Synced> {
  const verifierId = verifierOf(caller)
  const { text, feedKey } = await issueHead(deps, {
    nonce: request.nonce,
    admit: (tx, time) => admit(deps, tx, { verifierId, request, time }),
  })
  return { head: text, feedKeys: [feedKey] }
}

interface Asking {
  readonly verifierId: string
  readonly request: SyncRequest
  readonly time: AuthorityTime
}

/** Puts the incarnation on record, or says why it is given no head. */
async function admit(deps: Deps, tx: Writing, asking: Asking): Promise<Problem | undefined> {
  const { verifierId, request } = asking
  const credential = await credentialProblem(tx, verifierId)
  if (credential instanceof Problem) return credential
  const stranger = audienceProblem(credential, request.audiences)
  if (stranger !== undefined) return stranger
  const parted = await partedProblem(deps, tx, asking)
  if (parted !== undefined) return parted
  const known = await tx.findIncarnation(request.incarnation)
  // Whose it is is not told: to anybody else it is as unknown as any other.
  if (known !== undefined && known.verifierId !== verifierId) {
    return incarnationUnknown(request.incarnation)
  }
  const exhausted = await leaseProblem(deps, tx, asking)
  if (exhausted !== undefined) return exhausted
  await tx.upsertIncarnation(onRecord(deps, known, asking))
  return undefined
}

/**
 * An old database that was copied back has forgotten what was revoked since: nothing is signed with
 * it, neither heads nor tokens, until an operator has looked.
 */
async function partedProblem(
  deps: Deps,
  tx: Writing,
  { request: { applied, name, incarnation }, time: { at } }: Asking,
): Promise<Problem | undefined> {
  if (applied === undefined) return undefined
  const parted = await divergence(tx, await tx.feed(), applied)
  if (parted === undefined) return undefined
  const { position, chain } = applied
  await tx.recordDivergence({ position, chain, seenBy: `verifier ${name} (${incarnation})`, at })
  return diverged(deps, incarnation, parted)
}

function audienceProblem(
  verifier: VerifierRecord | undefined,
  audiences: readonly string[],
): Problem | undefined {
  if (verifier === undefined || verifier.audiences.length === 0) return undefined
  const stranger = audiences.find((audience) => !verifier.audiences.includes(audience))
  if (stranger === undefined) return undefined
  return new Problem(
    'audience-refused',
    `the credential of verifier ${verifier.name} is not for audience ${stranger}`,
    {
      next: `credctl verifier create NAME --audience ${stranger}`,
      facts: { audience: stranger, allowed: verifier.audiences },
    },
  )
}

/**
 * Counting ten thousand leases takes tens of milliseconds, and every head waits for it. Those that have
 * lapsed since only make the last count too large, so where it refuses nobody it is good for longer.
 */
const COUNTED_MICROS = 10_000_000
const COUNTED_MICROS_FULL = 1_000_000

/** No credential holds more live leases than policy allows, so that a stolen one fills no memory. */
async function leaseProblem(
  { store, policy }: Deps,
  tx: Reading,
  { verifierId, request: { incarnation }, time: { timeMicros } }: Asking,
): Promise<Problem | undefined> {
  const { leases } = feedNode(store)
  const most = policy.feed.leasesPerCredentialMax
  let counted = leases.get(verifierId)
  const isFull = counted !== undefined && most <= counted.incarnations.size
  const goodMicros = isFull ? COUNTED_MICROS_FULL : COUNTED_MICROS
  if (counted === undefined || counted.atMicros + goodMicros <= timeMicros) {
    const live = await tx.incarnations({ leaseAfterMicros: timeMicros, verifierId })
    counted = { atMicros: timeMicros, incarnations: new Set(live.map(({ id }) => id)) }
    leases.set(verifierId, counted)
  }
  if (!counted.incarnations.has(incarnation) && most <= counted.incarnations.size) {
    return new Problem(
      'leases-exhausted',
      `${counted.incarnations.size} verifiers hold a lease by this credential, and policy allows ${most}`,
      {
        next: 'let those that crashed run out, or give the others a credential of their own: credctl verifier create NAME',
        facts: { leases: counted.incarnations.size, leasesMax: most },
      },
    )
  }
  counted.incarnations.add(incarnation)
  return undefined
}

function onRecord(
  { policy }: Deps,
  known: Incarnation | undefined,
  { verifierId, request, time }: Asking,
): Incarnation {
  const { incarnation, name, audiences, mode } = request
  const limitSeconds = stalenessLimits(policy)[mode]
  return {
    id: incarnation,
    verifierId,
    name,
    audiences,
    mode,
    limitSeconds: Math.max(limitSeconds, known?.limitSeconds ?? 0),
    firstPosition: known?.firstPosition ?? time.position,
    headsUntilMicros: Math.max(known?.headsUntilMicros ?? 0, time.timeMicros + HEADS_AHEAD_MICROS),
    ...(known?.acknowledged === undefined ? {} : { acknowledged: known.acknowledged }),
    firstSeenAt: known?.firstSeenAt ?? time.at,
    lastSeenAt: time.at,
  }
}
