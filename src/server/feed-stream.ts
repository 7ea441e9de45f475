import type { Caller, Deps } from '#app/deps.ts'
import { feedNode } from '#app/feed-node.ts'
import {
  admitFollower,
  type Follower,
  issueForFollowers,
  mayBeGiven,
  pageOfEntries,
} from '#app/follow.ts'
import type { IssuedHead } from '#app/heads.ts'
import type { FeedEntry } from '#domain/feed/entry.ts'
import { ORIGIN, type Position } from '#domain/feed/position.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { entryEvents, headEvent, spreadEvent } from './feed-events.ts'

/** Where the bytes of one stream go: a socket, without anything between. */
export interface FeedSink {
  write(bytes: Uint8Array): void
  /** Bytes that the other side has not taken yet. */
  backlogBytes(): number
  /** Resolves when it may be written on; `false` where it is closed. */
  drained(): Promise<boolean>
  /** Ends it cleanly, after what was written. */
  end(): void
  /** Cuts it. Whoever it was comes again and resumes. */
  destroy(): void
}

export interface FeedHub {
  /** Says who may listen, before anything is answered. Refusals: as `admitFollower`, and `authority-stopping`. */
  admit(caller: Caller, from: StreamStart): Promise<Listener>
  /** From here on the sink is written to. Call `leave` when it is closed. */
  join(listener: Listener, sink: FeedSink): void
  leave(listener: Listener): void
  /** The feed has moved: whoever listens is told at once. Many calls together make one head. */
  poke(): void
  /** A heartbeat: a head, if anybody listens. */
  beat(): void
  /** Ends every stream, and takes no more. */
  close(): void
}

export interface StreamStart {
  readonly incarnation: string
  /** The last entry that the listener has; without it, all that are kept. */
  readonly after?: Position | undefined
}

export interface Listener {
  readonly follower: Follower
  /** The last entry that was written to it, while it catches up. */
  position: Position
  sink: FeedSink | undefined
}

/** What was told to everybody last, and where whoever listens therefore stands. */
interface Told {
  readonly head: IssuedHead
  readonly position: Position
}

/**
 * Who has not taken so much is cut, and resumes when it can: a slow one costs neither memory nor the
 * others' time. What is more than this at once is not sent to all, but read by each at its own pace.
 */
const BACKLOG_BYTES_MAX = 1024 * 1024
const PUBLICATION_BYTES_MAX = 256 * 1024
const ENTRIES_MAX = 1000

/**
 * The streams of one process. Each publication is one head and the entries before it, made into bytes
 * once and written to every listener with one call. Whoever joins first reads what it lacks, up to
 * the place that was told last, and from the same instant on gets what is told next: no gap, nothing
 * twice.
 */
export function createFeedHub(
  deps: Deps,
  { onFault, onTold = () => undefined }: FeedHubHooks,
): FeedHub {
  return new Hub(deps, { onFault, onTold })
}

export interface FeedHubHooks {
  readonly onFault: (fault: unknown) => void
  /** All that are live are being told a head: no other is due for a heartbeat. */
  readonly onTold?: () => void
}

class Hub implements FeedHub {
  readonly #deps: Deps
  readonly #onFault: (fault: unknown) => void
  readonly #onTold: () => void
  /** All, by incarnation: one process has one stream. */
  readonly #listeners = new Map<string, Listener>()
  /** Of them those that stand where `#told` does. */
  readonly #live = new Set<Listener>()
  /** They wait for the first publication, or for one that goes as far as they are. */
  readonly #parked = new Set<Listener>()
  readonly #pages = new Map<Position, Page>()
  /** Of those that have left: the time of the last head that they were given. */
  readonly #given = new Map<string, number>()
  #told: Told | undefined
  #isWanted = false
  #isPublishing = false
  #isClosed = false

