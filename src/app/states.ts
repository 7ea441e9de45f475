import type { Credential, CredentialState } from '#domain/credential/credential.ts'
import { type Revocable, rulesOf } from '#domain/revocation/rule.ts'
import { candidateValues, RuleIndex } from '#domain/revocation/rule-index.ts'
import { type RuleVerdict, stateOfCredential, verdict } from '#domain/revocation/verdict.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Reading, Store } from '#store/port.ts'

/** A credential as it stands at one instant. */
export interface CredentialView {
  readonly credential: Credential
  readonly state: CredentialState
  readonly revocationId?: string
}

export function viewOf(credential: Credential, found: RuleVerdict, now: Instant): CredentialView {
  const state = stateOfCredential(credential, found, now)
  return found.kind === 'revoked'
    ? { credential, state, revocationId: found.by.id }
    : { credential, state }
}

/** The verdict on one token, over the few revocations that can concern it. */
export async function judge(tx: Reading, token: Revocable, now: Instant): Promise<RuleVerdict> {
  return verdict(token, rulesOf(await tx.revocationCandidates(candidateValues(token))), now)
}

interface CachedIndex {
  readonly chain: string
  readonly index: RuleIndex
}
const indexes = new WeakMap<Store, CachedIndex>()

/**
 * All revocations in force, for judging many credentials. Nothing changes among them without an
 * entry in the feed, so an index is good as long as the feed's chain is what it was. (Not its
 * position: a transaction that rolled back may have shown us one that came to mean something else.)
 */
export async function ruleIndex(store: Store, tx: Reading): Promise<RuleIndex> {
  const chain = await chainOf(tx)
  const cached = indexes.get(store)
  if (cached?.chain === chain) return cached.index
  const index = new RuleIndex()
  for (const rule of rulesOf(await tx.unliftedRevocations())) index.add(rule)
  indexes.set(store, { chain, index })
  return index
}

/** Names what the feed holds: as long as it is the same, nothing was revoked or lifted. */
export const chainOf = async (tx: Reading): Promise<string> =>
  encodeBase64url((await tx.feed()).chain)
