import { keyBody } from '#domain/feed/body.ts'
import { ENDORSEMENT_TYPE, endorsementClaims } from '#domain/feed/endorsement.ts'
import type { Key, KeyPurpose } from '#domain/keys/key.ts'
import {
  decideKeyRevocation,
  decideRetirement,
  decideRotation,
  dueRetirements,
  isPublished,
} from '#domain/keys/lifecycle.ts'
import { maxTtlSeconds } from '#domain/policy/policy.ts'
import { newId } from '#kernel/identifier.ts'
import type { Instant } from '#kernel/instant.ts'
import { type Page, PAGE_SIZE_MAX, type PageRequest } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { PublicJwk } from '#signer/port.ts'
import type { KeyFilter, Reading, Writing } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import { append, authorityTime } from './feed.ts'
import { signJws } from './jws.ts'
import { record } from './record.ts'

/** A key, and how many unexpired credentials on record need it. */
export interface KeyView {
  readonly key: Key
  readonly liveCredentials: number
}

export function listKeys(deps: Deps, filter: KeyFilter, page: PageRequest): Promise<Page<KeyView>> {
  return deps.store.read(async (tx) => {
    const { items, nextCursor } = await tx.listKeys(filter, page)
    return { items: await viewsOf(deps, tx, items), nextCursor }
  })
}

export function showKey(deps: Deps, id: string): Promise<KeyView> {
  return deps.store.read(async (tx) => {
    const [view] = await viewsOf(deps, tx, [await keyOf(tx, id)])
    return view ?? refuse('internal', 'a key has no view')
  })
}

async function viewsOf(deps: Deps, tx: Reading, keys: readonly Key[]): Promise<KeyView[]> {
  const live = await tx.countLiveByKey((await authorityTime(deps, tx)).at)
  return keys.map((key) => ({ key, liveCredentials: live.get(key.id) ?? 0 }))
}

const keyOf = async (tx: Reading, id: string): Promise<Key> =>
  (await tx.findKey(id)) ??
  refuse('key-unknown', `no key ${id.slice(0, 64)} is on record`, { next: 'credctl key list' })

/**
 * Signs with a new key from now on. The old one stays published as long as a token may need it,
 * which is worked out from what is on record and not typed in by anybody. A new key for the feed's
 * heads comes with the word of the old one, by which verifiers follow from key to key.
 */
export function rotateKey(
  deps: Deps,
  context: Context,
  purpose: KeyPurpose,
): Promise<{ key: KeyView; previous?: KeyView }> {
  const deed = { action: 'key.rotate', target: '*' }
  return record(deps, context, deed, async (tx) => {
    if (purpose === 'audit') {
      refuse('request-invalid', 'keys of purpose audit cannot be rotated yet', {
        next: 'credctl key rotate --purpose token, or --purpose feed, or --purpose status',
      })
    }
    const { at: now } = await authorityTime(deps, tx)
    await retireDue(deps, tx, now)
    const { items } = await tx.listKeys({ purpose, states: ['active'] }, { limit: 1 })
    const [active] = items
    const largestExpiry = active === undefined ? undefined : await tx.largestExpiry(active.id)
    const next = preparedKey(deps, now, purpose)
    const rotation = decideRotation(active, next.key, {
      now,
      largestExpiry,
      leewaySeconds: deps.policy.defaults.leewaySeconds,
      maxTtlSeconds: maxTtlSeconds(deps.policy),
    })
    // The old key retires first, so that at no entry of the feed two keys are active.
    if (rotation.previous !== undefined) await change(deps, tx, rotation.previous)
    const endorsement = await endorsementOf(deps, tx, active, next.key)
    await introduce(deps, tx, rotation.key, next.sealed, endorsement)
    const { key, previous } = rotation
    const views = await viewsOf(deps, tx, previous === undefined ? [key] : [key, previous])
    const [keyView, previousView] = views
    if (keyView === undefined) return refuse('internal', 'a key has no view')
    return {
      result:
        previousView === undefined ? { key: keyView } : { key: keyView, previous: previousView },
      target: `key:${key.id}`,
      detail: { purpose, previous: previous?.id ?? null },
    }
  })
}

interface NewKey {
  readonly key: Key
  readonly sealed: Uint8Array
}

