import { nextTimeMicros } from '#domain/feed/authority-time.ts'
import { epochEntry } from '#domain/feed/entry.ts'
import { epochOf, type Position } from '#domain/feed/position.ts'
import { decideTerms } from '#domain/revocation/revoke.ts'
import { PAGE_SIZE_MAX } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { Writing } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { authorityTime } from './feed.ts'
import { activeKey } from './issue.ts'
import { introduce, preparedKey, revokeSigningKey } from './keys.ts'
import { match } from './matching.ts'
import { record } from './record.ts'
import { publish } from './revoke.ts'

export interface Reopened {
  readonly issuer: string
  readonly epoch: number
  readonly position: Position
  readonly keyId: string
  readonly revokedKeys: readonly string[]
  readonly revocationId: string
}

/**
 * Opens a new epoch in a database that was brought back, in one transaction: what the authority did
 * after the backup was made is not known any more, so every signing key of before is revoked, a new
 * one signs, and everything that was ever issued is revoked, sparing no one.
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
    const epoch = Math.max(epochOf(state.position), epochAbove) + 1
    await tx.appendFeed(epochEntry(state, epoch), nextTimeMicros(state, deps.clock.now() * 1000))
    const revokedKeys = await replaceKeys(deps, tx)
    const { at: now } = await authorityTime(deps, tx)
    const request = { selector: { all: true }, reason: 'other', final: true } as const
    const terms = { ...decideTerms(request, { policy: deps.policy, now }), exceptions: {} }
    const revocation = await publish(deps, context, tx, terms, await match(deps, tx, terms, now))
    const { key } = await activeKey(tx)
    const { position } = await tx.feed()
    return {
      result: { issuer, epoch, position, keyId: key.id, revokedKeys, revocationId: revocation.id },
      target: `authority:${issuer}`,
      detail: { epoch, keyId: key.id, revokedKeys, revocationId: revocation.id },
    }
  })
}

/** Every token key of before is revoked, the active one last: its successor signs from then on. */
async function replaceKeys(deps: Deps, tx: Writing): Promise<readonly string[]> {
  const states = ['prepared', 'active', 'retiring', 'retired'] as const
  const { items } = await tx.listKeys({ purpose: 'token', states }, { limit: PAGE_SIZE_MAX })
  const ids = items.map(({ id }) => id)
  for (const id of ids) await revokeSigningKey(deps, tx, id)
  if (items.every(({ state }) => state !== 'active')) {
    const { key, sealed } = preparedKey(deps, deps.clock.now())
    await introduce(deps, tx, { ...key, state: 'active' }, sealed)
  }
  return ids
}
