import type { Position } from '#domain/feed/position.ts'
import type { Coverage } from '#domain/proof/proof.ts'
import type { Instant } from '#kernel/instant.ts'

export const reasons = [
  'compromise',
  'superseded',
  'sign-out',
  'privilege-withdrawn',
  'policy-change',
  'testing',
  'other',
] as const
export type Reason = (typeof reasons)[number]

export const reaches = ['sessions', 'tokens'] as const
/** `sessions` tests the sign-in a token derives from; `tokens` tests the token itself. */
export type Reach = (typeof reaches)[number]

/**
 * What a revocation hits. Values of one dimension are alternatives, dimensions all must hold; an
 * absent or empty dimension constrains nothing. A selector that constrains nothing is no selector:
 * "all" is said aloud.
 */
export interface Selector {
  readonly tokens?: readonly string[]
  readonly clients?: readonly string[]
  readonly subjects?: readonly string[]
  readonly sessions?: readonly string[]
  /** Scopes, or patterns such as `deploy:*`. */
  readonly scopes?: readonly string[]
  readonly audiences?: readonly string[]
  readonly keys?: readonly string[]
  readonly trusts?: readonly string[]
  readonly tags?: Readonly<Record<string, string>>
  /** The window, in authority time; whole seconds, rounded outwards when compared. */
  readonly issuedAfter?: Instant
  readonly issuedBefore?: Instant
  readonly all?: true
}

/** What a revocation spares although its selector matches. */
export interface Exceptions {
  readonly tokens?: readonly string[]
  readonly clients?: readonly string[]
  readonly subjects?: readonly string[]
  readonly sessions?: readonly string[]
}

export const revocationStates = ['published', 'enforced', 'open', 'lifted'] as const
export type RevocationState = (typeof revocationStates)[number]

export interface Matched {
  /** `false`: nobody counted, and the figures say nothing. Absent: they are exact. */
  readonly counted?: false
  readonly credentials: number
  readonly byClient: Readonly<Record<string, number>>
  readonly byScope: Readonly<Record<string, number>>
  readonly byAudience: Readonly<Record<string, number>>
}

/** A revocation as an object: what it hits, why, by whom, and what became of it. */
export interface Revocation {
  readonly id: string
  /** Its entry's place in the feed. */
  readonly position: Position
  /** As it was asked for. */
  readonly selector: Selector
  readonly exceptions: Exceptions
  /**
   * What is compared with tokens: `selector` with tags and lists resolved to exact tokens, and
   * descendants included. The same object as `selector` where nothing had to be resolved.
   */
  readonly resolved: Selector
  /**
   * What was minted before this position is hit; `null` while a block lasts, and for keys: all.
   * A lift leaves it as it was: nothing compares tokens with a lifted revocation.
   */
  readonly cut: Position | null
  readonly reach: Reach
  readonly reason: Reason
  /** Shown to the denied caller. */
  readonly message?: string
  readonly graceSeconds: number
  /** No token that its selector matches is issued while this holds. */
  readonly blocks: boolean
  readonly final: boolean
  /**
   * Fixed at creation: it had an expiry and no block, so it ends with a lift and not with a cut.
   * A block that has ended leaves `blocks` false and `expiresAt` set too, but its tokens stay dead;
   * this field keeps the two apart.
   */
  readonly suspends: boolean
  readonly publishedAt: Instant
  readonly enforcedAt?: Instant
  /** From when on enforcement is certain, whatever happens; fixed at publication, grace included. */
  readonly enforcedBy?: Instant
  /** Whom it concerns, fixed at publication; absent on those of before it was kept. */
  readonly coverage?: Coverage
  readonly liftedAt?: Instant
  /** Ends the block; of a suspension the whole. Without effect once either has ended early. */
  readonly expiresAt?: Instant
  readonly matched: Matched
  readonly actor: string
  readonly incidentId?: string
  /** Random, base64url: with it the entry's `record` hash can be recomputed, without it not. */
  readonly recordSalt: string
}

/** A revocation that ends by itself takes nothing away for good; `expiresAt` alone cannot say so. */
export const isSuspension = (it: { readonly suspends: boolean }): boolean => it.suspends

/** Whether an expiry still has something to end: a block that holds, or a suspension. */
export const isDue = (revocation: Revocation, now: Instant): boolean =>
  revocation.liftedAt === undefined &&
  revocation.expiresAt !== undefined &&
  revocation.expiresAt <= now &&
  (revocation.blocks || revocation.suspends)