export function preparedKey(
  { signer, entropy }: Deps,
  now: Instant,
  purpose: KeyPurpose = 'token',
): NewKey {
  const id = newId('key', now, entropy)
  const { publicJwk, sealed } = signer.generate('ES256', id)
  return {
    key: { id, purpose, algorithm: 'ES256', state: 'prepared', createdAt: now, publicJwk },
    sealed,
  }
}

/** The first key of its purpose signs at once. */
export async function introduceFirst(
  deps: Deps,
  tx: Writing,
  purpose: KeyPurpose,
  now: Instant = deps.clock.now(),
): Promise<string> {
  const { key, sealed } = preparedKey(deps, now, purpose)
  await introduce(deps, tx, { ...key, state: 'active' }, sealed)
  return key.id
}

/** An authority that is older than what a purpose is for has no key of it yet. */
export async function ensureKey(deps: Deps, purpose: KeyPurpose): Promise<void> {
  const has = (tx: Reading) => tx.listKeys({ purpose, states: ['active'] }, { limit: 1 })
  if (0 < (await deps.store.read(has)).items.length) return
  await deps.store.write(async (tx) => {
    if ((await has(tx)).items.length === 0) await introduceFirst(deps, tx, purpose)
  })
}

/** Records a new key, with its entry: whoever follows the feed knows it before it signs anything. */
export async function introduce(
  deps: Deps,
  tx: Writing,
  key: Key,
  sealed: Uint8Array,
  endorsement?: string,
): Promise<void> {
  const body = { ...keyBody(key), ...(endorsement === undefined ? {} : { endorsement }) }
  await append(deps, tx, () => ({ op: 'key', body, result: undefined }))
  await tx.insertKey(key, sealed)
}

/**
 * The word of the key that signs heads now for the one that will. It is asked of no key that is being
 * revoked: whoever stole it could give the same word to a key of his own.
 */
async function endorsementOf(
  deps: Deps,
  tx: Reading,
  active: Key | undefined,
  next: Key,
): Promise<string | undefined> {
  if (active?.purpose !== 'feed') return undefined
  const sealed = await tx.sealedKey(active.id)
  const authority = await tx.authority()
  if (sealed === undefined || authority === undefined) {
    return refuse('internal', `key ${active.id} cannot vouch for its successor`)
  }
  const claims = endorsementClaims(authority.issuer, next)
  return signJws(deps, { key: active, sealed }, ENDORSEMENT_TYPE, claims)
}

async function change(deps: Deps, tx: Writing, key: Key): Promise<void> {
  await append(deps, tx, () => ({ op: 'key', body: keyBody(key), result: undefined }))
  await tx.updateKey(key)
}

/** Part of a revocation whose selector names a key; an active one is replaced in the same moment. */
export async function revokeSigningKey(deps: Deps, tx: Writing, keyId: string): Promise<void> {
  const key = await keyOf(tx, keyId)
  const next = key.state === 'active' ? preparedKey(deps, deps.clock.now(), key.purpose) : undefined
  const { revoked, key: successor } = decideKeyRevocation(key, next?.key)
  if (revoked !== key) await change(deps, tx, revoked)
  if (successor !== undefined && next !== undefined) {
    await introduce(deps, tx, successor, next.sealed)
  }
}

/** Retires every key that no token can need any more, each with its entry in the feed. */
export async function retireDue(deps: Deps, tx: Writing, now: Instant): Promise<void> {
  const { items } = await tx.listKeys({ states: ['retiring'] }, { limit: PAGE_SIZE_MAX })
  for (const key of dueRetirements(items, now)) {
    const largestExpiry = await tx.largestExpiry(key.id)
    const { leewaySeconds } = deps.policy.defaults
    await change(deps, tx, decideRetirement(key, { now, largestExpiry, leewaySeconds }))
  }
}

/**
 * The key set that anyone may verify tokens and status lists with (RFC 7517 §5). That a key of the one
 * signs none of the other, a verifier sees by `typ`.
 */
export function jwks(deps: Deps): Promise<{ readonly keys: readonly PublicJwk[] }> {
  return deps.store.read(async (tx) => {
    const now = deps.clock.now()
    const keys: PublicJwk[] = []
    for (const purpose of ['token', 'status'] as const) {
      const { items } = await tx.listKeys({ purpose }, { limit: PAGE_SIZE_MAX })
      for (const key of items) if (isPublished(key, now)) keys.push(key.publicJwk)
    }
    return { keys }
  })
}
