import { refuseClockBehind, toInstant } from '#domain/feed/authority-time.ts'
import type { FeedState } from '#domain/feed/entry.ts'
import {
  HEAD_TYPE,
  headClaims,
  type HeadClaims,
  type HeadKey,
  type VerifierMode,
} from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import { isPublished } from '#domain/keys/lifecycle.ts'
import type { Key } from '#domain/keys/key.ts'
import { maxTtlSeconds } from '#domain/policy/policy.ts'
import type { Instant } from '#kernel/instant.ts'
import { PAGE_SIZE_MAX } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { PublicJwk } from '#signer/port.ts'
import type { Reading, Writing } from '#store/port.ts'
import type { Deps } from './deps.ts'
import { activeKey, signJws } from './issue.ts'
import { introduce, preparedKey } from './keys.ts'

export interface SyncRequest {
  readonly nonce: string
  readonly incarnation: string
  readonly name: string
  readonly audiences: readonly string[]
  readonly mode: VerifierMode
  readonly applied?:
    | { readonly position: Position; readonly chain: string; readonly time: number }
    | undefined
}

export interface Synced {
  /** A JWS of type `feed-head+jwt`, whose claims are `HeadClaims`. */
  readonly head: string
  readonly feedKeys: readonly PublicJwk[]
}

/**
 * Tells a verifier where the feed stands and what time it is here, signed with the verifier's nonce.
 *
 * The time comes from a committed UPDATE of the feed's row and never from a read, so that heads are
 * in one order with entries over all nodes, and a primary that was replaced can issue none. It is
 * signed after the commit: a head that was given out cannot be rolled back. Refusal: `clock-behind`.
 */
export async function syncFeed(deps: Deps, { nonce }: SyncRequest): Promise<Synced> {
  const { claims, feed } = await deps.store.write(async (tx) => {
    const authority = (await tx.authority()) ?? refuseUnfinished()
    const feed = await feedKey(deps, tx)
    const state = await tick(deps, tx)
    const claims: HeadClaims = headClaims(state, {
      iss: authority.issuer,
      maxTtl: maxTtlSeconds(deps.policy),
      nonce,
      keys: await tokenKeys(tx, toInstant(state.timeMicros)),
    })
    return { claims, feed }
  })
  return { head: signJws(deps, feed, HEAD_TYPE, claims), feedKeys: [feed.key.publicJwk] }
}

const refuseUnfinished = (): never =>
  refuse('store-foreign', 'the database holds no authority', { next: 'credctl init' })

async function tick(deps: Deps, tx: Writing): Promise<FeedState> {
  const clockMicros = deps.clock.now() * 1000
  refuseClockBehind(await tx.feed(), clockMicros)
  return tx.advanceFeedTime(clockMicros)
}

/** The key that signs heads; made here for an authority that is older than heads are. */
async function feedKey(deps: Deps, tx: Writing): Promise<{ key: Key; sealed: Uint8Array }> {
  const { items } = await tx.listKeys({ purpose: 'feed', states: ['active'] }, { limit: 1 })
  if (0 < items.length) return activeKey(tx, 'feed')
  const { key, sealed } = preparedKey(deps, deps.clock.now(), 'feed')
  const active: Key = { ...key, state: 'active' }
  await introduce(deps, tx, active, sealed)
  return { key: active, sealed }
}

async function tokenKeys(tx: Reading, now: Instant): Promise<HeadKey[]> {
  const states = ['prepared', 'active', 'retiring'] as const
  const { items } = await tx.listKeys({ purpose: 'token', states }, { limit: PAGE_SIZE_MAX })
  return items
    .filter((key) => isPublished(key, now))
    .map(({ id, algorithm, state, publicJwk }) => ({
      id,
      algorithm,
      state: state as HeadKey['state'],
      jwk: publicJwk,
    }))
}