  constructor(deps: Deps, { onFault, onTold }: Required<FeedHubHooks>) {
    this.#deps = deps
    this.#onFault = onFault
    this.#onTold = onTold
    const node = feedNode(deps.store)
    node.givenMicros = (incarnation) => this.#givenMicros(incarnation)
    node.onEnded.add(this.#ended)
  }

  async admit(caller: Caller, { incarnation, after }: StreamStart): Promise<Listener> {
    const position = after ?? ORIGIN
    const follower = await admitFollower(this.#deps, caller, { incarnation, after: position })
    if (this.#isClosed) {
      return refuse('authority-stopping', 'the authority is stopping; it ends its streams', {
        next: 'try again in a moment',
      })
    }
    return { follower, position, sink: undefined }
  }

  join(listener: Listener, sink: FeedSink): void {
    const { incarnation } = listener.follower
    // Its stream of before is open at one end only: nobody opens a second one beside a whole one.
    const before = this.#listeners.get(incarnation)
    if (before !== undefined) this.#cut(before)
    if (this.#isClosed) return sink.end()
    listener.sink = sink
    this.#listeners.set(incarnation, listener)
    this.#given.delete(incarnation)
    this.#catchUp(listener)
  }

  leave(listener: Listener): void {
    const { incarnation } = listener.follower
    if (this.#listeners.get(incarnation) !== listener) return
    const given = this.#givenMicros(incarnation)
    this.#listeners.delete(incarnation)
    this.#live.delete(listener)
    this.#parked.delete(listener)
    if (given !== undefined) this.#remember(incarnation, given)
  }

  poke(): void {
    this.#isWanted = true
    if (!this.#isPublishing) void this.#publishAll()
  }

  beat(): void {
    this.poke()
  }

  close(): void {
    this.#isClosed = true
    feedNode(this.#deps.store).onEnded.delete(this.#ended)
    for (const listener of this.#listeners.values()) {
      listener.sink?.end()
      this.leave(listener)
    }
  }

  readonly #ended = (who: {
    readonly incarnation?: string
    readonly verifierId?: string
  }): void => {
    for (const listener of this.#listeners.values()) {
      const { incarnation, verifierId } = listener.follower
      if (incarnation === who.incarnation || verifierId === who.verifierId) this.#cut(listener)
    }
  }

  #cut(listener: Listener): void {
    this.leave(listener)
    listener.sink?.destroy()
  }

  async #publishAll(): Promise<void> {
    this.#isPublishing = true
    while (this.#isWanted) {
      this.#isWanted = false
      if (this.#listeners.size === 0 || this.#isClosed) continue
      await this.#publish().catch(this.#onFault)
    }
    this.#isPublishing = false
  }

  async #publish(): Promise<void> {
    const all = [...this.#listeners.values()].map(({ follower }) => follower)
    const { head, ended } = await issueForFollowers(this.#deps, all)
    for (const { incarnation } of ended) this.#ended({ incarnation })
    const { position } = head.claims
    const news = await this.#newsUpTo(position)
    // From here to the end nothing is awaited: whoever is live has been told all up to `#told`.
    if (news === 'too-much') this.#letAllCatchUp()
    else this.#tell(head, news)
    this.#told = { head, position }
    const parked = [...this.#parked]
    this.#parked.clear()
    for (const listener of parked) this.#catchUp(listener)
  }

  /** What those that are live have not been told yet. */
  async #newsUpTo(position: Position): Promise<readonly FeedEntry[] | 'too-much'> {
    const told = this.#told
    if (told === undefined || told.position === position) return []
    const limit = ENTRIES_MAX
    const page = await pageOfEntries(this.#deps, told.position, { limit, upTo: position }).catch(
      gone,
    )
    if (page === undefined || page.more) return 'too-much'
    const bytes = page.entries.reduce((sum, entry) => sum + entry.bytes.length, 0)
    return PUBLICATION_BYTES_MAX < bytes ? 'too-much' : page.entries
  }

  #letAllCatchUp(): void {
    for (const listener of this.#live) {
      listener.position = this.#told?.position ?? listener.position
      this.#parked.add(listener)
    }
    this.#live.clear()
  }

  #tell({ text, claims }: IssuedHead, news: readonly FeedEntry[]): void {
    if (this.#live.size === 0) return
    this.#onTold()
    const spread = 0 < news.length ? spreadEvent(this.#live.size) : ''
    const entries = utf8.encode(entryEvents(news) + spread)
    const all = utf8.encode(entryEvents(news) + spread + headEvent(text))
    for (const listener of this.#live) {
      const sink = listener.sink as FeedSink
      if (BACKLOG_BYTES_MAX < sink.backlogBytes()) this.#cut(listener)
      else if (mayBeGiven(listener.follower, claims)) sink.write(all)
      else if (0 < entries.length) sink.write(entries)
    }
  }

  #catchUp(listener: Listener): void {
    void this.#bring(listener).catch((fault: unknown) => {
      this.#cut(listener)
      // It was collected while it was being read: the next try is told so.
      if (!(fault instanceof Problem && fault.code === 'feed-compacted')) this.#onFault(fault)
    })
  }

  async #bring(listener: Listener): Promise<void> {
    const { follower, sink } = listener
    while (sink !== undefined && this.#listeners.get(follower.incarnation) === listener) {
      const told = this.#told
      if (told === undefined || told.position < listener.position) {
        this.#parked.add(listener)
        this.poke()
        return
      }
      if (listener.position === told.position) return this.#goLive(listener, told)
      const page = await this.#page(listener.position, told.position)
      listener.position = page.to
      sink.write(page.bytes)
      if (!(await sink.drained())) return
    }
  }

