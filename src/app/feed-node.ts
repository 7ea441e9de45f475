import type { AuthorityTime } from '#domain/feed/authority-time.ts'
import type { ClockReading } from '#domain/feed/clock-guard.ts'
import type { HeadClaims } from '#domain/feed/head.ts'
import type { LiveState } from '#domain/feed/live.ts'
import type { Position } from '#domain/feed/position.ts'
import type { Problem } from '#kernel/problem.ts'
import type { Store, Writing } from '#store/port.ts'
import type { PendingAcknowledgement } from './acknowledge.ts'
import type { IssuedHead } from './heads.ts'

/** What is in force at a place of the feed, and the chain that says which feed it was. */
export interface LiveCache {
  readonly state: LiveState
  readonly position: Position
  readonly chain: Uint8Array
}

/** Somebody waits for a head; a refusal is his own and does not fail those who wait beside him. */
export interface WantedHead {
  readonly nonce: string | undefined
  readonly admit: (tx: Writing, time: AuthorityTime) => Promise<Problem | undefined>
  /** Also the positions of what is in force at the head. */
  readonly withPositions: boolean
  readonly resolve: (head: IssuedHead) => void
  readonly reject: (reason: unknown) => void
}

/** Who is given nothing any more: one incarnation, or all that use a credential. */
export type Ended = { readonly incarnation: string } | { readonly verifierId: string }

/** When the live leases of a credential were counted, and whose they are. */
export interface CountedLeases {
  readonly atMicros: number
  readonly incarnations: Set<string>
}

/**
 * What one process keeps beside a store to serve its feed. All of it can be lost: it is made anew from
 * the database, or has verifiers ask once more.
 */
export interface FeedNode {
  live: LiveCache | undefined
  readonly waiting: WantedHead[]
  isIssuing: boolean
  isPrepared: boolean
  /** The heads issued here lately, by their time: acknowledgements are held against them. */
  readonly issued: Map<number, Pick<HeadClaims, 'position' | 'chain' | 'digest'>>
  readonly leases: Map<string, CountedLeases>
  /** That there are tokens which live longer than policy allows now, and until when. */
  longer: { readonly seconds: number; readonly untilMicros: number } | undefined
  clock: ClockReading | undefined
  /** That somebody set a clock, where this node has seen it: it signs nothing any more. */
  stopped: { readonly detail: string } | undefined
  acknowledgements: PendingAcknowledgement[] | undefined
  readonly onEnded: Set<(ended: Ended) => void>
  /** Of an incarnation that listens here: the time of the newest head that it was given. */
  givenMicros: ((incarnation: string) => number | undefined) | undefined
}

const nodes = new WeakMap<Store, FeedNode>()

export function feedNode(store: Store): FeedNode {
  const known = nodes.get(store)
  if (known !== undefined) return known
  const node: FeedNode = {
    live: undefined,
    waiting: [],
    isIssuing: false,
    isPrepared: false,
    issued: new Map(),
    leases: new Map(),
    longer: undefined,
    clock: undefined,
    stopped: undefined,
    acknowledgements: undefined,
    onEnded: new Set(),
    givenMicros: undefined,
  }
  nodes.set(store, node)
  return node
}

/** Tells whoever streams heads that these get no more. */
export function endFollowing(store: Store, ended: Ended): void {
  for (const listener of feedNode(store).onEnded) listener(ended)
}
