import { ORIGIN } from '#domain/feed/position.ts'
import { acknowledgementOf, createAcknowledger } from './acknowledger.ts'
import { createAsker } from './asker.ts'
import { type Anchor, type TimeInterval, widthOf } from './authority-time.ts'
import type {
  DecisionRequest,
  VerifierCapabilities,
  VerifierConfig,
  VerifierCore,
  VerifierDecision,
} from './config.ts'
import { Decider, type Knowledge, staleBy } from './decide.ts'
import { createFollower, type Standing } from './follower.ts'
import { isHeadFault } from './head.ts'
import { createLedger, type Settled } from './ledger.ts'
import { NOTHING, type VerifierEffect, type VerifierEvent } from './protocol.ts'
import { createSignatureCache } from './signature-cache.ts'

/** An interval may always be as wide as this; a smaller leeway leaves times that are `stale`. */
const WIDTH_MICROS_MIN = 1_000_000
const SIGNATURES_KEPT_MAX = 10_000
const HEARTBEAT_MS = 1000
/** The same alarm is raised again only after so long. */
const ALARM_MICROS_MIN = 10_000_000
const ALARMS_MAX = 100
const PUZZLES_MAX = 16
/** A timer may fire so much too early. */
const EARLY_MICROS_MAX = 5000

type Event<K extends VerifierEvent['kind']> = Extract<VerifierEvent, { kind: K }>

/**
 * The verifier without its input and output: what it is told and when decides what it answers. A
 * shell sends its questions, follows the feed for it and wakes it; so does the simulator.
 */
export function createVerifierCore(
  config: VerifierConfig,
  capabilities: VerifierCapabilities,
): VerifierCore {
  return new Core(config, capabilities)
}

class Core implements VerifierCore {
  readonly #config
  readonly #rules
  readonly #widthMicrosMax
  readonly #ledger
  readonly #asker
  readonly #follower
  readonly #acknowledger
  readonly #decider
  #anchor: Anchor | undefined
  #isClosed = false
  #wakeMicros = Number.POSITIVE_INFINITY
  readonly #alarms = new Map<string, number>()
  /** Keys that signed heads and are not trusted, and how many fetches had ended when they were seen. */
  readonly #puzzles = new Map<string, number>()

  constructor(config: VerifierConfig, capabilities: VerifierCapabilities) {
    const { entropy, rules, verifySignature } = capabilities
    this.#config = config
    this.#rules = rules
    this.#widthMicrosMax = Math.max(config.leewayMicros, WIDTH_MICROS_MIN)
    this.#ledger = createLedger(config, capabilities)
    this.#asker = createAsker(() => this.#introduction(), { entropy, rules })
    this.#follower = createFollower(entropy)
    this.#acknowledger = createAcknowledger(config.incarnation, entropy)
    const cache = createSignatureCache(config.signaturesKeptMax ?? SIGNATURES_KEPT_MAX)
    const widthMicrosMax = this.#widthMicrosMax
    this.#decider = new Decider({ config, widthMicrosMax, rules, cache, verifySignature })
  }

