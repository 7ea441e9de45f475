import type { DecisionRequest, VerifierDecision } from '#verifier/config.ts'

/** Accepted tokens whose holders are still being served, such as at a web socket. */
export interface Watches {
  /** Calls `listener` once, when the token is accepted no longer; answers what ends the watch. */
  add(token: string, listener: Listener, options: { readonly keepWhileStale: boolean }): () => void
  /** A head decides from now on, which has come so far. */
  applied(position: number): void
  /** Nothing is decided any more; who is watched is told that it is `stale`. */
  close(): void
}

type Listener = (decision: VerifierDecision) => void

export interface WatchCapabilities {
  readonly decide: (request: DecisionRequest) => VerifierDecision
  readonly nowMicros: () => number
  /** The latest that the authority's time can be; `undefined` where it is not known. */
  readonly upperMicros: (nowMicros: number) => number | undefined
  readonly leewayMicros: number
}

interface Watched {
  readonly request: DecisionRequest
  readonly listener: Listener
  readonly keepWhileStale: boolean
  readonly kind: Kind
  /** When time alone will have changed what is decided, by the local clock. */
  dueMicros: number
}

/** Tokens of one staleness limit become stale together, so one of them tells for all. */
interface Kind {
  readonly members: Set<Watched>
  /** It was found stale once; perhaps an answer is under way. */
  isDoubted: boolean
}

/** How often it is looked whether time alone has ended anything. */
const SWEEP_MS = 250
/** So many are judged before others have their turn on the thread. */
const SLICE = 2000
const SECOND = 1_000_000
const CLOSED: VerifierDecision = { verdict: 'stale', cause: 'cold', retryAfterSeconds: 1 }

/**
 * Every watched token is judged anew when the feed has moved on, and when its own time has come. Where
 * the verifier cannot know, one token of each limit is asked; only if it still cannot know a quarter
 * of a second later (an answer may be under way) are the watches ended.
 */
export const createWatches = (capabilities: WatchCapabilities): Watches =>
  new TokenWatches(capabilities)

class TokenWatches implements Watches {
  readonly #capabilities: WatchCapabilities
  readonly #kinds = new Map<unknown, Kind>()
  readonly #all = new Set<Watched>()
  #position: number | undefined
  #queue: Watched[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(capabilities: WatchCapabilities) {
    this.#capabilities = capabilities
  }

  add(
    token: string,
    listener: Listener,
    { keepWhileStale }: { readonly keepWhileStale: boolean },
  ): () => void {
    const { decide, nowMicros } = this.#capabilities
    const request = { token, arrivedMicros: nowMicros(), scopes: [] }
    const kind = this.#kindOf(decide(request))
    const watched = { request, listener, keepWhileStale, kind, dueMicros: Infinity }
    kind.members.add(watched)
    this.#all.add(watched)
    this.#judge(watched, { endsIfStale: false })
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
    return () => this.#end(watched)
  }

  applied(position: number): void {
    if (position === this.#position) return
    this.#position = position
    const isJudging = 0 < this.#queue.length
    this.#queue = [...this.#all]
    if (!isJudging) this.#judgeQueue()
  }

  close(): void {
    clearInterval(this.#timer)
    for (const watched of this.#all) this.#end(watched, CLOSED)
  }

  #kindOf({ claims }: VerifierDecision): Kind {
    const limit = claims?.['staleness']
    const known = this.#kinds.get(limit)
    if (known !== undefined) return known
    const kind: Kind = { members: new Set(), isDoubted: false }
    this.#kinds.set(limit, kind)
    return kind
  }

  #end(watched: Watched, decision?: VerifierDecision): void {
    this.#all.delete(watched)
    watched.kind.members.delete(watched)
    // What a listener throws must not stop the others from being told.
    if (decision !== undefined) queueMicrotask(() => watched.listener(decision))
  }

  /** Judges anew; answers whether it cannot be known now. */
  #judge(watched: Watched, { endsIfStale }: { readonly endsIfStale: boolean }): boolean {
    if (!this.#all.has(watched)) return false
    const decision = this.#capabilities.decide(watched.request)
    if (decision.verdict === 'stale') {
      if (endsIfStale && !watched.keepWhileStale) this.#end(watched, decision)
      return true
    }
    if (decision.verdict === 'accepted') watched.dueMicros = this.#dueOf(decision)
    else this.#end(watched, decision)
    return false
  }

  #dueOf({ claims, graceSeconds }: VerifierDecision): number {
    const { nowMicros, upperMicros, leewayMicros } = this.#capabilities
    const now = nowMicros()
    // Told in whole seconds, rounded up; the last of them is looked through sweep by sweep.
    if (graceSeconds !== undefined) return now + (graceSeconds - 1) * SECOND
    const upper = upperMicros(now) ?? Infinity
    return now + Number(claims?.['exp']) * SECOND + leewayMicros - upper
  }

  #judgeQueue(): void {
    for (const watched of this.#queue.splice(0, SLICE)) this.#judge(watched, { endsIfStale: false })
    if (0 < this.#queue.length) setImmediate(() => this.#judgeQueue())
  }

  #sweep(): void {
    const now = this.#capabilities.nowMicros()
    for (const kind of this.#kinds.values()) this.#sound(kind)
    for (const watched of this.#all) {
      if (watched.dueMicros <= now) this.#judge(watched, { endsIfStale: false })
    }
    if (0 < this.#all.size) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#kinds.clear()
  }

  #sound(kind: Kind): void {
    const [first] = kind.members
    const isStale = first !== undefined && this.#judge(first, { endsIfStale: false })
    if (isStale && kind.isDoubted) {
      for (const watched of kind.members) this.#judge(watched, { endsIfStale: true })
    }
    kind.isDoubted = isStale
  }
}
