import { liftBody, unblockBody } from '#domain/feed/body.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { decideLift, decideUnblock } from '#domain/revocation/revoke.ts'
import type { Context, Deps } from './deps.ts'
import { append } from './feed.ts'
import { record } from './record.ts'
import { revocationOf } from './revoke.ts'
import { settleDue } from './settle.ts'

export interface Lifted {
  readonly revocation: Revocation
  readonly alreadyLifted: boolean
}

/** Undoes a revocation as a whole. What another one matches stays dead. */
export function liftRevocation(
  deps: Deps,
  context: Context,
  id: string,
  justification: string | undefined,
): Promise<Lifted> {
  const deed = { action: 'revocation.lift', target: `revocation:${id}` }
  return record<Lifted>(deps, context, deed, async (tx) => {
    await settleDue(deps, tx)
    const before = await revocationOf(tx, id)
    if (!decideLift(before, before.publishedAt).changed) {
      return { result: { revocation: before, alreadyLifted: true }, detail: { already: true } }
    }
    const revocation = await append(deps, tx, ({ publishedAt }) => {
      const lifted = decideLift(before, publishedAt).revocation
      return { op: 'lift', body: liftBody(lifted), result: lifted }
    })
    await tx.updateRevocation(revocation)
    return { result: { revocation, alreadyLifted: false }, justification }
  })
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
    const revocation = await append(deps, tx, ({ position }) => {
      const unblocked = decideUnblock(before, position).revocation
      return { op: 'unblock', body: unblockBody(unblocked), result: unblocked }
    })
    await tx.updateRevocation(revocation)
    return { result: { revocation, alreadyUnblocked: false }, justification }
  })
}
