import { liftBody, unblockBody } from '#domain/feed/body.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { decideSettlement } from '#domain/revocation/revoke.ts'
import { refuse } from '#kernel/problem.ts'
import type { Writing } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { append, authorityTime, mintingTime } from './feed.ts'
import { retireDue } from './keys.ts'
import { endingUntil } from './publish.ts'
import { auditEntry, authorityContext } from './record.ts'
import { newId } from '#kernel/identifier.ts'

/**
 * Ends every block and suspension whose time has come, and retires keys that nobody needs, each with
 * its entry in the feed. It comes first in every transaction that mints or revokes: until then they are in force, and after it a
 * mint reads a position that lies beyond what they cut.
 */
export async function settleDue(deps: Deps, tx: Writing): Promise<void> {
  const { at } = await authorityTime(deps, tx)
  for (const revocation of await tx.revocationsDue(at)) await settle(deps, tx, revocation)
  await retireDue(deps, tx, at)
}

/**
 * The same, where nobody mints or revokes: whoever was suspended until now is not to wait for it. One
 * row of an index is looked at where nothing is due. What would end by a clock that was set ends not.
 *
 * Refusals: those of a mint.
 */
export async function settleByItself(deps: Deps): Promise<void> {
  const isDue = await deps.store.read(async (tx) => {
    const { at } = await authorityTime(deps, tx)
    return 0 < (await tx.revocationsDue(at)).length
  })
  if (!isDue) return
  await deps.store.write(async (tx) => {
    await mintingTime(deps, tx)
    await settleDue(deps, tx)
  })
}

async function settle(deps: Deps, tx: Writing, revocation: Revocation): Promise<void> {
  const until = await endingUntil(deps, tx, revocation)
  const settlement = await append(deps, tx, (place) => {
    const decided =
      decideSettlement(revocation, { now: place.publishedAt, position: place.position }) ??
      refuse('internal', `revocation ${revocation.id} is not due`)
    const untilSeconds = until(place)
    return decided.op === 'unblock'
      ? { op: 'unblock', body: unblockBody(decided.revocation), untilSeconds, result: decided }
      : { op: 'lift', body: liftBody(decided.revocation), untilSeconds, result: decided }
  })
  await tx.updateRevocation(settlement.revocation)
  const requestId = newId('req', deps.clock.now(), deps.entropy)
  const deed = { action: `revocation.${settlement.op}`, target: `revocation:${revocation.id}` }
  const detail = { because: 'its time has come' }
  await tx.appendAudit(auditEntry(deps, authorityContext(requestId), deed, 'ok', { detail }))
}
