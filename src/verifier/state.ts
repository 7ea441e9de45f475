import { ExpiryHeap } from '#domain/feed/expiry-heap.ts'
import { createLiveState } from '#domain/feed/live-state.ts'
import type { FeedRecord, UnblockRecord } from '#domain/feed/record.ts'
import { createTokenKeys, type TokenKeys } from './keys.ts'
import type { Rules, VerdictIndex } from './rules.ts'

/** What is in force up to a place that was vouched for. */
export interface FeedView {
  readonly index: VerdictIndex
  readonly keys: TokenKeys
  /** How many entries are in the digest. */
  readonly size: number
  /** The time of the snapshot that it began with, microseconds; -Infinity where every entry came. */
  readonly snapshotMicros: number
  apply(record: FeedRecord, bytes: Uint8Array): void
  /** The digest at a head's time. Times must not fall. */
  digest(timeMicros: number): string
  /** Up to which time a digest was taken. */
  readonly digestMicros: number
  /** Drops the rules that hit nothing any more by a head's time. */
  collect(timeMicros: number): void
}

export const createFeedView = (
  rules: Rules,
  leewayMicros: number,
  snapshotMicros = Number.NEGATIVE_INFINITY,
): FeedView => new View(rules, leewayMicros, snapshotMicros)

class View implements FeedView {
  readonly #rules: Rules
  readonly #leewayMicros: number
  readonly #live = createLiveState()
  readonly #ends = new ExpiryHeap()
  /** When the rule of a block that has ended may go, by its position. */
  readonly #putOff = new Map<number, number>()
  readonly index: VerdictIndex
  readonly keys = createTokenKeys()
  readonly snapshotMicros: number
  digestMicros = Number.NEGATIVE_INFINITY

  constructor(rules: Rules, leewayMicros: number, snapshotMicros: number) {
    this.#rules = rules
    this.#leewayMicros = leewayMicros
    this.index = rules.createIndex()
    this.snapshotMicros = snapshotMicros
  }

  get size(): number {
    return this.#live.size
  }

  apply(record: FeedRecord, bytes: Uint8Array): void {
    this.#live.apply(record, bytes)
    switch (record.op) {
      case 'revoke':
        this.#rules.revoke(this.index, record)
        this.#keep(record.position, this.#keptUntil(record))
        return
      case 'unblock':
        this.#endBlock(record)
        return
      case 'lift':
        this.#rules.lift(this.index, record)
        return
      case 'key':
        this.keys.apply(record)
        return
      case 'epoch':
      case 'ignorable':
    }
  }

  #endBlock(record: UnblockRecord): void {
    this.#rules.endBlock(this.index, record)
    const seconds = this.#keptUntil(record)
    for (const { position } of this.index.partsOf(record.id)) {
      this.#putOff.set(position, seconds)
      this.#keep(position, seconds)
    }
  }

  #keptUntil({ untilSeconds }: FeedRecord): number {
    if (untilSeconds === undefined) return Infinity
    return this.#rules.keptUntilSeconds(untilSeconds, this.#leewayMicros)
  }

  #keep(position: number, seconds: number): void {
    if (seconds !== Infinity) this.#ends.push(seconds, position)
  }

  digest(timeMicros: number): string {
    this.digestMicros = timeMicros
    return this.#live.digest(timeMicros)
  }

  collect(timeMicros: number): void {
    const seconds = Math.floor(timeMicros / 1_000_000)
    for (let end = this.#ends.pop(seconds); end !== undefined; end = this.#ends.pop(seconds)) {
      if ((this.#putOff.get(end.place) ?? end.seconds) !== end.seconds) continue
      this.#putOff.delete(end.place)
      this.index.removeAt(end.place)
    }
  }
}
