import type { Position } from '#domain/feed/position.ts'
import { isSevere, planHash, planWarnings } from '#domain/revocation/plan.ts'
import type { Matched, Selector } from '#domain/revocation/revocation.ts'
import { decideTerms, type RevocationRequest, type Terms } from '#domain/revocation/revoke.ts'
import { phrase, resolvesToList } from '#domain/revocation/selector.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Reading } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { match, type Matching, uncounted } from './matching.ts'
import { keepCount } from './planned.ts'
import { beside, restBetween } from './reader.ts'
import type { Asked } from './revoke.ts'
import { withSelection } from './selections.ts'
import type { Items } from './tally.ts'

/** What a revocation would do, for someone to look at before it is done. */
export interface Plan extends Terms, Items {
  readonly hash: string
  readonly position: Position
  /** Absent where nobody counted. */
  readonly matched?: Matched
  readonly phrase: string
  readonly severe: boolean
  readonly warnings: readonly string[]
  readonly selectionId?: string
}

/**
 * Says what a revocation would hit; nothing is recorded. It is severe also where it would revoke the
 * credential that the responder is using. Refusals as `decideTerms`, and `selection-unknown`.
 */
export async function planRevocation(deps: Deps, context: Context, asked: Asked): Promise<Plan> {
  const read = beside(deps)
  const request = await withSelection(deps, read, context, asked)
  const { at: now, position } = await read((tx) => authorityTime(deps, tx))
  const terms = decideTerms(request, { policy: deps.policy, now })
  await restBetween(deps, terms.selector)
  const hash = planHash(terms)
  await restBetween(deps, terms.selector)
  const said = phrase(terms.selector)
  await restBetween(deps, terms.selector)
  const isCounted = asked.count !== false
  const matching = isCounted
    ? await counted(deps, terms, now, hash)
    : await uncounted(beside(deps), terms, now)
  const { locksOut, warnings } = await deps.store.read(async (tx) => {
    const own = await hitsOwn(tx, context, terms, matching)
    return { locksOut: own, warnings: await warningsOf(tx, request, terms, own) }
  })
  const { selectionId } = asked
  const { credentials } = matching.matched
  return {
    ...terms,
    hash,
    position,
    ...(isCounted ? { matched: matching.matched } : {}),
    phrase: said,
    severe: locksOut || isSevere(terms.selector, isCounted ? credentials : undefined, deps.policy),
    warnings: [...warnings, ...sparedWarning(matching)],
    items: matching.items,
    ...(matching.itemCounts === undefined ? {} : { itemCounts: matching.itemCounts }),
    ...(selectionId === undefined ? {} : { selectionId }),
  }
}

async function warningsOf(
  tx: Reading,
  request: RevocationRequest,
  terms: Terms,
  locksOut: boolean,
): Promise<string[]> {
  return [
    ...(locksOut ? ['this would revoke the credential you are using'] : []),
    ...planWarnings(terms),
    ...(await feedKeyWarnings(tx, terms.selector)),
    ...(await idleExceptions(tx, request)),
  ]
}

/** Counts, and keeps the count for the confirmation; but of a long list, which would fill the memory. */
async function counted(deps: Deps, terms: Terms, now: Instant, hash: string): Promise<Matching> {
  const { count, ...matching } = await match(deps, beside(deps), terms, now)
  if (!resolvesToList(terms.selector)) keepCount(deps.store, hash, count)
  return matching
}

/** A thief with it could name its successor, so its word is worth nothing, and nobody follows it. */
async function feedKeyWarnings(tx: Reading, { keys = [] }: Selector): Promise<string[]> {
  const warnings: string[] = []
  for (const id of keys) {
    const key = await tx.findKey(id)
    if (key?.purpose !== 'feed') continue
    warnings.push(
      `key ${id} signs the heads of the feed: a new one takes its place, no verifier will follow it by itself, and each has to be given the new key`,
    )
  }
  return warnings
}

/** A responder who revokes the credential in hand cannot take the next step. */
async function hitsOwn(
  tx: Reading,
  { caller }: Context,
  terms: Terms,
  { exceptions }: Matching,
): Promise<boolean> {
  if (caller.credentialId === undefined) return false
  const own = await tx.findCredential(caller.credentialId)
  if (own === undefined) return false
  const { all: _, ...named } = terms.selector
  if (named.tokens !== undefined && !named.tokens.includes(own.id)) return false
  const hit = await tx.selectCredentials({
    selector: { ...named, tokens: [own.id] },
    exceptions,
    reach: terms.reach,
    expiringAfter: own.issuedAt,
    limit: 1,
  })
  return 0 < hit.length
}

/** Beyond this many, whoever spares so much has a list and not a slip of the finger. */
const EXCEPTIONS_CHECKED_MAX = 100

/** A name that nobody has spares nobody, and the one who was meant dies. */
async function idleExceptions(tx: Reading, { exceptions }: RevocationRequest): Promise<string[]> {
  const warnings: string[] = []
  for (const id of (exceptions?.clients ?? []).slice(0, EXCEPTIONS_CHECKED_MAX)) {
    if ((await tx.findClient(id)) !== undefined) continue
    warnings.push(`no client ${id} is registered, so to except it spares nothing`)
  }
  for (const id of (exceptions?.tokens ?? []).slice(0, EXCEPTIONS_CHECKED_MAX)) {
    if ((await tx.findCredential(id)) !== undefined) continue
    warnings.push(`no credential ${id} is on record, so to except it spares nothing`)
  }
  return warnings
}

const sparedWarning = ({ spared }: Matching): string[] =>
  spared === 0
    ? []
    : [`${spared} matching ${spared === 1 ? 'credential is' : 'credentials are'} spared`]
