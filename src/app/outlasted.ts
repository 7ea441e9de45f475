import type { Credential } from '#domain/credential/credential.ts'
import { outlasts, type Taking } from '#domain/revocation/outlasts.ts'
import type { Terms } from '#domain/revocation/revoke.ts'
import { hits, revocableOf } from '#domain/revocation/rule.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Reading } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { aliveAfter, type Matching } from './matching.ts'
import type { Reader } from './reader.ts'
import { ruleIndex } from './states.ts'
import { walkCredentials } from './walk-credentials.ts'

/**
 * Whether all that a request hits is dead already, and stays so for as long as the request would have
 * it. Else it is to be recorded although it takes nothing new: a lift of the other revocation would
 * bring back what somebody was told is dead.
 */
export async function isOutlasted(
  deps: Deps,
  read: Reader,
  terms: Terms,
  { matched, exceptions, listed, before }: Matching,
  now: Instant,
): Promise<boolean> {
  // Nothing was revoked before: it is spared, has expired, or is not known.
  if (matched.credentials === 0 && before === undefined) return true
  const asked: Taking = { ...terms, exceptions }
  const known = new Map<string, boolean>()
  let isSo = true
  const selector = listed === undefined ? terms.selector : { tokens: listed }
  const expiringAfter = aliveAfter(deps, terms, now)
  const selection = { selector, exceptions, reach: terms.reach, expiringAfter }
  await walkCredentials(read, selection, async (chunk, tx) => {
    if (isSo) isSo = await areOutlasted(deps, tx, chunk, { asked, known, now })
  })
  return isSo
}

interface Search {
  readonly asked: Taking
  /** By the id of an earlier revocation. */
  readonly known: Map<string, boolean>
  readonly now: Instant
}

async function areOutlasted(
  deps: Deps,
  tx: Reading,
  credentials: readonly Credential[],
  { asked, known, now }: Search,
): Promise<boolean> {
  const index = await ruleIndex(deps.store, tx)
  for (const credential of credentials) {
    const token = revocableOf(credential)
    let isSo = false
    for (const rule of index.candidates(token)) {
      if (!hits(rule, token) || now < rule.graceEndsAt || rule.suspends) continue
      let does = known.get(rule.id)
      if (does === undefined) {
        const earlier = await tx.findRevocation(rule.id)
        does = earlier !== undefined && outlasts(earlier, asked)
        known.set(rule.id, does)
      }
      isSo ||= does
    }
    if (!isSo) return false
  }
  return true
}
