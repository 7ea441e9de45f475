import { ORIGIN, type Position } from '#domain/feed/position.ts'
import type { Entropy } from '#kernel/clock.ts'
import { pauseMicros } from './pause.ts'
import { NOTHING, type VerifierEffect } from './protocol.ts'

/** Of where the core stands, what decides about streams and fetches. */
export interface Standing {
  /** A question was answered once, so that the authority knows who follows. */
  readonly hasSynced: boolean
  /** The last place whose entry came. */
  readonly tip: Position
  /** The place of the newest head, and the floor that it told. */
  readonly wanted: Position
  readonly floor: Position
  readonly heartbeatMs: number
}

/** When to open the stream, and when to fetch what it did not bring. */
export interface Follower {
  isStream(stream: number): boolean
  isFetch(fetch: number): boolean
  /** A sign of life: the stream was opened, or brought a head. */
  heard(nowMicros: number, isHead: boolean): void
  streamClosed(nowMicros: number): void
  /** Opens the stream anew, from where the log is then. */
  restartStream(nowMicros: number): readonly VerifierEffect[]
  wantEntries(): void
  wantSnapshot(): void
  /** The fetch under way has ended; without progress it is tried again later. */
  fetched(nowMicros: number, progress: 'some' | 'none'): void
  /** How many fetches have ended, well or not. */
  readonly fetches: number
  tick(nowMicros: number, standing: Standing): readonly VerifierEffect[]
  due(standing: Standing): number
  /** The stream is closed for good. */
  close(): readonly VerifierEffect[]
}

/** A stream without a head for so many heartbeats is open at one end only. */
const HEARTBEATS_MAX = 3
/** Further behind than this, the snapshot is there sooner than the entries. */
const ENTRIES_MAX = 5000
const ENTRIES_MICROS_MAX = 5_000_000
const SNAPSHOT_MICROS_MAX = 30_000_000

interface Fetch {
  readonly id: number
  readonly kind: 'entries' | 'snapshot'
  readonly sentMicros: number
}

interface Stream {
  readonly id: number
  heardMicros: number
}

class FeedFollower implements Follower {
  readonly #entropy: Entropy
  #numbers = 0
  #stream: Stream | undefined
  #streamNotBefore = Number.NEGATIVE_INFINITY
  #streamFailures = 0
  #fetch: Fetch | undefined
  #fetchNotBefore = Number.NEGATIVE_INFINITY
  #fetchFailures = 0
  #wantsEntries = false
  #wantsSnapshot = false
  fetches = 0

  constructor(entropy: Entropy) {
    this.#entropy = entropy
  }

  isStream(stream: number): boolean {
    return this.#stream?.id === stream
  }

  isFetch(fetch: number): boolean {
    return this.#fetch?.id === fetch
  }

  heard(nowMicros: number, isHead: boolean): void {
    const stream = this.#stream
    if (stream === undefined) return
    stream.heardMicros = nowMicros
    if (isHead) this.#streamFailures = 0
  }

  streamClosed(nowMicros: number): void {
    this.#stream = undefined
    this.#streamNotBefore = nowMicros + pauseMicros(this.#streamFailures, this.#entropy)
    this.#streamFailures++
  }

  restartStream(nowMicros: number): readonly VerifierEffect[] {
    const stream = this.#stream
    if (stream === undefined) return NOTHING
    this.streamClosed(nowMicros)
    return [{ kind: 'close-stream', stream: stream.id }]
  }

  wantEntries(): void {
    this.#wantsEntries = true
  }

  wantSnapshot(): void {
    this.#wantsSnapshot = true
  }

