import { nextTimeMicros } from '#domain/feed/authority-time.ts'
import { epochEntry } from '#domain/feed/entry.ts'
import { epochOf, type Position } from '#domain/feed/position.ts'
import { maxTtlSeconds, stalenessLimits } from '#domain/policy/policy.ts'
import { forgottenFollowers } from '#domain/proof/forgotten.ts'
import { decideTerms } from '#domain/revocation/revoke.ts'
import { instant } from '#kernel/instant.ts'
import { PAGE_SIZE_MAX } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, Writing } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { activeKey } from './issue.ts'
import { introduceFirst, revokeSigningKey } from './keys.ts'
import { match } from './matching.ts'
import { within } from './reader.ts'
import { record } from './record.ts'
import { publish } from './publish.ts'

export interface Reopened {
  readonly issuer: string
  readonly epoch: number
  readonly position: Position
  readonly keyId: string
  readonly revokedKeys: readonly string[]
  readonly revocationId: string
}

/**
 * Opens a new epoch in a database that was brought back, or found to be older than the one that was in
 * use, in one transaction: what the authority did since is not known any more, so every signing key of
 * before is revoked, a new one signs, and everything that was ever issued is revoked, sparing no one.
 *
 * `epochAbove` is the highest epoch that the replaced database is known to have reached. Refusal:
 * `key-locked`, where the key-encryption key at hand does not belong to this database.
 */
export function reopen(deps: Deps, context: Context, epochAbove: number): Promise<Reopened> {
  const deed = { action: 'authority.restore', target: '*' }
  return record(deps, context, deed, async (tx) => {
    const issuer = (await tx.authority())?.issuer
    if (issuer === undefined) {
      return refuse('store-foreign', 'the backup holds no authority', {
        next: 'name a file that `credctl backup` made',
      })
    }
    const { key: signing, sealed } = await activeKey(tx)
    deps.signer.sign(signing.id, sealed, new Uint8Array(1))

    const state = await tx.feed()
    const known = Math.max(epochOf(state.position), epochAbove)
    const epoch = Math.max(known, await epochSeen(tx, known)) + 1
    await tx.appendFeed(epochEntry(state, epoch), nextTimeMicros(state, deps.clock.now() * 1000))
    await tx.clearDivergence()
    await rememberForgotten(deps, tx, epoch, state.position)
    const revokedKeys = await replaceKeys(deps, tx)
    const { at: now } = await authorityTime(deps, tx)
    // Places of before may have been given out once more since the backup, to tokens that are lost.
    await tx.abandonStatusLists(instant(now + maxTtlSeconds(deps.policy) * 1000))
    const request = { selector: { all: true }, reason: 'other', final: true } as const
    const terms = { ...decideTerms(request, { policy: deps.policy, now }), exceptions: {} }
    const revocation = await publish(
      deps,
      context,
      tx,
      terms,
      await match(deps, within(tx), terms, now),
    )
    const { key } = await activeKey(tx)
    const { position } = await tx.feed()
    return {
      result: { issuer, epoch, position, keyId: key.id, revokedKeys, revocationId: revocation.id },
      target: `authority:${issuer}`,
      detail: { epoch, keyId: key.id, revokedKeys, revocationId: revocation.id },
    }
  })
}

/** Verifiers that this database knows nothing of may hold leases: proofs have to wait for them. */
async function rememberForgotten(
  deps: Deps,
  tx: Writing,
  epoch: number,
  position: Position,
): Promise<void> {
  const { timeMicros } = await tx.feed()
  const limitSeconds = Math.max(...Object.values(stalenessLimits(deps.policy)))
  const audiences = await tx.verifiedAudiences()
  const seen = { epoch, position, audiences, limitSeconds, timeMicros }
  await tx.upsertIncarnation(forgottenFollowers(seen))
}

/**
 * The epoch that somebody has seen, where this database denied it: verifiers there go to none below.
 * It may be a verifier's bare word, and a lie must not use up all the epochs that there are.
 */
async function epochSeen(tx: Reading, known: number): Promise<number> {
  const seen = await tx.divergence()
  if (seen === undefined || known + EPOCHS_LOST_MAX < epochOf(seen.position)) return known
  return epochOf(seen.position)
}

/** A backup is so many restores old at most. */
const EPOCHS_LOST_MAX = 1000

/**
 * Every token and status key of before is revoked, and another of each signs from then on. Feed keys
 * stay: verifiers would not follow to another.
 */
async function replaceKeys(deps: Deps, tx: Writing): Promise<readonly string[]> {
  const states = ['prepared', 'active', 'retiring', 'retired'] as const
  const revoked: string[] = []
  for (const purpose of ['token', 'status'] as const) {
    const { items } = await tx.listKeys({ purpose, states }, { limit: PAGE_SIZE_MAX })
    for (const { id } of items) await revokeSigningKey(deps, tx, id)
    revoked.push(...items.map(({ id }) => id))
    if (items.every(({ state }) => state !== 'active')) await introduceFirst(deps, tx, purpose)
  }
  return revoked
}
