import { liftBody, unblockBody } from '#domain/feed/body.ts'
import type { Matched, Revocation } from '#domain/revocation/revocation.ts'
import { decideLift, decideUnblock } from '#domain/revocation/revoke.ts'
import { hits, revocableOf, ruleOf } from '#domain/revocation/rule.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Reading, Writing } from '#store/port.ts'
import { counter } from './counts.ts'
import type { Context, Deps } from './deps.ts'
import { append } from './feed.ts'
import { type Done, record } from './record.ts'
import { endingUntil } from './publish.ts'
import { memoryById, revocationOf } from './revocations.ts'
import { settleDue } from './settle.ts'
import { ruleIndex } from './states.ts'

export interface Lifted {
  readonly revocation: Revocation
  readonly alreadyLifted: boolean
  /** What is accepted again because of it: unexpired, and matched by no other revocation. */
  readonly revived: Matched
}

/** Undoes a revocation as a whole. What another one matches stays dead. */
export function liftRevocation(
  deps: Deps,
  context: Context,
  id: string,
  justification: string | undefined,
): Promise<Lifted> {
  const deed = { action: 'revocation.lift', target: `revocation:${id}` }
  const work = async (tx: Writing): Promise<Done<Lifted>> => {
    await settleDue(deps, tx)
    const before = await revocationOf(tx, id)
    if (!decideLift(before, before.publishedAt).changed) {
      const result = { revocation: before, alreadyLifted: true, revived: counter().totals() }
      return { result, detail: { already: true } }
    }
    const { revocation, liftedAt } = await liftWhole(deps, tx, before)
    const revived = await revivedBy(deps, tx, before, liftedAt)
    return {
      result: { revocation, alreadyLifted: false, revived },
      justification,
      detail: { credentials: revived.credentials },
    }
  }
  return record(deps, context, deed, work, memoryById())
}

/** Lifts a revocation, in the feed and on record. */
export async function liftWhole(
  deps: Deps,
  tx: Writing,
  before: Revocation,
): Promise<{ readonly revocation: Revocation; readonly liftedAt: Instant }> {
  const until = await endingUntil(deps, tx, before)
  const lifted = await append(deps, tx, (place) => {
    const { revocation } = decideLift(before, place.publishedAt)
    const result = { revocation, liftedAt: place.publishedAt }
    return { op: 'lift', body: liftBody(revocation), untilSeconds: until(place), result }
  })
  await tx.updateRevocation(lifted.revocation)
  return lifted
}

const CHUNK = 5000

/** Counts, after a lift, the live credentials that it had revoked and that nothing else matches. */
async function revivedBy(
  deps: Deps,
  tx: Reading,
  before: Revocation,
  now: Instant,
): Promise<Matched> {
  const revived = counter()
  const rule = ruleOf(before)
  // In its grace it had not taken anything yet, so there is nothing to give back.
  if (now < rule.graceEndsAt) return revived.totals()
  const index = await ruleIndex(deps.store, tx)
  let afterId: string | undefined
  for (;;) {
    const chunk = await tx.selectCredentials({
      selector: before.resolved,
      exceptions: before.exceptions,
      reach: before.reach,
      expiringAfter: now,
      ...(afterId === undefined ? {} : { afterId }),
      limit: CHUNK,
    })
    for (const credential of chunk) {
      const token = revocableOf(credential)
      if (hits(rule, token) && index.verdict(token, now).kind !== 'revoked') revived.add(credential)
    }
    afterId = chunk.at(-1)?.id
    if (chunk.length < CHUNK || afterId === undefined) return revived.totals()
  }
}

export interface Unblocked {
  readonly revocation: Revocation
  readonly alreadyUnblocked: boolean
}

/** Ends a block; its entry's position becomes the cut, so what is dead stays dead. */
export function unblockRevocation(
  deps: Deps,
  context: Context,
  id: string,
  justification: string | undefined,
): Promise<Unblocked> {
  const deed = { action: 'revocation.unblock', target: `revocation:${id}` }
  return record<Unblocked>(deps, context, deed, async (tx) => {
    await settleDue(deps, tx)
    const before = await revocationOf(tx, id)
    if (!decideUnblock(before, before.position).changed) {
      return { result: { revocation: before, alreadyUnblocked: true }, detail: { already: true } }
    }
    const until = await endingUntil(deps, tx, before)
    const revocation = await append(deps, tx, (place) => {
      const unblocked = decideUnblock(before, place.position).revocation
      const untilSeconds = until(place)
      return { op: 'unblock', body: unblockBody(unblocked), untilSeconds, result: unblocked }
    })
    await tx.updateRevocation(revocation)
    return { result: { revocation, alreadyUnblocked: false }, justification }
  })
}
