import type { DecisionRequest, VerifierDecision } from '#verifier/config.ts'

/** Accepted tokens whose holders are still being served, such as at a web socket. */
export interface Watches {
  /** Calls `listener` once, when the token is accepted no longer; answers what ends the watch. */
  add(token: string, listener: Listener, options: { readonly keepWhileStale: boolean }): () => void
  /** A newer head decides from now on. */
  applied(position: number): void
  /** Nothing is decided any more. */
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

export function createWatches({
  decide,
  nowMicros,
  upperMicros,
  leewayMicros,
}: WatchCapabilities): Watches {
  const kinds = new Map<unknown, Kind>()
  const all = new Map<Watched, Kind>()
  let appliedPosition: number | undefined
  let queue: Watched[] = []
  let timer: NodeJS.Timeout | undefined

  const end = (watched: Watched, decision?: VerifierDecision): void => {
    const kind = all.get(watched)
    if (kind === undefined) return
    all.delete(watched)
    kind.members.delete(watched)
    if (decision !== undefined) queueMicrotask(() => watched.listener(decision))
  }
  /** Judges anew; answers whether it cannot be known now. */
  const judge = (watched: Watched, isStaleEnough: boolean): boolean => {
    if (!all.has(watched)) return false
    const decision = decide(watched.request)
    if (decision.verdict === 'accepted') watched.dueMicros = dueOf(decision)
    else if (decision.verdict !== 'stale') end(watched, decision)
    else if (isStaleEnough && !watched.keepWhileStale) end(watched, decision)
    else return true
    return false
  }
  const dueOf = ({ claims, graceSeconds }: VerifierDecision): number => {
    const now = nowMicros()
    if (graceSeconds !== undefined) return now + (graceSeconds - 1) * SECOND
    const upper = upperMicros(now)
    const leftMicros = Number(claims?.['exp']) * SECOND + leewayMicros - (upper ?? Infinity)
    return now + leftMicros
  }
  const judgeQueue = (): void => {
    for (const watched of queue.splice(0, SLICE)) judge(watched, false)
    if (0 < queue.length) setImmediate(judgeQueue)
  }
  const sweep = (): void => {
    const now = nowMicros()
    for (const kind of kinds.values()) {
      const [first] = kind.members
      if (first === undefined) continue
      // It may be that only this one has come to its end; the next sweep asks another.
      const isStale = judge(first, false)
      if (isStale && kind.isDoubted) for (const watched of kind.members) judge(watched, true)
      kind.isDoubted = isStale
    }
    for (const watched of all.keys()) if (watched.dueMicros <= now) judge(watched, false)
    if (0 < all.size) return
    clearInterval(timer)
    timer = undefined
    kinds.clear()
  }

  return {
    add(token, listener, { keepWhileStale }) {
      const request = { token, arrivedMicros: nowMicros(), scopes: [] }
      const watched: Watched = { request, listener, keepWhileStale, dueMicros: -Infinity }
      const decision = decide(request)
      const limit = decision.claims?.['staleness']
      let kind = kinds.get(limit)
      if (kind === undefined) {
        kind = { members: new Set(), isDoubted: false }
        kinds.set(limit, kind)
      }
      kind.members.add(watched)
      all.set(watched, kind)
      if (decision.verdict === 'accepted') watched.dueMicros = dueOf(decision)
      else if (decision.verdict !== 'stale') end(watched, decision)
      timer ??= setInterval(sweep, SWEEP_MS).unref()
      return () => end(watched)
    },
    applied(position) {
      if (position === appliedPosition) return
      appliedPosition = position
      const isJudging = 0 < queue.length
      queue = [...all.keys()]
      if (!isJudging) judgeQueue()
    },
    close() {
      clearInterval(timer)
      const decision = { verdict: 'stale', cause: 'cold', retryAfterSeconds: 1 } as const
      for (const watched of all.keys()) end(watched, decision)
    },
  }
}
