import { untilSeconds } from '#domain/feed/authority-time.ts'
import { recordHash, revokeBody } from '#domain/feed/body.ts'
import { maxTtlSeconds } from '#domain/policy/policy.ts'
import { planHash } from '#domain/revocation/plan.ts'
import type { Revocation, RevocationState, Selector } from '#domain/revocation/revocation.ts'
import {
  decideRevocation,
  decideTerms,
  isVain,
  type RevocationRequest,
  type Terms,
} from '#domain/revocation/revoke.ts'
import { listSelector, phrase, resolvesToList } from '#domain/revocation/selector.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { newId } from '#kernel/identifier.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, RevocationFilter, Writing } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { append, authorityTime, type Place } from './feed.ts'
import { revokeSigningKey } from './keys.ts'
import { type ItemResult, match, type Matching } from './matching.ts'
import { takeCount } from './planned.ts'
import { recordPrepared } from './record.ts'
import { settleDue } from './settle.ts'

export interface Revoked {
  /** Absent where nothing was left to revoke and no earlier revocation accounts for it. */
  readonly revocation?: Revocation
  readonly items: readonly ItemResult[]
}

/**
 * Revokes. What would be hit is counted beside the transaction, going on from the plan's count where
 * there is one, so that between the word and the commit stands one entry and not a million rows. In
 * the transaction: what is due is settled, the request decided again, the entry appended to the feed
 * and the revocation recorded. An exact list is drawn up inside, where no mint can slip past it.
 *
 * Refusals: those of `decideTerms`, `plan-drift`, `nothing-matched`.
 */
export function revoke(
  deps: Deps,
  context: Context,
  request: RevocationRequest,
  plannedHash: string | undefined,
): Promise<Revoked> {
  const deed = { action: 'revocation.create', target: '*' }
  return recordPrepared<Matching | undefined, Revoked>(deps, context, deed, {
    prepare: () => countBeside(deps, request, plannedHash),
    async work(tx, beside) {
      await settleDue(deps, tx)
      const { at: now } = await authorityTime(deps, tx)
      const terms = decideTerms(request, { policy: deps.policy, now })
      refuseKeysTo(context, terms.selector)
      await refuseUnknownKeys(tx, terms.selector)
      const isCounted = beside !== undefined && !isVain(terms, beside.matched)
      const matching = isCounted ? beside : await match(deps, tx, terms, now)
      const said = phrase(terms.selector)
      if (isVain(terms, matching.matched) || areKeysRevoked(terms, matching)) {
        return await vain(tx, terms, matching, said)
      }
      const revocation = await publish(deps, context, tx, terms, matching)
      return {
        result: { revocation, items: matching.items },
        target: `revocation:${revocation.id}`,
        detail: detailOf(revocation, said),
      }
    },
  })
}

function countBeside(
  deps: Deps,
  request: RevocationRequest,
  plannedHash: string | undefined,
): Promise<Matching | undefined> {
  return deps.store.read(async (tx) => {
    const { at: now } = await authorityTime(deps, tx)
    const terms = decideTerms(request, { policy: deps.policy, now })
    const hash = planHash(terms)
    if (plannedHash !== undefined && plannedHash !== hash) refuseDrift()
    if (resolvesToList(terms.selector)) return undefined
    return match(deps, tx, terms, now, takeCount(deps.store, hash, now))
  })
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

const refuseDrift = (): never =>
  refuse('plan-drift', 'what was planned is not what this request asks for now', {
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
  const { items } = matching
  const done = items.some(({ result }) => result === 'already-revoked' || result === 'spared')
  if (!done) {
    refuse('nothing-matched', `no live credential matches ${said}, so nothing was recorded`, {
      next: 'credctl token list shows what is live; --block would keep more from being issued',
      facts: { items },
    })
  }
  const revocation =
    matching.before === undefined
      ? await revocationOfKeys(tx, selector.keys ?? [])
      : await tx.findRevocation(matching.before)
  return {
    result: revocation === undefined ? { items } : { revocation, items },
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

export async function publish(
  deps: Deps,
  context: Context,
  tx: Writing,
  terms: Terms,
  { matched, listed, exceptions }: Matching,
): Promise<Revocation> {
  const largestExpiry = await tx.largestExpiry()
  const limits = { largestExpiry, maxTtlSeconds: maxTtlSeconds(deps.policy) }
  const id = newId('rev', deps.clock.now(), deps.entropy)
  const salt = deps.entropy.bytes(16)
  const revocation = await append(deps, tx, ({ position, publishedAt, timeMicros }: Place) => {
    const { revocation: decided } = decideRevocation(terms, {
      id,
      position,
      publishedAt,
      actor: context.caller.actor,
      recordSalt: encodeBase64url(salt),
      matched,
      resolved: listed === undefined ? undefined : listSelector(listed),
      resolvedExceptions: exceptions,
    })
    const hash = recordHash(salt, privateRecord(decided, context))
    return {
      op: 'revoke',
      body: revokeBody(decided, hash),
      untilSeconds: untilSeconds({ cut: decided.cut, timeMicros }, limits),
      result: decided,
    }
  })
  await tx.insertRevocation(revocation)
  for (const keyId of terms.selector.keys ?? []) await revokeSigningKey(deps, tx, keyId)
  return revocation
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

const detailOf = (revocation: Revocation, said: string): Record<string, unknown> => ({
  selector: said,
  position: revocation.position,
  reason: revocation.reason,
  blocks: revocation.blocks,
  credentials: revocation.matched.credentials,
  ...(revocation.incidentId === undefined ? {} : { incidentId: revocation.incidentId }),
})

/** A revocation that follows from something else, such as disabling a client; part of its deed. */
export async function revokeForEvent(
  deps: Deps,
  context: Context,
  tx: Writing,
  selector: Selector,
): Promise<Revocation | undefined> {
  await settleDue(deps, tx)
  const { at: now } = await authorityTime(deps, tx)
  // Final: to lift it would revive the tokens of a client that is disabled, or no longer there.
  const request = { selector, reason: 'privilege-withdrawn', final: true } as const
  const terms = decideTerms(request, { policy: deps.policy, now })
  const matching = await match(deps, tx, terms, now)
  return isVain(terms, matching.matched) ? undefined : publish(deps, context, tx, terms, matching)
}

export interface RevocationQuery extends Omit<RevocationFilter, 'lifted'> {
  readonly state?: RevocationState
}

export async function listRevocations(
  { store }: Deps,
  { state, ...filter }: RevocationQuery,
  page: PageRequest,
): Promise<Page<Revocation>> {
  // Until verifiers exist a revocation is open or lifted, and in no other state.
  if (state === 'published' || state === 'enforced') return { items: [], nextCursor: null }
  const lifted = state === undefined ? {} : { lifted: state === 'lifted' }
  return store.read((tx) => tx.listRevocations({ ...filter, ...lifted }, page))
}

export const showRevocation = ({ store }: Deps, id: string): Promise<Revocation> =>
  store.read((tx) => revocationOf(tx, id))

export async function revocationOf(tx: Reading, id: string): Promise<Revocation> {
  return (
    (await tx.findRevocation(id)) ??
    refuse('revocation-unknown', `no revocation ${id.slice(0, 64)} is on record`, {
      next: 'credctl revocation list',
    })
  )
}
