import type { Entropy } from '#kernel/clock.ts'
import type { DecisionRequest, VerifierCore, VerifierDecision } from '#verifier/config.ts'
import type { VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'
import type { Authority, Failure } from './authority.ts'
import type { createLocalClock } from './clock.ts'

/** The core at work: its questions sent, its timers set, its answers handed to it. */
export interface Engine {
  start(): void
  /** Decides now: the clock is read, and all the rest is one synchronous step. */
  decide(request: DecisionRequest): VerifierDecision
  nowMicros(): number
  /** Whether an answer is under way that may let it decide otherwise. */
  isAsking(): boolean
  /** Calls back once, when something came that may change a decision; answers what takes it back. */
  onNews(listener: () => void): () => void
  /** Why the authority was not reached when it was last asked. */
  failure(): string | undefined
  /** Gives the lease back; resolves when the authority knows, or does not answer. */
  close(): Promise<void>
}

export interface EngineHooks {
  readonly applied: (position: number) => void
  readonly alarm: (detail: string) => void
}

export interface EngineOptions {
  readonly core: VerifierCore
  readonly authority: Authority
  readonly clock: ReturnType<typeof createLocalClock>
  readonly entropy: Entropy
  readonly hooks: EngineHooks
}

/** Longer timers fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1
/** A close waits no longer for the authority to take the lease back; it runs out by itself. */
const CLOSE_MS_MAX = 1000

export function createEngine({ core, authority, clock, entropy, hooks }: EngineOptions): Engine {
  const streams = new Map<number, () => void>()
  const waiting = new Set<() => void>()
  let isClosed = false
  let underWay = 0
  let spreadMs = 0
  let failure: string | undefined
  let timer: NodeJS.Timeout | undefined

  const nowMicros = (): number => {
    const { nowMicros: micros, hasResumed } = clock.read()
    if (hasResumed && !isClosed) {
      // Whoever was at the other end has long given us up.
      authority.reset()
      perform(core.on({ kind: 'resumed' }, micros))
    }
    return micros
  }
  const tell = (event: VerifierEvent): void => {
    if (isClosed) return
    const micros = nowMicros()
    perform(core.on(event, micros))
    if (!isNews(event)) return
    const told = [...waiting]
    waiting.clear()
    for (const listener of told) listener()
  }
  const perform = (effects: readonly VerifierEffect[]): void => {
    for (const effect of effects) run(effect)
  }
  const run = (effect: VerifierEffect): void => {
    switch (effect.kind) {
      case 'ask':
        return sync(effect)
      case 'wake':
        return wake(effect.atMicros)
      case 'open-stream':
        return openStream(effect)
      case 'close-stream':
        streams.get(effect.stream)?.()
        streams.delete(effect.stream)
        return
      case 'fetch-entries':
        return fetchEntries(effect)
      case 'fetch-snapshot':
        return fetchSnapshot(effect)
      case 'acknowledge':
        return acknowledge(effect)
      case 'next-url':
        return authority.nextUrl()
      case 'applied':
        return hooks.applied(effect.position)
      case 'alarm':
        return hooks.alarm(effect.detail)
    }
  }

  /** The newest time is the one that counts: the core asks for no other until it was woken then. */
  const wake = (atMicros: number): void => {
    clearTimeout(timer)
    const delayMs = Math.ceil((atMicros - clock.read().nowMicros) / 1000)
    timer = setTimeout(() => tell({ kind: 'woken' }), Math.min(Math.max(delayMs, 0), TIMER_MS_MAX))
    timer.unref()
  }
  const awaited = <T>(work: Promise<T>, use: (value: T) => void): void => {
    underWay += 1
    void work.then((value) => {
      underWay -= 1
      use(value)
    })
  }
  const sync = ({ question }: Effect<'ask'>): void => {
    const { nonce } = question
    awaited(authority.sync(question), (answer) => {
      failure = isFailure(answer) ? answer.reason : undefined
      if (!isFailure(answer)) return tell({ kind: 'answered', nonce, ...answer })
      if (mustBeSeen(answer)) hooks.alarm(`the authority gives no head: ${answer.reason}`)
      tell({ kind: 'unanswered', nonce })
    })
  }
  const openStream = ({ stream, after }: Effect<'open-stream'>): void => {
    const close = authority.stream(after, {
      opened: () => tell({ kind: 'stream-opened', stream }),
      entry: (text) => tell({ kind: 'stream-entry', stream, text }),
      head: (text) => tell({ kind: 'stream-head', stream, text }),
      spread: (ms) => {
        spreadMs = ms
      },
      closed: ({ status }) => {
        streams.delete(stream)
        tell({ kind: 'stream-closed', stream, isGone: status === GONE })
      },
    })
    streams.set(stream, close)
  }
  const fetchEntries = ({ fetch, after }: Effect<'fetch-entries'>): void =>
    awaited(authority.entries(after), (entries) =>
      tell(
        isFailure(entries)
          ? { kind: 'entries-failed', fetch, isGone: entries.status === GONE }
          : { kind: 'entries', fetch, entries },
      ),
    )
  const fetchSnapshot = ({ fetch }: Effect<'fetch-snapshot'>): void =>
    awaited(authority.snapshot(), (snapshot) =>
      tell(
        isFailure(snapshot)
          ? { kind: 'snapshot-failed', fetch }
          : { kind: 'snapshot', fetch, ...snapshot },
      ),
    )
  const acknowledge = ({ acknowledgement }: Effect<'acknowledge'>): void => {
    const { position } = acknowledgement
    const send = async (): Promise<void> => {
      const refused = await authority.acknowledge(acknowledgement)
      tell({ kind: refused === undefined ? 'acknowledged' : 'unacknowledged', position })
    }
    // Thousands that were told at once do not answer at once.
    const delayMs = (spreadMs * (entropy.bytes(1)[0] ?? 0)) / 256
    if (delayMs < 1) void send()
    else setTimeout(() => isClosed || void send(), delayMs).unref()
  }

  return {
    start: () => tell({ kind: 'started' }),
    decide(request) {
      const { decision, effects } = core.decide(request, nowMicros())
      perform(effects)
      return decision
    },
    nowMicros,
    isAsking: () => 0 < underWay,
    onNews(listener) {
      waiting.add(listener)
      return () => void waiting.delete(listener)
    },
    failure: () => failure,
    async close() {
      const effects = core.on({ kind: 'closed' }, clock.read().nowMicros)
      isClosed = true
      clearTimeout(timer)
      const words: Promise<unknown>[] = []
      for (const effect of effects) {
        if (effect.kind === 'acknowledge') words.push(authority.acknowledge(effect.acknowledgement))
        else run(effect)
      }
      const { promise: late, resolve } = Promise.withResolvers<void>()
      // Not unref'd: who awaits a close wants it done before the process ends.
      const limit = setTimeout(resolve, CLOSE_MS_MAX)
      await Promise.race([Promise.all(words), late])
      clearTimeout(limit)
      for (const close of streams.values()) close()
      streams.clear()
      authority.reset()
    },
  }
}

type Effect<K extends VerifierEffect['kind']> = Extract<VerifierEffect, { kind: K }>

const GONE = 410

/** Events after which who waits for a decision may find another one. */
const isNews = ({ kind }: VerifierEvent): boolean =>
  kind !== 'acknowledged' && kind !== 'unacknowledged' && kind !== 'stream-opened'

export const isFailure = (value: object): value is Failure => 'isFailure' in value

/** What passes by itself: a restart, a busy database, a node that does not know us yet. */
const PASSING = new Set([
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
