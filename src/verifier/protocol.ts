import type { VerifierMode } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'

export type Jwk = Readonly<Record<string, string>>

/** The body of `POST /v1/feed/sync`. */
export interface SyncQuestion {
  readonly nonce: string
  readonly incarnation: string
  readonly name: string
  readonly audiences: readonly string[]
  readonly mode: VerifierMode
  /** Where it stands; absent before the first head. `time` is that of the newest applied head. */
  readonly applied?: { readonly position: Position; readonly chain: string; readonly time: number }
}

/** The body of `POST /v1/feed/acknowledge`: this head is applied, and nothing older decides here. */
export interface Acknowledgement {
  readonly incarnation: string
  readonly position: Position
  readonly chain: string
  readonly digest: string
  /** Of the head, microseconds of authority time. */
  readonly time: number
  /** The verifier is closing: it holds no lease any more and decides nothing. */
  readonly released?: true
}

/**
 * What the core is told. Streams and fetches carry a number that the core gave them: what comes from
 * one that it has given up is passed over. Texts are as they came; nothing was believed of them.
 */
export type VerifierEvent =
  /**
   * State from an earlier start, before `started`: a snapshot, and the keys that were trusted for
   * heads then. It speeds the fetch and grants nothing; where it is damaged it is passed over.
   */
  | {
      readonly kind: 'kept'
      readonly head: string
      readonly entries: readonly string[]
      readonly feedKeys: readonly Jwk[]
    }
  | { readonly kind: 'started' }
  /** A time that an effect asked for has come. One too many does no harm. */
  | { readonly kind: 'woken' }
  /**
   * The process stood still (suspend, a hypervisor's freeze) or a clock was set: what was known of
   * the time is worth nothing, and a sync comes first.
   */
  | { readonly kind: 'resumed' }
  | {
      readonly kind: 'answered'
      readonly nonce: string
      readonly head: string
      readonly feedKeys: readonly Jwk[]
    }
  | { readonly kind: 'unanswered'; readonly nonce: string }
  | { readonly kind: 'stream-opened'; readonly stream: number }
  | { readonly kind: 'stream-entry'; readonly stream: number; readonly text: string }
  | { readonly kind: 'stream-head'; readonly stream: number; readonly text: string }
  /** `isGone`: 410, the place it would go on from is below the floor. */
  | { readonly kind: 'stream-closed'; readonly stream: number; readonly isGone: boolean }
  | { readonly kind: 'entries'; readonly fetch: number; readonly entries: readonly string[] }
  /** `isGone`: 410, below the floor. */
  | { readonly kind: 'entries-failed'; readonly fetch: number; readonly isGone: boolean }
  /** A snapshot: the entries in force and the signed head that they must match. */
  | {
      readonly kind: 'snapshot'
      readonly fetch: number
      readonly head: string
      readonly entries: readonly string[]
    }
  | { readonly kind: 'snapshot-failed'; readonly fetch: number }
  | { readonly kind: 'acknowledged'; readonly position: Position }
  /** Not taken: refused, or the authority could not be reached. */
  | { readonly kind: 'unacknowledged'; readonly position: Position }
  | { readonly kind: 'closed' }

/** No effects: most of what is told asks for none, so that there is one of it. */
export const NOTHING: readonly VerifierEffect[] = []

/** What the core asks of its shell. */
export type VerifierEffect =
  /** To be sent at once: the upper bound of time is counted from now. */
  | { readonly kind: 'ask'; readonly question: SyncQuestion }
  | { readonly kind: 'wake'; readonly atMicros: number }
  /** Open `GET /v1/feed` with `Last-Event-ID`. */
  | { readonly kind: 'open-stream'; readonly stream: number; readonly after: Position }
  | { readonly kind: 'close-stream'; readonly stream: number }
  /** `GET /v1/feed/entries?after=`. */
  | { readonly kind: 'fetch-entries'; readonly fetch: number; readonly after: Position }
  /** `GET /v1/feed/snapshot`. */
  | { readonly kind: 'fetch-snapshot'; readonly fetch: number }
  | { readonly kind: 'acknowledge'; readonly acknowledgement: Acknowledgement }
  /** Try the next of the authority's URLs from now on. */
  | { readonly kind: 'next-url' }
  /** A newer head decides from now on: held streams are judged anew, and state may be kept. */
  | { readonly kind: 'applied'; readonly position: Position; readonly timeMicros: number }
  /** An operator must look: somebody forges, or the authority has lost its memory. */
  | { readonly kind: 'alarm'; readonly detail: string }
