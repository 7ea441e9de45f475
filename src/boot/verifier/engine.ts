import type { Entropy } from '#kernel/clock.ts'
import type { DecisionRequest, VerifierCore, VerifierDecision } from '#verifier/config.ts'
import type { Jwk, VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'
import { type Authority, type Errand, type Failure, isFailure, type Snapshot } from './authority.ts'
import type { LocalClock } from './clock.ts'

/** The core at work: its questions sent, its timers set, its answers handed to it. */
export interface Engine {
  /** `kept`: what an earlier start left. */
  start(kept?: Kept): void
  /** Decides now: the clock is read, and all the rest is one synchronous step. */
  decide(request: DecisionRequest): VerifierDecision
  nowMicros(): number
  /** Whether an answer is under way that may let it decide otherwise. */
  readonly isAsking: boolean
  readonly isClosed: boolean
  /** Why the authority gave no answer when it was last asked, unless it has been heard since. */
  readonly failure: string | undefined
  /** Calls back once, when something came that may change a decision; answers what takes it back. */
  onNews(listener: () => void): () => void
  /** Gives the lease back; resolves when the authority knows, or does not answer. */
  close(): Promise<void>
}

/** What was kept at an earlier start. The core checks it as if a stranger had sent it. */
export interface Kept extends Snapshot {
  readonly feedKeys: readonly Jwk[]
}

export interface EngineOptions {
  readonly core: VerifierCore
  readonly authority: Authority
  readonly clock: LocalClock
  readonly entropy: Entropy
  readonly hooks: {
    readonly applied: (position: number) => void
    readonly alarm: (detail: string) => void
  }
}

export const createEngine = (options: EngineOptions): Engine => new CoreEngine(options)

/** Longer timers fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1
/** A close waits no longer for the authority to take the lease back; it runs out by itself. */
const CLOSE_MS_MAX = 1000

class CoreEngine implements Engine {
  readonly #options: EngineOptions
  readonly #streams = new Map<number, () => void>()
  readonly #waiting = new Set<() => void>()
  #underWay = 0
  #spreadMs = 0
  #timer: NodeJS.Timeout | undefined
  #lastMicros = 0
  isClosed = false
  failure: string | undefined

  constructor(options: EngineOptions) {
    this.#options = options
  }

  start(kept?: Kept): void {
    if (kept !== undefined) this.#tell({ kind: 'kept', ...kept })
    this.#tell({ kind: 'started' })
  }

  decide(request: DecisionRequest): VerifierDecision {
    const { decision, effects } = this.#options.core.decide(request, this.nowMicros())
    this.#perform(effects)
    return decision
  }

  nowMicros(): number {
    const { clock, core, authority } = this.#options
    const { nowMicros, hasResumed } = clock.read()
    this.#lastMicros = nowMicros
    if (hasResumed && !this.isClosed) {
      // Whoever was at the other end has long given us up.
      authority.reset()
      this.#perform(core.on({ kind: 'resumed' }, nowMicros))
    }
    return nowMicros
  }

  get isAsking(): boolean {
    return 0 < this.#underWay
  }

  onNews(listener: () => void): () => void {
    this.#waiting.add(listener)
    return () => void this.#waiting.delete(listener)
  }

  async close(): Promise<void> {
    const { core, authority } = this.#options
    const effects = core.on({ kind: 'closed' }, this.#lastMicros)
    this.isClosed = true
    clearTimeout(this.#timer)
    this.#news()
    const words: Promise<unknown>[] = []
    for (const effect of effects) {
      if (effect.kind === 'acknowledge') words.push(authority.acknowledge(effect.acknowledgement))
    }
    const { promise: late, resolve } = Promise.withResolvers<void>()
    // Not unref'd: who awaits a close wants it done before the process ends.
    const limit = setTimeout(resolve, CLOSE_MS_MAX)
    await Promise.race([Promise.all(words), late])
    clearTimeout(limit)
    // Streams end with it.
    authority.reset()
  }

  #tell(event: VerifierEvent): void {
    if (this.isClosed) return
    const nowMicros = this.nowMicros()
    this.#perform(this.#options.core.on(event, nowMicros))
    if (isNews(event)) this.#news()
  }

  #news(): void {
    if (this.#waiting.size === 0) return
    const told = [...this.#waiting]
    this.#waiting.clear()
    for (const listener of told) listener()
  }

  #perform(effects: readonly VerifierEffect[]): void {
    for (let at = 0; at < effects.length; at++) {
      const effect = effects[at] as VerifierEffect
      if (effect.kind === 'next-url') this.#nextUrl(effects[at + 1])
      else this.#run(effect)
    }
  }

  /** The core asks for another address right before what it is about to try there. */
  #nextUrl(next: VerifierEffect | undefined): void {
    if (next === undefined) return
    const errand = errands[next.kind]
    if (errand !== undefined) this.#options.authority.nextUrl(errand)
  }

  #run(effect: Exclude<VerifierEffect, { kind: 'next-url' }>): void {
    const { hooks } = this.#options
    switch (effect.kind) {
      case 'ask':
        return this.#ask(effect)
      case 'wake':
        return this.#wake(effect.atMicros)
      case 'open-stream':
        return this.#openStream(effect)
      case 'close-stream':
        this.#streams.get(effect.stream)?.()
        this.#streams.delete(effect.stream)
        return
      case 'fetch-entries':
        return this.#fetchEntries(effect)
      case 'fetch-snapshot':
        return this.#fetchSnapshot(effect)
      case 'acknowledge':
        return this.#acknowledge(effect)
      case 'applied':
        return hooks.applied(effect.position)
      case 'alarm':
        return hooks.alarm(effect.detail)
    }
  }

  /** The newest time is the one that counts: the core asks for no other until it was woken then. */
  #wake(atMicros: number): void {
    clearTimeout(this.#timer)
    const delayMs = Math.max(0, Math.ceil((atMicros - this.#lastMicros) / 1000))
    this.#timer = setTimeout(() => this.#tell({ kind: 'woken' }), Math.min(delayMs, TIMER_MS_MAX))
    this.#timer.unref()
  }

  #awaited<T>(work: Promise<T>, use: (value: T) => void): void {
    this.#underWay += 1
    void work.then((value) => {
      this.#underWay -= 1
      use(value)
    })
  }

  #ask({ question }: Effect<'ask'>): void {
    const { authority, hooks } = this.#options
    const { nonce } = question
    this.#awaited(authority.sync(question), (answer) => {
      this.failure = isFailure(answer) ? answer.reason : undefined
      if (!isFailure(answer)) return this.#tell({ kind: 'answered', nonce, ...answer })
      if (mustBeSeen(answer)) hooks.alarm(`the authority gives no head: ${answer.reason}`)
      this.#tell({ kind: 'unanswered', nonce })
    })
  }

  #openStream({ stream, after }: Effect<'open-stream'>): void {
    const close = this.#options.authority.stream(after, {
      opened: () => {
        this.failure = undefined
        this.#tell({ kind: 'stream-opened', stream })
      },
      entry: (text) => this.#tell({ kind: 'stream-entry', stream, text }),
      head: (text) => this.#tell({ kind: 'stream-head', stream, text }),
      spread: (ms) => {
        this.#spreadMs = ms
      },
      closed: ({ status }) => {
        this.#streams.delete(stream)
        this.#tell({ kind: 'stream-closed', stream, isGone: status === GONE })
      },
    })
    this.#streams.set(stream, close)
  }

  #fetchEntries({ fetch, after }: Effect<'fetch-entries'>): void {
    this.#awaited(this.#options.authority.entries(after), (answer) =>
      this.#tell(
        isFailure(answer)
          ? { kind: 'entries-failed', fetch, isGone: answer.status === GONE }
          : { kind: 'entries', fetch, entries: answer },
      ),
    )
  }

  #fetchSnapshot({ fetch }: Effect<'fetch-snapshot'>): void {
    this.#awaited(this.#options.authority.snapshot(), (answer) =>
      this.#tell(
        isFailure(answer)
          ? { kind: 'snapshot-failed', fetch }
          : { kind: 'snapshot', fetch, ...answer },
      ),
    )
  }

  #acknowledge({ acknowledgement }: Effect<'acknowledge'>): void {
    const { authority, entropy } = this.#options
    const { position } = acknowledgement
    const send = async (): Promise<void> => {
      if (this.isClosed) return
      const refused = await authority.acknowledge(acknowledgement)
      this.#tell({ kind: refused === undefined ? 'acknowledged' : 'unacknowledged', position })
    }
    // Thousands that were told at once do not answer at once, nor before the last of them is told.
    const delayMs = this.#spreadMs * (1 + (entropy.bytes(1)[0] ?? 0) / 256)
    if (delayMs < 1) void send()
    else setTimeout(() => void send(), delayMs).unref()
  }
}

type Effect<K extends VerifierEffect['kind']> = Extract<VerifierEffect, { kind: K }>

const errands: Readonly<Partial<Record<VerifierEffect['kind'], Errand>>> = {
  ask: 'sync',
  'fetch-entries': 'fetch',
  'fetch-snapshot': 'fetch',
  'open-stream': 'stream',
}

const GONE = 410

/** Events after which who waits for a decision may find another one. */
const isNews = ({ kind }: VerifierEvent): boolean =>
  kind !== 'acknowledged' && kind !== 'unacknowledged' && kind !== 'stream-opened'

/** What passes by itself: a restart, a busy database, a node that does not know us yet. */
const PASSING: ReadonlySet<string> = new Set([
  'authority-stopping',
  'clock-behind',
  'incarnation-unknown',
  'internal',
  'store-busy',
  'store-full',
])
/** A certificate does not become good by waiting. */
const CERTIFICATE = /CERT|ERR_TLS|UNABLE_TO/

/** Whether waiting does not help, so that an operator must look. */
const mustBeSeen = ({ code, reason }: Failure): boolean =>
  code === undefined ? CERTIFICATE.test(reason) : !PASSING.has(code)