  on(event: VerifierEvent, nowMicros: number): readonly VerifierEffect[] {
    if (this.#isClosed) return []
    if (event.kind === 'closed') return this.#close()
    const effects: VerifierEffect[] = []
    add(effects, this.#take(event, nowMicros))
    add(effects, this.#settle(nowMicros).effects)
    if (event.kind === 'woken' && this.#wakeMicros <= nowMicros + EARLY_MICROS_MAX) {
      this.#wakeMicros = Number.POSITIVE_INFINITY
    }
    if (event.kind !== 'kept') this.#run(nowMicros, effects)
    return effects
  }

  decide(
    request: DecisionRequest,
    nowMicros: number,
  ): { readonly decision: VerifierDecision; readonly effects: readonly VerifierEffect[] } {
    if (this.#isClosed) return { decision: staleBy('cold'), effects: [] }
    const decision = this.#decider.decide(this.#known(nowMicros), request)
    if (decision.verdict !== 'stale') return { decision, effects: NOTHING }
    this.#asker.want()
    const effects: VerifierEffect[] = []
    this.#run(nowMicros, effects)
    return { decision, effects }
  }

  applied() {
    return this.#ledger.applied?.head
  }

  interval(nowMicros: number): TimeInterval | undefined {
    return this.#anchor === undefined ? undefined : this.#rules.intervalAt(this.#anchor, nowMicros)
  }

  staleness(nowMicros: number) {
    return this.#isClosed ? 'cold' : this.#decider.staleness(this.#known(nowMicros))
  }

  feedKeys() {
    return this.#ledger.trust.keys()
  }

  #known(nowMicros: number): Knowledge {
    const { applied, view, issuedAfterMicros, isDiverged } = this.#ledger
    const interval = this.interval(nowMicros)
    return { applied, interval, view, issuedAfterMicros, isDiverged, nowMicros }
  }

  #take(event: Exclude<VerifierEvent, { kind: 'closed' }>, nowMicros: number) {
    switch (event.kind) {
      case 'kept':
        this.#ledger.keep(event, event.feedKeys)
        return NOTHING
      case 'started':
        this.#asker.want()
        return NOTHING
      case 'woken':
        return NOTHING
      case 'resumed':
        this.#anchor = this.#rules.anchorAfterResume(this.#anchor)
        this.#asker.forget(nowMicros)
        return this.#follower.restartStream(nowMicros)
      case 'answered':
        return this.#answered(event, nowMicros)
      case 'unanswered':
        if (this.#asker.sentMicros(event.nonce) !== undefined) this.#asker.failed(nowMicros)
        return NOTHING
      case 'acknowledged':
        this.#acknowledger.acknowledged(event.position)
        return NOTHING
      case 'unacknowledged':
        // It may be a node that does not know us, or our head; a sync makes both known to it.
        if (this.#acknowledger.unacknowledged(event.position, nowMicros)) this.#asker.want()
        return NOTHING
      case 'stream-opened':
      case 'stream-entry':
      case 'stream-head':
      case 'stream-closed':
        return this.#follower.isStream(event.stream) ? this.#streamed(event, nowMicros) : NOTHING
      case 'entries':
      case 'entries-failed':
      case 'snapshot':
      case 'snapshot-failed':
        return this.#follower.isFetch(event.fetch) ? this.#fetched(event, nowMicros) : NOTHING
    }
  }

  #answered({ nonce, head, feedKeys }: Event<'answered'>, nowMicros: number) {
    const sentMicros = this.#asker.sentMicros(nonce)
    // A late answer, or a second one: what it says of the time is no longer worth anything.
    if (sentMicros === undefined) return NOTHING
    const read = this.#ledger.readHead(head, feedKeys)
    if (isHeadFault(read)) {
      this.#asker.failed(nowMicros)
      return this.#refused(read, nowMicros)
    }
    const { claims } = read
    if (!this.#rules.isAnswerTo(claims, nonce)) {
      this.#asker.failed(nowMicros)
      return this.#alarm('an answer was refused: it answers another question', nowMicros)
    }
    const exchange = { sentMicros, receivedMicros: nowMicros, timeMicros: claims.time }
    const anchor = this.#rules.anchorOf(exchange)
    if (this.#rules.isTooWide(widthOf(anchor), this.#widthMicrosMax)) {
      this.#asker.failed(nowMicros)
      return NOTHING
    }
    const times = { receivedMicros: nowMicros, issuedAfterMicros: sentMicros }
    if (this.#ledger.hear(read, times) === 'fork') {
      this.#asker.failed(nowMicros)
      return this.#alarm('a head was refused: it contradicts another one', nowMicros)
    }
    if (this.#ledger.trust.isEmpty) this.#ledger.trust.adopt(feedKeys)
    this.#anchor = anchor
    this.#asker.succeeded(this.#rules.dueAt(anchor, this.#widthMicrosMax))
    return NOTHING
  }

  #streamed(
    event: Event<'stream-opened' | 'stream-entry' | 'stream-head' | 'stream-closed'>,
    nowMicros: number,
  ): readonly VerifierEffect[] {
    switch (event.kind) {
      case 'stream-opened':
        this.#follower.heard(nowMicros, false)
        return NOTHING
      case 'stream-entry':
        return this.#offered(event.text, nowMicros).effects
      case 'stream-head':
        return this.#headStreamed(event.text, nowMicros)
      case 'stream-closed':
        this.#follower.streamClosed(nowMicros)
        if (event.isGone) this.#follower.wantSnapshot()
        // The authority may be another now, which does not know us before we ask.
        this.#asker.want()
        return NOTHING
    }
  }

  #headStreamed(text: string, nowMicros: number): readonly VerifierEffect[] {
    const read = this.#ledger.readHead(text)
    if (isHeadFault(read)) return this.#refused(read, nowMicros)
    const { time } = read.claims
    const interval = this.interval(nowMicros)
    const isBeyond = interval !== undefined && this.#rules.isBeyond(time, interval)
    const issuedAfterMicros =
      interval === undefined || isBeyond
        ? Number.NEGATIVE_INFINITY
        : issuedAfter(time, interval, nowMicros)
    const order = this.#ledger.hear(read, { receivedMicros: nowMicros, issuedAfterMicros })
    if (order === 'fork') {
      return this.#alarm('a head was refused: it contradicts another one', nowMicros)
    }
    // One that is sent again is no sign of life.
    if (order === 'newer') this.#follower.heard(nowMicros, true)
    if (isBeyond) {
      this.#anchor = undefined
      this.#asker.want()
    } else {
      this.#anchor =
        this.#anchor === undefined
          ? this.#rules.anchorOfStream(time, nowMicros)
          : this.#rules.raisedBy(this.#anchor, time, nowMicros)
    }
    return NOTHING
  }

  #fetched(
    event: Event<'entries' | 'entries-failed' | 'snapshot' | 'snapshot-failed'>,
    nowMicros: number,
  ): readonly VerifierEffect[] {
    switch (event.kind) {
      case 'entries':
        return this.#entriesCame(event.entries, nowMicros)
      case 'snapshot': {
        const restored = this.#ledger.restore(event, nowMicros)
        this.#follower.fetched(nowMicros, restored === 'begun' ? 'some' : 'none')
        if (typeof restored === 'string') return NOTHING
        return this.#alarm(`a snapshot was refused: ${restored.fault}`, nowMicros)
      }
      case 'entries-failed':
        this.#follower.fetched(nowMicros, event.isGone ? 'some' : 'none')
        if (event.isGone) this.#follower.wantSnapshot()
        return NOTHING
      case 'snapshot-failed':
        this.#follower.fetched(nowMicros, 'none')
        return NOTHING
    }
  }

  #entriesCame(entries: readonly string[], nowMicros: number): readonly VerifierEffect[] {
    const effects: VerifierEffect[] = []
    let isGood = true
    let hasAdded = false
    for (const text of entries) {
      const offered = this.#offered(text, nowMicros)
      effects.push(...offered.effects)
      hasAdded ||= offered.isAdded
      isGood &&= !offered.isFault
      if (offered.isFault) break
    }
    const settled = this.#settle(nowMicros)
    effects.push(...settled.effects)
    const isThere = this.#standing().wanted <= this.#ledger.tip
    const hasProgress = isGood && !settled.isForged && (hasAdded || isThere)
    this.#follower.fetched(nowMicros, hasProgress ? 'some' : 'none')
    return effects
  }

