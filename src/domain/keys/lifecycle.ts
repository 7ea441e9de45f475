import { type Instant, instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Key, KeyState } from './key.ts'

/** What a key may become. A revoked one becomes nothing: whoever has it could sign again. */
const successors: Readonly<Record<KeyState, readonly KeyState[]>> = {
  prepared: ['active', 'retired', 'revoked'],
  active: ['retiring', 'revoked'],
  retiring: ['retired', 'revoked'],
  retired: ['revoked'],
  revoked: [],
}

export const mayBecome = (from: KeyState, to: KeyState): boolean => successors[from].includes(to)

function become(key: Key, to: KeyState): Key {
  if (!mayBecome(key.state, to)) refuse('internal', `key ${key.id} is ${key.state}, never ${to}`)
  return { ...key, state: to }
}

/**
 * How long a mint may be under way between the moment it learns which key is active and its commit.
 * Transactions that last longer are rolled back.
 */
export const MINT_SECONDS_MAX = 60

/** What a rotation has to know of the tokens that the old key signed. */
export interface SignedTokens {
  readonly now: Instant
  /** The latest expiry of any token on record that the key signed. */
  readonly largestExpiry: Instant | undefined
  readonly leewaySeconds: number
  /** The longest lifetime that a token may be given now. */
  readonly maxTtlSeconds: number
}

export interface Rotation {
  /** The key that signs from now on. */
  readonly key: Key
  readonly previous?: Key
}

/**
 * Puts `next` in the place of `active`, which stays published until no token can need it.
 *
 * That is the latest expiry on record, but never before the longest lifetime has passed once more
 * since the last mint that may still be under way: such a mint is not on record yet. Verifiers
 * accept up to `leewaySeconds` after an expiry.
 */
export function decideRotation(active: Key | undefined, next: Key, tokens: SignedTokens): Rotation {
  const key = without(become(next, 'active'), 'activateAfter')
  if (active === undefined) return { key }
  if (active.purpose !== next.purpose || active.id === next.id) {
    refuse('internal', `key ${next.id} cannot take the place of key ${active.id}`)
  }
  return { key, previous: { ...become(active, 'retiring'), retireAfter: retireAfter(tokens) } }
}

function retireAfter(tokens: SignedTokens): Instant {
  const unrecorded = tokens.now + (MINT_SECONDS_MAX + tokens.maxTtlSeconds) * 1000
  return instant(Math.max(tokens.largestExpiry ?? 0, unrecorded) + tokens.leewaySeconds * 1000)
}

/**
 * Whether others may verify with a key now: active, prepared (so that it is known before it signs),
 * or retiring until its time has come; never retired or revoked. For keys of one purpose at a time.
 */
export const isPublished = ({ state, retireAfter: end }: Key, now: Instant): boolean =>
  state === 'active' ||
  state === 'prepared' ||
  (state === 'retiring' && (end === undefined || now < end))

export const publishedKeys = (keys: readonly Key[], now: Instant): Key[] =>
  keys.filter((key) => isPublished(key, now))

/** The retiring keys whose time has come. */
export const dueRetirements = (keys: readonly Key[], now: Instant): Key[] =>
  keys.filter(
    ({ state, retireAfter: end }) => state === 'retiring' && end !== undefined && end <= now,
  )

/**
 * Retires a key whose time has come. Should a live token need it all the same, because a mint took
 * longer than the rotation reckoned with, the key stays and its time is put off.
 */
export function decideRetirement(
  key: Key,
  tokens: Pick<SignedTokens, 'now' | 'largestExpiry' | 'leewaySeconds'>,
): Key {
  const needed = instant((tokens.largestExpiry ?? 0) + tokens.leewaySeconds * 1000)
  if (tokens.largestExpiry !== undefined && tokens.now < needed) {
    return { ...key, retireAfter: needed }
  }
  return become(key, 'retired')
}

export interface KeyRevocation {
  readonly revoked: Key
  /** The key that signs from now on, where the revoked one did. */
  readonly key?: Key
}

/**
 * Revokes a key for good. An active one is replaced in the same moment, so `next` must be there:
 * an authority without a key could not even answer that it has been robbed.
 */
export function decideKeyRevocation(key: Key, next: Key | undefined): KeyRevocation {
  if (key.state === 'revoked') return { revoked: key }
  const revoked = without(become(key, 'revoked'), 'retireAfter')
  if (key.state !== 'active') return { revoked }
  if (next === undefined || next.purpose !== key.purpose || next.id === key.id) {
    return refuse('internal', `active key ${key.id} is revoked, and no key takes its place`)
  }
  return { revoked, key: without(become(next, 'active'), 'activateAfter') }
}

function without(key: Key, field: 'activateAfter' | 'retireAfter'): Key {
  const { [field]: _, ...rest } = key
  return rest
}
