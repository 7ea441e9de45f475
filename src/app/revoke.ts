import { driftOf, planHash } from '#domain/revocation/plan.ts'
import type { Matched, Reason, Revocation, Selector } from '#domain/revocation/revocation.ts'
import {
  decideTerms,
  isVain,
  type RevocationRequest,
  type Terms,
} from '#domain/revocation/revoke.ts'
import { phrase, resolvesToList } from '#domain/revocation/selector.ts'
import { instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, Writing } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { type Count, match, type Matching, uncounted } from './matching.ts'
import { isOutlasted } from './outlasted.ts'
import { takeCount } from './planned.ts'
import { publish } from './publish.ts'
import { beside, restBetween, within } from './reader.ts'
import { recordPrepared } from './record.ts'
import { memoryById, revocationOf } from './revocations.ts'
import { withSelection } from './selections.ts'
import { settleDue } from './settle.ts'
import { chainOf } from './states.ts'
import type { Items } from './tally.ts'

export interface Revoked extends Items {
  /** Absent where nothing was left to revoke and no earlier revocation accounts for it. */
  readonly revocation?: Revocation
  /** Of what was planned: how many credentials more, minted since, were revoked too. */
  readonly mintedMeanwhile?: number
}

/** A request as it comes in: its exact list may have been drawn up before. */
export interface Asked extends RevocationRequest {
  readonly selectionId?: string | undefined
  /** `false`: nobody waits for a count. */
  readonly count?: boolean | undefined
}

export interface Planned {
  readonly hash?: string | undefined
  readonly matched?: Matched | undefined
}

/**
 * Revokes. What would be hit is counted beside the transaction, going on from the plan's count where
 * there is one, so that between the word and the commit stand a few entries and not a million rows. In
 * the transaction: what is due is settled, the request decided again, what was minted since looked at,
 * the entry appended to the feed and the revocation recorded; so no mint can slip past an exact list.
 *
 * Refusals: those of `decideTerms`, `selection-unknown`, `plan-drift`, `nothing-matched`.
 */
export function revoke(
  deps: Deps,
  context: Context,
  asked: Asked,
  planned: Planned = {},
): Promise<Revoked> {
  const deed = { action: 'revocation.create', target: '*' }
  return recordPrepared<Prepared, Revoked>(deps, context, deed, {
    prepare: () => prepare(deps, context, asked, planned),
    work: (tx, prepared) => carryOut(deps, context, tx, prepared, planned),
    memory: memoryById(),
  })
}

interface Prepared {
  readonly request: RevocationRequest
  /** The selector's canonical form. */
  readonly said: string
  /** Absent where nobody counts. */
  readonly count: Count | undefined
  /** The chain of the feed at which all of it was dead already, and for long enough. */
  readonly outlastedAt?: string | undefined
}

async function prepare(
  deps: Deps,
  context: Context,
  asked: Asked,
  { hash: plannedHash }: Planned,
): Promise<Prepared> {
  const request = await withSelection(deps, beside(deps), context, asked)
  const { at: now } = await deps.store.read((tx) => authorityTime(deps, tx))
  const terms = decideTerms(request, { policy: deps.policy, now })
  const isList = resolvesToList(terms.selector)
  // To hash a million ids takes a while; without a plan nothing needs it.
  await restBetween(deps, terms.selector)
  const hash = plannedHash === undefined && isList ? undefined : planHash(terms)
  await restBetween(deps, terms.selector)
  if (plannedHash !== undefined && plannedHash !== hash) {
    refuseDrift('what was planned is not what this request asks for now')
  }
  const said = phrase(terms.selector)
  await restBetween(deps, terms.selector)
  if (asked.count === false && !isList) return { request, said, count: undefined }
  const earlier = hash === undefined ? undefined : takeCount(deps.store, hash, now)
  const matching = await match(deps, beside(deps), terms, now, { earlier })
  const { count } = matching
  if (!isVain(terms, matching.matched)) return { request, said, count }
  const isDone = await isOutlasted(deps, beside(deps), terms, matching, now)
  return { request, said, count, ...(isDone ? { outlastedAt: count.chain } : {}) }
}

async function carryOut(
  deps: Deps,
  context: Context,
  tx: Writing,
  { request, said, count, outlastedAt }: Prepared,
  { matched: planned }: Planned,
) {
  await settleDue(deps, tx)
  const { at: now } = await authorityTime(deps, tx)
  const terms = decideTerms(request, { policy: deps.policy, now })
  refuseKeysTo(context, terms.selector)
  await refuseUnknownKeys(tx, terms.selector)
  const matching: Matching =
    count === undefined
      ? await uncounted(within(tx), terms, now)
      : await match(deps, within(tx), terms, now, { earlier: count, isFinal: true })
  const isDone = matching.before === undefined || outlastedAt === (await chainOf(tx))
  if (isNothing(terms, matching, isDone)) return await vain(tx, terms, matching, said)
  const meanwhile = growthSince(planned, matching.matched)
  // First, so that whoever has applied the key's entry has applied this one.
  const derived = await revokeDerived(deps, context, tx, terms)
  const revocation = await publish(deps, context, tx, terms, matching)
  return {
    result: { revocation, ...itemsOf(matching), ...meanwhile },
    target: `revocation:${revocation.id}`,
    detail: { ...detailOf(revocation, said), ...meanwhile, ...derived },
  }
}

/**
 * What was renewed since a rotation is signed with another key. It goes with the key that its first token
 * was signed with all the same: whoever has stolen that could have made what it was renewed from.
 */
