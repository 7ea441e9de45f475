import { revocableOfClaims } from '#domain/credential/claims.ts'
import type { HeadClaims, StalenessLimits, VerifierMode } from '#domain/feed/head.ts'
import { opensEpoch, type Position } from '#domain/feed/position.ts'
import type { FeedRecord, LiftRecord, RevokeRecord, UnblockRecord } from '#domain/feed/record.ts'
import { RuleIndex } from '#domain/revocation/rule-index.ts'
import { ruleOfRecord } from '#domain/revocation/rule.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import {
  type Anchor,
  anchorOf,
  intervalAt,
  judgeTimes,
  raisedBy,
  type TimeInterval,
  widensTo,
  widthOf,
} from './authority-time.ts'
import { readHead } from './head.ts'
import { keyVerifies } from './keys.ts'
import { readToken } from './token.ts'

/** Asked at least as often, so that the authority keeps the verifier on its record. */
const SYNC_MICROS_MAX = 300_000_000
/** How much longer than anybody needs them rules are kept, since nothing is lost by it. */
const KEPT_SECONDS = 300
const SECOND = 1_000_000

/** What of the revocations in force the core needs: the index, or what a test puts in its place. */
export type VerdictIndex = Pick<
  RuleIndex,
  'add' | 'partsOf' | 'remove' | 'removeAt' | 'replace' | 'size' | 'verdict'
>

type Told = Pick<HeadClaims, 'position' | 'chain' | 'time'>

/** A place in the feed as it came, and the hash that is to be vouched for. */
interface Tip {
  readonly position: Position
  /** base64url. */
  readonly chainText: string
}

/**
 * The rules that the core decides by. It is handed them as one value, so that tests may plant a bug
 * in the place of any of them and see whether the simulator finds it. Nothing else passes other
 * rules than these.
 */
