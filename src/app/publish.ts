import { untilSeconds } from '#domain/feed/authority-time.ts'
import { recordHash } from '#domain/feed/body.ts'
import { partCount, revokeBodies } from '#domain/feed/parts.ts'
import type { Position } from '#domain/feed/position.ts'
import { rosterOf, standingOf } from '#domain/proof/enforcement.ts'
import type { Lease } from '#domain/proof/proof.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { decideRevocation, type Terms } from '#domain/revocation/revoke.ts'
import { listSelector } from '#domain/revocation/selector.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { newId } from '#kernel/identifier.ts'
import { instant } from '#kernel/instant.ts'
import type { Reading, Writing } from '#store/port.ts'
import { appendParts } from './append-parts.ts'
import { concernOf } from './coverage.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime, type Place } from './feed.ts'
import { revokeSigningKey } from './keys.ts'
import { longestTtlSeconds } from './longest-ttl.ts'
import type { Matching } from './matching.ts'

/** Appends a revocation to the feed and records it, in the caller's transaction. */
export async function publish(
  deps: Deps,
  context: Context,
  tx: Writing,
  terms: Terms,
  matching: Omit<Matching, 'items' | 'spared' | 'before'>,
): Promise<Revocation> {
  const { matched, listed, exceptions } = matching
  const limits = await limitsOf(deps, tx)
  const { at: now } = await authorityTime(deps, tx)
  const youngestUntil = instant(now + limits.maxTtlSeconds * 1000)
  const concern = await concernOf(tx, terms.selector, matching, youngestUntil)
  const salt = deps.entropy.bytes(16)
  const id = newId('rev', deps.clock.now(), deps.entropy)
  const resolved = listed === undefined ? undefined : listSelector(listed)
  const revocation = await put(deps, tx, {
    context,
    limits,
    parts: partCount(resolved?.tokens),
    decide: ({ position, publishedAt, timeMicros }) =>
      decideRevocation(terms, {
        id,
        position,
        publishedAt,
        actor: context.caller.actor,
        recordSalt: encodeBase64url(salt),
        matched,
        coverage: { publishedMicros: timeMicros, ...concern },
        resolved,
        resolvedExceptions: exceptions,
      }).revocation,
    salt,
  })
  for (const keyId of terms.selector.keys ?? []) await revokeSigningKey(deps, tx, keyId)
  return revocation
}

/** What fixes until when an entry is needed: no token that it hits expires later. */
interface Limits {
  readonly largestExpiry: Awaited<ReturnType<Reading['largestExpiry']>>
  readonly maxTtlSeconds: number
}

export async function limitsOf(deps: Deps, tx: Reading): Promise<Limits> {
  const { timeMicros } = await tx.feed()
  return {
    largestExpiry: await tx.largestExpiry(),
    maxTtlSeconds: longestTtlSeconds(deps, timeMicros),
  }
}

export interface Putting {
  readonly context: Context
  readonly parts: number
  readonly salt: Uint8Array
  readonly limits: Limits
  readonly decide: (last: Place) => Revocation
}

/**
 * Puts a revocation that is decided into feed and records. By when its enforcement is certain follows
 * from who is on record in this very transaction; where nobody is, it is enforced at once.
 */
export async function put(
  deps: Deps,
  tx: Writing,
  { context, parts, salt, limits, decide }: Putting,
): Promise<Revocation> {
  const { timeMicros: before } = await tx.feed()
  const leases = await tx.leases({ leaseAfterMicros: before })
  const revocation = await appendParts(deps, tx, parts, (last) => {
    const decided = provenFrom(decide(last), leases, last.timeMicros)
    const hash = recordHash(salt, privateRecord(decided, context))
    return {
      bodies: revokeBodies(decided, hash),
      untilSeconds: untilSeconds({ cut: decided.cut, timeMicros: last.timeMicros }, limits),
      result: decided,
    }
  })
  await tx.insertRevocation(revocation)
  return revocation
}

function provenFrom(
  revocation: Revocation,
  leases: readonly Lease[],
  timeMicros: number,
): Revocation {
  const roster = rosterOf(revocation, leases)
  const { certainMicros, enforcedMicros } = standingOf(revocation, roster, timeMicros)
  return {
    ...revocation,
    enforcedBy: instant(Math.ceil(certainMicros / 1000)),
    ...(enforcedMicros === undefined
      ? {}
      : { enforcedAt: instant(Math.ceil(enforcedMicros / 1000)) }),
  }
}

/** What only the authority knows of a revocation; its entry in the feed is bound to it. */
const privateRecord = (
  revocation: Revocation,
  { requestId }: Context,
): Record<string, unknown> => ({
  id: revocation.id,
  actor: revocation.actor,
  requestId,
  incidentId: revocation.incidentId ?? null,
})

/**
 * Until when the entry that ends a revocation, or its block, is needed: as long as the revocation's
 * own. Where that has no end yet (a block has none before its own), as if it were published now.
 */
export async function endingUntil(
  deps: Deps,
  tx: Reading,
  { position, cut }: Pick<Revocation, 'position' | 'cut'>,
): Promise<(place: Place) => number | undefined> {
  // The end of a block stands where it cuts, and its entry says until when.
  const untils: number[] = []
  for (const at of new Set<Position>([position, cut ?? position])) {
    const { untilSeconds: until } = (await tx.feedEntry(at)) ?? {}
    if (until !== undefined) untils.push(until)
  }
  if (0 < untils.length) return () => Math.max(...untils)
  const limits = await limitsOf(deps, tx)
  return ({ timeMicros }) => untilSeconds({ cut: position, timeMicros }, limits)
}
