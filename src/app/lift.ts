import { liftBody, unblockBody } from '#domain/feed/body.ts'
import { isDue, type Matched, type Revocation } from '#domain/revocation/revocation.ts'
import { decideLift, decideUnblock } from '#domain/revocation/revoke.ts'
import { hits, revocableOf, type Rule, ruleOf, rulesOf } from '#domain/revocation/rule.ts'
import { RuleIndex } from '#domain/revocation/rule-index.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Writing } from '#store/port.ts'
import { counter } from './counts.ts'
import type { Context, Deps } from './deps.ts'
import { append, authorityTime } from './feed.ts'
import { beside } from './reader.ts'
import { type Done, record, recordPrepared } from './record.ts'
import { endingUntil } from './publish.ts'
import { memoryById, revocationOf } from './revocations.ts'
import { settleDue } from './settle.ts'
import { walkCredentials } from './walk-credentials.ts'

export interface Lifted {
  readonly revocation: Revocation
  readonly alreadyLifted: boolean
  /** What is accepted again because of it: unexpired, and matched by no other revocation. */
  readonly revived: Matched
}

/**
 * Undoes a revocation as a whole. What another one matches stays dead. What it gives back is counted
 * before its transaction, so that no mint and no head waits for the count.
 */
export function liftRevocation(
  deps: Deps,
  context: Context,
  id: string,
  justification: string | undefined,
): Promise<Lifted> {
  const deed = { action: 'revocation.lift', target: `revocation:${id}` }
  const work = async (tx: Writing, counted: Matched): Promise<Done<Lifted>> => {
    await settleDue(deps, tx)
    const before = await revocationOf(tx, id)
    if (!decideLift(before, before.publishedAt).changed) {
      const result = { revocation: before, alreadyLifted: true, revived: counter().totals() }
      return { result, detail: { already: true } }
    }
    const { revocation, liftedAt } = await liftWhole(deps, tx, before)
    // In its grace it had not taken anything yet, so there is nothing to give back.
    const revived = liftedAt < ruleOf(before).graceEndsAt ? counter().totals() : counted
    return {
      result: { revocation, alreadyLifted: false, revived },
      justification,
      detail: { credentials: revived.credentials },
    }
  }
  const prepare = () => revivedBy(deps, id)
  return recordPrepared(deps, context, deed, { prepare, work, memory: memoryById() })
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

/** Counts the live credentials that a revocation hits and that nothing else in force matches. */
async function revivedBy(deps: Deps, id: string): Promise<Matched> {
  const revived = counter()
  const read = beside(deps)
  const { lifting, now, index } = await read(async (tx) => {
    const { at } = await authorityTime(deps, tx)
    const revocation = await revocationOf(tx, id)
    const others = (await tx.unliftedRevocations()).filter((one) => one.id !== id)
    // What suspends only until now is ended by the very transaction that lifts.
    const staying = others.filter((one) => !(one.suspends && isDue(one, at)))
    return { lifting: revocation, now: at, index: indexOf(rulesOf(staying)) }
  })
  if (!decideLift(lifting, now).changed) return revived.totals()
  const rule = ruleOf(lifting)
  const { resolved: selector, exceptions, reach } = lifting
  const selection = { selector, exceptions, reach, expiringAfter: now }
  await walkCredentials(read, selection, (chunk) => {
    for (const credential of chunk) {
      const token = revocableOf(credential)
      if (hits(rule, token) && index.verdict(token, now).kind !== 'revoked') revived.add(credential)
    }
  })
  return revived.totals()
}

function indexOf(rules: Iterable<Rule>): RuleIndex {
  const index = new RuleIndex()
  for (const rule of rules) index.add(rule)
  return index
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