  /** Takes in an entry, and sees to it that what is missing before it is fetched. */
  #offered(text: string, nowMicros: number) {
    const offered = this.#ledger.offer(text)
    const isFault = typeof offered === 'object' && 'fault' in offered
    const isAdded = typeof offered === 'object' && !isFault
    if (offered === 'elsewhere') this.#follower.wantSnapshot()
    if (offered === 'gap' || isFault) this.#follower.wantEntries()
    const effects = isFault
      ? this.#alarm(`an entry was refused: ${offered.fault}`, nowMicros)
      : NOTHING
    return { effects, isFault, isAdded }
  }

  /** Applies what the heads that came speak for by now. */
  #settle(nowMicros: number): typeof NONE_SETTLED {
    let settled = this.#ledger.settle(this.#asker.hasSucceeded)
    if (settled.kind === 'idle') return NONE_SETTLED
    const effects: VerifierEffect[] = []
    let isForged = false
    for (; settled.kind !== 'idle'; settled = this.#ledger.settle(this.#asker.hasSucceeded)) {
      if (settled.kind === 'forged') isForged = true
      add(effects, this.#settled(settled, nowMicros))
    }
    return { effects, isForged }
  }

  #settled(settled: Exclude<Settled, { kind: 'idle' }>, nowMicros: number) {
    if (settled.kind === 'applied') {
      const { position, time } = settled.head
      return [{ kind: 'applied', position, timeMicros: time } as const]
    }
    const alarm = this.#alarm(settled.detail, nowMicros)
    if (settled.kind === 'diverged') this.#follower.wantSnapshot()
    if (settled.kind !== 'forged') return alarm
    this.#follower.wantEntries()
    return [...alarm, ...this.#follower.restartStream(nowMicros)]
  }

  /** A head that was not taken: perhaps the entry that names its key has not come yet. */
  #refused(
    {
      fault,
      kid,
      detail,
    }: { readonly fault: string; readonly kid?: string; readonly detail: string },
    nowMicros: number,
  ): readonly VerifierEffect[] {
    const refusal = `a head was refused: ${detail}`
    if (fault !== 'unknown-key' || kid === undefined) return this.#alarm(refusal, nowMicros)
    const fetchesBefore = this.#puzzles.get(kid)
    const hasLooked = fetchesBefore !== undefined && fetchesBefore < this.#follower.fetches
    if (PUZZLES_MAX <= this.#puzzles.size) this.#puzzles.clear()
    if (fetchesBefore === undefined) this.#puzzles.set(kid, this.#follower.fetches)
    if (this.#ledger.applied === undefined) this.#follower.wantSnapshot()
    else if (!hasLooked) this.#follower.wantEntries()
    return hasLooked ? this.#alarm(refusal, nowMicros) : NOTHING
  }

  #close(): readonly VerifierEffect[] {
    this.#isClosed = true
    const effects: VerifierEffect[] = [...this.#follower.close()]
    const { applied } = this.#ledger
    if (applied === undefined) return effects
    const acknowledgement = acknowledgementOf(this.#config.incarnation, applied.head)
    effects.push({ kind: 'acknowledge', acknowledgement: { ...acknowledgement, released: true } })
    return effects
  }

  /** Does what is due, and asks to be woken when something will be. */
  #run(nowMicros: number, effects: VerifierEffect[]): void {
    const head = this.applied()
    const standing = this.#standing()
    add(effects, this.#acknowledger.tick(nowMicros, head))
    add(effects, this.#asker.tick(nowMicros))
    add(effects, this.#follower.tick(nowMicros, standing))
    const dueMicros = Math.max(
      nowMicros + 1000,
      Math.min(this.#acknowledger.due(head), this.#asker.due(), this.#follower.due(standing)),
    )
    const isSet = nowMicros < this.#wakeMicros && this.#wakeMicros <= dueMicros
    if (isSet || dueMicros === Number.POSITIVE_INFINITY) return
    this.#wakeMicros = dueMicros
    effects.push({ kind: 'wake', atMicros: dueMicros })
  }

  #standing(): Standing {
    const { seen, tip } = this.#ledger
    return {
      hasSynced: this.#asker.hasSucceeded,
      tip,
      wanted: seen?.position ?? ORIGIN,
      floor: seen?.floor ?? ORIGIN,
      heartbeatMs: seen?.heartbeat ?? HEARTBEAT_MS,
    }
  }

  #introduction() {
    const { incarnation, name, audiences, mode } = this.#config
    const head = this.#ledger.applied?.head ?? this.#ledger.seen
    const applied =
      head === undefined
        ? {}
        : { applied: { position: head.position, chain: head.chain, time: head.time } }
    return { incarnation, name, audiences, mode, ...applied }
  }

  #alarm(detail: string, nowMicros: number): readonly VerifierEffect[] {
    const before = this.#alarms.get(detail)
    if (before !== undefined && nowMicros < before + ALARM_MICROS_MIN) return NOTHING
    if (ALARMS_MAX <= this.#alarms.size) this.#alarms.clear()
    this.#alarms.set(detail, nowMicros)
    return [{ kind: 'alarm', detail }]
  }
}

const NONE_SETTLED: { readonly effects: readonly VerifierEffect[]; readonly isForged: boolean } = {
  effects: NOTHING,
  isForged: false,
}

function add(effects: VerifierEffect[], more: readonly VerifierEffect[]): void {
  for (let i = 0; i < more.length; i++) effects.push(more[i] as VerifierEffect)
}

/**
 * The latest reading of the local clock after which a head of this time was certainly issued: at that
 * reading the authority's time had certainly not come so far.
 */
function issuedAfter(timeMicros: number, interval: TimeInterval, nowMicros: number): number {
  const agoMicros = (interval.upperMicros - timeMicros) * (1 + 2 * DRIFT)
  return nowMicros - Math.ceil(agoMicros) - 1
}

/** How much faster or slower than the authority's the local clock may run: 200 ppm. */
const DRIFT = 200e-6
