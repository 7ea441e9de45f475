import type { Coverage } from '#domain/proof/proof.ts'
import type { Selector } from '#domain/revocation/revocation.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { PAGE_SIZE_MAX } from '#kernel/page.ts'
import type { Reading } from '#store/port.ts'
import type { Matching } from './matching.ts'
import type { Concerned } from './tally.ts'

/** What of a coverage is known before its revocation has a place in the feed. */
export type Concern = Omit<Coverage, 'publishedMicros'>

/**
 * Whom a revocation concerns: the audiences of the live credentials that it hits, and those registered
 * to their clients, where the next of their tokens may be meant for. Of a key, of all, and where nobody
 * counted, every audience that is known at all.
 *
 * Read in the transaction that publishes it: a client or a verifier may have come since the plan.
 */
export async function concernOf(
  tx: Reading,
  selector: Selector,
  { concerned }: Pick<Matching, 'concerned'>,
  youngestUntil: Instant,
): Promise<Concern> {
  const isWhole = selector.keys !== undefined || selector.all === true || concerned === undefined
  const audiences = await audiencesOf(tx, concerned ?? NOBODY, isWhole)
  const verified = new Set(await tx.verifiedAudiences())
  const sorted = [...audiences].sort()
  const statusListsUntil = await tx.statusListsIssuedUntil()
  return {
    audiences: sorted,
    uncovered: sorted.filter((audience) => !verified.has(audience)),
    matchedUntil: isWhole
      ? await lastExpiry(tx, selector, youngestUntil)
      : (concerned.latestExpiry ?? instant(0)),
    ...(selector.keys === undefined ? { statusListsUntil } : {}),
  }
}

/** Who has a key mints when he likes, so that no record tells when the last of his tokens expires. */
async function lastExpiry(
  tx: Reading,
  { keys }: Selector,
  youngestUntil: Instant,
): Promise<Instant> {
  const largest = (await tx.largestExpiry()) ?? instant(0)
  return keys === undefined || youngestUntil < largest ? largest : youngestUntil
}

const NOBODY: Concerned = { audiences: new Set(), clients: new Set(), latestExpiry: undefined }

async function audiencesOf(
  tx: Reading,
  { audiences, clients }: Concerned,
  isWhole: boolean,
): Promise<ReadonlySet<string>> {
  const all = new Set(audiences)
  if (isWhole) return addKnown(tx, all)
  for (const id of clients) {
    for (const audience of (await tx.findClient(id))?.audiences ?? []) all.add(audience)
  }
  return all
}

async function addKnown(tx: Reading, all: Set<string>): Promise<ReadonlySet<string>> {
  for (const audience of await tx.verifiedAudiences()) all.add(audience)
  const authority = await tx.authority()
  if (authority !== undefined) all.add(authority.issuer)
  for (let cursor: string | undefined; ;) {
    const { items, nextCursor } = await tx.listClients({}, { limit: PAGE_SIZE_MAX, cursor })
    for (const { audiences } of items) for (const audience of audiences) all.add(audience)
    if (nextCursor === null) return all
    cursor = nextCursor
  }
}