  /** The last head is worth having while no other is due: it vouches for what was just read. */
  #goLive(listener: Listener, { head }: Told): void {
    const isFirst = this.#live.size === 0
    this.#live.add(listener)
    const { timeMicros, heartbeatMicros } = this.#now()
    const isRecent = timeMicros < head.claims.time + heartbeatMicros
    if (isFirst || !isRecent || !mayBeGiven(listener.follower, head.claims)) return this.poke()
    listener.sink?.write(utf8.encode(headEvent(head.text)))
  }

  #now(): { readonly timeMicros: number; readonly heartbeatMicros: number } {
    const { clock, policy } = this.#deps
    return { timeMicros: clock.now() * 1000, heartbeatMicros: policy.feed.heartbeatMs * 1000 }
  }

  /** After an outage all come from the same place: what one has read, the others need not read. */
  async #page(after: Position, upTo: Position): Promise<Page> {
    const known = this.#pages.get(after)
    if (known !== undefined && known.to <= upTo) return known
    const { entries } = await pageOfEntries(this.#deps, after, { limit: ENTRIES_MAX, upTo })
    const last = entries.at(-1)
    if (last === undefined) return refuse('internal', `nothing follows ${after} in the feed`)
    const page = { bytes: utf8.encode(entryEvents(entries)), to: last.position }
    if (PAGES_MAX <= this.#pages.size) this.#pages.clear()
    this.#pages.set(after, page)
    return page
  }

  #givenMicros(incarnation: string): number | undefined {
    const listener = this.#listeners.get(incarnation)
    if (listener === undefined || !this.#live.has(listener)) return this.#given.get(incarnation)
    // What lies in a buffer may never arrive.
    return listener.sink?.backlogBytes() === 0 ? this.#told?.head.claims.time : undefined
  }

  #remember(incarnation: string, micros: number): void {
    if (GIVEN_MAX <= this.#given.size) this.#given.clear()
    this.#given.set(incarnation, micros)
  }
}

interface Page {
  readonly bytes: Uint8Array
  readonly to: Position
}

/** Pages of a megabyte at most that are kept for those who come from the same place. */
const PAGES_MAX = 8
const GIVEN_MAX = 20_000

const utf8 = new TextEncoder()

/** Collected already: each reads on by itself, and is told. */
const gone = (problem: unknown): undefined => {
  if (problem instanceof Problem && problem.code === 'feed-compacted') return undefined
  throw problem
}
