import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Key } from '#domain/keys/key.ts'
import type { Exceptions, Revocation, Selector } from '#domain/revocation/revocation.ts'
import {
  normaliseExceptions,
  normaliseSelector,
  windowSeconds,
} from '#domain/revocation/selector.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { refuse } from '#kernel/problem.ts'
import type { Position } from './position.ts'

/** What each kind of entry says, beside its position and `until`. Absent fields are not written. */
export interface FeedBodies {
  readonly revoke: RevokeBody
  /** Its cut is its own position. */
  readonly unblock: { readonly id: string; readonly cut: Position }
  readonly lift: { readonly id: string }
  readonly key: KeyBody
  readonly epoch: { readonly continues: Position; readonly chain: string }
}

/** No actor, no request id and no free text but the message: every verifier reads this. */
export interface RevokeBody {
  readonly id: string
  readonly selector: SelectorBody
  readonly except?: Exceptions
  /** Absent: `sessions`. */
  readonly reach?: 'tokens'
  /** `null`: none, so that everything is hit. */
  readonly cut: Position | null
  /** Milliseconds of authority time. */
  readonly published: number
  /** Milliseconds of authority time until which what is hit is still accepted; absent: at once. */
  readonly graceEnd?: number
  readonly reason: string
  readonly message?: string
  /** The salted hash of the private record, base64url. */
  readonly record: string
}

/** The resolved selector. Never tags, which no token carries. */
export type SelectorBody = Omit<Selector, 'tags' | 'issuedAfter' | 'issuedBefore'> & {
  /** The window in whole seconds, already rounded outwards: `from` ≤ iat < `before`. */
  readonly from?: number
  readonly before?: number
}

export interface KeyBody {
  readonly id: string
  readonly purpose: string
  readonly algorithm: string
  readonly state: string
  readonly jwk: Readonly<Record<string, string>>
  /** Milliseconds of authority time. */
  readonly retireAfter?: number
  /** Of a feed key: the word of the one before it (see `KeyRecord`). */
  readonly endorsement?: string
}

export function revokeBody(revocation: Revocation, record: string): RevokeBody {
  const { id, exceptions, reach, cut, publishedAt, graceSeconds, reason, message } = revocation
  const except = normaliseExceptions(exceptions)
  return {
    id,
    selector: selectorBody(revocation),
    ...(Object.keys(except).length === 0 ? {} : { except }),
    ...(reach === 'sessions' ? {} : { reach }),
    cut,
    published: publishedAt,
    ...(graceSeconds === 0 ? {} : { graceEnd: publishedAt + graceSeconds * 1000 }),
    reason,
    ...(message === undefined ? {} : { message }),
    record,
  }
}

function selectorBody({ id, resolved }: Revocation): SelectorBody {
  const { tags, issuedAfter, issuedBefore, ...named } = normaliseSelector(resolved)
  if (tags !== undefined) refuse('internal', `the tags of revocation ${id} were not resolved`)
  const { fromSeconds, beforeSeconds } = windowSeconds(resolved)
  return {
    ...named,
    ...(issuedAfter === undefined ? {} : { from: fromSeconds }),
    ...(issuedBefore === undefined ? {} : { before: beforeSeconds }),
  }
}

export function unblockBody({ id, cut }: Revocation): FeedBodies['unblock'] {
  return { id, cut: cut ?? refuse('internal', `the block of revocation ${id} has not ended`) }
}

export const liftBody = ({ id }: Revocation): FeedBodies['lift'] => ({ id })

export const keyBody = (key: Key): KeyBody => ({
  id: key.id,
  purpose: key.purpose,
  algorithm: key.algorithm,
  state: key.state,
  jwk: key.publicJwk,
  ...(key.retireAfter === undefined ? {} : { retireAfter: key.retireAfter }),
})

/**
 * Binds what stays in the authority (who revoked, under which request and incident) to the entry:
 * SHA-256(salt ‖ JSON), base64url. The salt, random and at least 16 bytes, is kept with the private
 * record; without it a guess at the record could be tried against the hash.
 */
export function recordHash(salt: Uint8Array, record: Readonly<Record<string, unknown>>): string {
  if (salt.length < SALT_BYTES_MIN) refuse('internal', 'the salt of a private record is too short')
  const sorted = Object.keys(record)
    .sort()
    .map((key) => [key, record[key]])
  const hash = sha256
    .create()
    .update(salt)
    .update(utf8ToBytes(JSON.stringify(sorted)))
    .digest()
  return encodeBase64url(hash)
}

const SALT_BYTES_MIN = 16