export const soundRules = {
  // The authority's time.
  anchorOf,
  intervalAt,
  judgeTimes,
  /** What a streamed head adds: its time has been reached. */
  raisedBy,
  /** What a streamed head says of the time where no answer has: nothing, since it may be an old one. */
  anchorOfStream: (_timeMicros: number, _nowMicros: number): Anchor | undefined => undefined,
  /** An interval as wide as that would leave times of which nothing can be said. */
  isTooWide: (widthMicros: number, widthMicrosMax: number): boolean => widthMicrosMax < widthMicros,
  /** When to ask again: long before drift has widened the interval as far as it may. */
  dueAt: (anchor: Anchor, widthMicrosMax: number): number =>
    Math.min(
      widensTo(anchor, (widthOf(anchor) + widthMicrosMax) / 2),
      anchor.atMicros + SYNC_MICROS_MAX,
    ),
  /** Whether a head shows that the interval is wrong: its time cannot have been reached yet. */
  isBeyond: (timeMicros: number, { upperMicros }: TimeInterval): boolean =>
    upperMicros < timeMicros,
  /** After the process stood still nothing is known of the time. */
  anchorAfterResume: (_anchor: Anchor | undefined): Anchor | undefined => undefined,

  // Questions and answers.
  readHead,
  isAnswerTo: (head: HeadClaims, nonce: string): boolean => head.nonce === nonce,
  /** Whether a question may be asked now. */
  mayAsk: (nowMicros: number, notBeforeMicros: number): boolean => notBeforeMicros <= nowMicros,
  /** Whether what a token names and the head does not know can still come to be known. */
  mayYetBeKnown: (arrivedMicros: number, headIssuedAfterMicros: number): boolean =>
    headIssuedAfterMicros < arrivedMicros,

  // The log.
  /**
   * Never backwards: time and position rise together, and one position has one chain. Of two heads
   * in whatever order they come, the later one is not before the earlier one.
   */
  orderOf: (known: Told, next: Told): 'newer' | 'older' | 'fork' => {
    if (known.position === next.position && known.chain !== next.chain) return 'fork'
    if (known.time < next.time) return known.position <= next.position ? 'newer' : 'fork'
    if (next.time < known.time) return next.position <= known.position ? 'older' : 'fork'
    return known.position === next.position ? 'older' : 'fork'
  },
  /** `elsewhere`: an epoch is opened over another past than ours, so only a snapshot leads there. */
  followsOn: (tip: Tip, record: FeedRecord): 'next' | 'old' | 'gap' | 'elsewhere' => {
    if (record.position <= tip.position) return 'old'
    if (record.op === 'epoch') {
      if (tip.position < record.continues) return 'gap'
      const isOurs = record.continues === tip.position && record.chain === tip.chainText
      return isOurs ? 'next' : 'elsewhere'
    }
    return record.position === tip.position + 1 && !opensEpoch(record.position) ? 'next' : 'gap'
  },
  isChain: (ours: string, told: string): boolean => ours === told,
  isDigest: (ours: string, told: string): boolean => ours === told,
  /** In a snapshot nothing may be that is not in force, or the digest would not speak for it. */
  isAllInForce: (inForce: number, entries: number): boolean => inForce === entries,
  /** A key that has ended vouches for nothing from its end on. */
  mayVouch: (endPosition: Position | undefined, position: Position): boolean =>
    endPosition === undefined || position < endPosition,
  /** Whether a state kept on disk may decide before anything was heard of the authority. */
  isKeptStateALease: (): boolean => false,
  /** A lease begins with an answer to a question of one's own. */
  mayLease: (hasSynced: boolean): boolean => hasSynced,

  // What is in force.
  createIndex: (): VerdictIndex => new RuleIndex(),
  revoke: (index: VerdictIndex, record: RevokeRecord): void => index.add(ruleOfRecord(record)),
  /** What was dead stays dead: the block's end is the final cut. */
  endBlock: (index: VerdictIndex, { id, cut }: UnblockRecord): void => {
    for (const rule of index.partsOf(id)) index.replace({ ...rule, cut, blocks: false })
  },
  lift: (index: VerdictIndex, { id }: LiftRecord): void => {
    index.remove(id)
  },
  /** When a rule is dropped, seconds: no token that it hits can be accepted any more. */
  keptUntilSeconds: (untilSeconds: number, leewayMicros: number): number =>
    untilSeconds + Math.ceil(leewayMicros / SECOND) + KEPT_SECONDS,
  /**
   * Whether the revocations of a token that ends then may have been left out of the snapshot that
   * was begun with, so that nobody here can know of them.
   */
  isPastSnapshot: (untilMicros: number, snapshotMicros: number): boolean =>
    untilMicros <= snapshotMicros,

  // The decision.
  readToken,
  revocableOf: revocableOfClaims,
  keyVerifies,
  /** Seconds: the strictest of verifier, token and resource. */
  limitOf: (
    limits: StalenessLimits,
    mode: VerifierMode,
    {
      token,
      own,
    }: { readonly token?: VerifierMode | undefined; readonly own?: number | undefined },
  ): number =>
    Math.min(limits[mode], token === undefined ? Infinity : limits[token], own ?? Infinity),
  /** Whether the newest head is still a lease, wherever in the interval the authority's time is. */
  isLeased: ({ head, limitSeconds, interval }: LeaseQuestion): boolean =>
    interval.upperMicros <= head.time + limitSeconds * SECOND,
  /** The instant by which grace is judged: it is over as soon as it may be over. */
  graceInstant: ({ upperMicros }: TimeInterval): Instant => instant(upperMicros / 1000),
  /** Whether a sign-in is recent enough, for certain but for the leeway. */
  isRecent: (
    signedInMicros: number,
    { upperMicros }: TimeInterval,
    { maxAgeSeconds, leewayMicros }: { maxAgeSeconds: number; leewayMicros: number },
  ): boolean => upperMicros <= signedInMicros + maxAgeSeconds * SECOND + leewayMicros,
}
export type Rules = typeof soundRules

/** `receivedMicros` and `nowMicros` play no part, and are there for those who think they should. */
export interface LeaseQuestion {
  readonly head: HeadClaims
  readonly limitSeconds: number
  readonly interval: TimeInterval
  readonly receivedMicros: number
  readonly nowMicros: number
}