  fetched(nowMicros: number, progress: 'some' | 'none'): void {
    if (progress === 'some') {
      if (this.#fetch?.kind === 'snapshot') this.#wantsSnapshot = false
      this.#wantsEntries = false
      this.#fetchFailures = 0
    } else {
      this.#fetchNotBefore = nowMicros + pauseMicros(this.#fetchFailures, this.#entropy)
      this.#fetchFailures++
    }
    this.#fetch = undefined
    this.fetches++
  }

  tick(nowMicros: number, standing: Standing): readonly VerifierEffect[] {
    const fetching = this.#tickFetch(nowMicros, standing)
    const streaming = this.#tickStream(nowMicros, standing)
    return fetching.length === 0 ? streaming : [...fetching, ...streaming]
  }

  #tickFetch(nowMicros: number, standing: Standing): readonly VerifierEffect[] {
    if (this.#fetch !== undefined && this.#fetchEnd(this.#fetch) <= nowMicros) {
      this.fetched(nowMicros, 'none')
    }
    const isHeldBack = this.#fetch !== undefined || nowMicros < this.#fetchNotBefore
    const kind = this.#wanted(standing)
    if (isHeldBack || kind === undefined) return NOTHING
    const id = ++this.#numbers
    this.#fetch = { id, kind, sentMicros: nowMicros }
    const effects: VerifierEffect[] = 1 < this.#fetchFailures ? [{ kind: 'next-url' }] : []
    effects.push(
      kind === 'snapshot'
        ? { kind: 'fetch-snapshot', fetch: id }
        : { kind: 'fetch-entries', fetch: id, after: standing.tip },
    )
    return effects
  }

  #wanted({ tip, wanted, floor }: Standing): Fetch['kind'] | undefined {
    if (this.#wantsSnapshot) return 'snapshot'
    if (wanted <= tip && !this.#wantsEntries) return undefined
    const isFar = tip < floor || (tip === ORIGIN && ORIGIN + ENTRIES_MAX < wanted)
    return isFar ? 'snapshot' : 'entries'
  }

  #tickStream(nowMicros: number, standing: Standing): readonly VerifierEffect[] {
    const isSilent =
      this.#stream !== undefined && this.#silenceEnd(this.#stream, standing) <= nowMicros
    const closing = isSilent ? this.restartStream(nowMicros) : NOTHING
    if (!this.#mayStream(standing) || nowMicros < this.#streamNotBefore) return closing
    const effects: VerifierEffect[] = [...closing]
    const id = ++this.#numbers
    this.#stream = { id, heardMicros: nowMicros }
    if (1 < this.#streamFailures) effects.push({ kind: 'next-url' })
    effects.push({ kind: 'open-stream', stream: id, after: standing.tip })
    return effects
  }

  /** Not before it is known from where: a snapshot may come first. */
  #mayStream(standing: Standing): boolean {
    return this.#stream === undefined && standing.hasSynced && this.#wanted(standing) !== 'snapshot'
  }

  due(standing: Standing): number {
    return Math.min(this.#fetchDue(standing), this.#streamDue(standing))
  }

  #fetchDue(standing: Standing): number {
    if (this.#fetch !== undefined) return this.#fetchEnd(this.#fetch)
    return this.#wanted(standing) === undefined ? Infinity : this.#fetchNotBefore
  }

  #streamDue(standing: Standing): number {
    if (this.#stream !== undefined) return this.#silenceEnd(this.#stream, standing)
    return this.#mayStream(standing) ? this.#streamNotBefore : Infinity
  }

  #fetchEnd({ kind, sentMicros }: Fetch): number {
    return sentMicros + (kind === 'entries' ? ENTRIES_MICROS_MAX : SNAPSHOT_MICROS_MAX)
  }

  #silenceEnd({ heardMicros }: Stream, { heartbeatMs }: Standing): number {
    return heardMicros + HEARTBEATS_MAX * heartbeatMs * 1000
  }

  close(): readonly VerifierEffect[] {
    const stream = this.#stream
    this.#stream = undefined
    return stream === undefined ? NOTHING : [{ kind: 'close-stream', stream: stream.id }]
  }
}

export const createFollower = (entropy: Entropy): Follower => new FeedFollower(entropy)