async function revokeDerived(
  deps: Deps,
  context: Context,
  tx: Writing,
  { selector: { keys }, reason }: Terms,
): Promise<{ readonly derivedRevocationId?: string }> {
  if (keys === undefined) return {}
  const { at: now } = await authorityTime(deps, tx)
  const leewayMs = deps.policy.defaults.leewaySeconds * 1000
  const tokens = await tx.derivedFromKeys(keys, instant(now - leewayMs))
  if (tokens.length === 0) return {}
  const revocation = await revokeForEvent(deps, context, tx, { tokens: [...tokens] }, reason)
  return revocation === undefined ? {} : { derivedRevocationId: revocation.id }
}

const itemsOf = ({ items, itemCounts }: Items): Items =>
  itemCounts === undefined ? { items } : { items, itemCounts }

/** What nobody counted may be anything, so it is recorded; of the rest, what would change nothing is not. */
const isNothing = (terms: Terms, matching: Matching, isDone: boolean): boolean =>
  (matching.matched.counted !== false && isVain(terms, matching.matched) && isDone) ||
  areKeysRevoked(terms, matching)

/** Refusal: `plan-drift`. What is hit beyond the plan, and still fits it, is told. */
function growthSince(
  planned: Matched | undefined,
  matched: Matched,
): { readonly mintedMeanwhile?: number } {
  if (planned === undefined || planned.counted === false || matched.counted === false) return {}
  const drift = driftOf(planned, matched)
  if (drift !== undefined) refuseDrift(drift)
  return { mintedMeanwhile: Math.max(0, matched.credentials - planned.credentials) }
}

/** To revoke a key is to change the keys, and needs the scope of both. */
function refuseKeysTo({ caller }: Context, { keys }: Selector): void {
  if (keys === undefined || caller.scopes === 'all') return
  if (caller.scopes.includes('admin:keys:write')) return
  refuse('scope-insufficient', 'to revoke a key needs scope admin:keys:write as well', {
    next: 'issue a token with --scope admin:keys:write and give it in CREDCTL_TOKEN',
    facts: { scope: 'admin:keys:write' },
  })
}

const refuseDrift = (detail: string): never =>
  refuse('plan-drift', detail, {
    next: 'plan it again, look at it, and apply the new plan',
  })

async function refuseUnknownKeys(tx: Reading, { keys = [] }: Selector): Promise<void> {
  for (const id of keys) {
    if ((await tx.findKey(id)) !== undefined) continue
    refuse('nothing-matched', `no key ${id} is known here`, { next: 'credctl key list' })
  }
}

/** A key counts without live tokens, since its thief can make some; but it is revoked only once. */
const areKeysRevoked = ({ selector }: Terms, { items }: Matching): boolean =>
  selector.keys !== undefined && items.every(({ result }) => result === 'already-revoked')

/** Nothing would change. That is success where it had been revoked or spared, else "not found". */
async function vain(tx: Reading, { selector }: Terms, matching: Matching, said: string) {
  const { items, itemCounts } = matching
  const done =
    itemCounts === undefined
      ? items.some(({ result }) => result === 'already-revoked' || result === 'spared')
      : 0 < itemCounts['already-revoked'] + itemCounts.spared
  if (!done) {
    refuse('nothing-matched', `no live credential matches ${said}, so nothing was recorded`, {
      next: 'credctl token list shows what is live; --block would keep more from being issued',
      facts: { items, ...(itemCounts === undefined ? {} : { itemCounts }) },
    })
  }
  const revocation =
    matching.before === undefined
      ? await revocationOfKeys(tx, selector.keys ?? [])
      : await revocationOf(tx, matching.before)
  return {
    result: revocation === undefined ? itemsOf(matching) : { revocation, ...itemsOf(matching) },
    target: revocation === undefined ? '*' : `revocation:${revocation.id}`,
    detail: { selector: said, already: true },
  }
}

const revocationOfKeys = async (
  tx: Reading,
  keys: readonly string[],
): Promise<Revocation | undefined> => {
  if (keys.length === 0) return undefined
  const none = { tokens: [], clients: [], subjects: [], sessions: [], scopes: [], audiences: [] }
  const candidates = await tx.revocationCandidates({ ...none, keys, trusts: [] })
  return candidates.find(({ selector }) => selector.keys?.some((key) => keys.includes(key)))
}

const detailOf = (revocation: Revocation, said: string): Record<string, unknown> => ({
  selector: said,
  position: revocation.position,
  reason: revocation.reason,
  blocks: revocation.blocks,
  credentials: revocation.matched.counted === false ? null : revocation.matched.credentials,
  ...(revocation.incidentId === undefined ? {} : { incidentId: revocation.incidentId }),
})

/** A revocation that follows from something else, such as disabling a client; part of its deed. */
export async function revokeForEvent(
  deps: Deps,
  context: Context,
  tx: Writing,
  selector: Selector,
  reason: Reason = 'privilege-withdrawn',
): Promise<Revocation | undefined> {
  await settleDue(deps, tx)
  const { at: now } = await authorityTime(deps, tx)
  // Final: to lift it would revive the tokens of a client that is disabled, or no longer there, or
  // that was told that they are dead.
  const request = { selector, reason, final: true }
  const terms = decideTerms(request, { policy: deps.policy, now })
  const read = within(tx)
  const matching = await match(deps, read, terms, now)
  const isNothing =
    isVain(terms, matching.matched) && (await isOutlasted(deps, read, terms, matching, now))
  return isNothing ? undefined : publish(deps, context, tx, terms, matching)
}
