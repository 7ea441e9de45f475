import type { VerifierMode } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Entropy } from '#kernel/clock.ts'
import { chanceOf, entropyOf, type Chance } from '#sim/chance.ts'
import type { NodeClocks } from '#sim/clocks.ts'
import { createVerifierCore } from '#verifier/core.ts'
import type { VerifierCore, VerifierDecision } from '#verifier/config.ts'
import type { Acknowledgement, Jwk, VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'
import { Kind } from './kinds.ts'
import { ISSUER } from './site.ts'
import type { SimToken } from './tokens.ts'
import type { CoreWorld } from './world.ts'

export const AUDIENCE = 'https://api.sim'

/** What a verifier sends a node. */
export interface Request {
  readonly kind: 'sync' | 'entries' | 'snapshot' | 'acknowledge' | 'stream'
  readonly verifier: number
  readonly life: number
  readonly node: number
  readonly body: unknown
  /** The nonce, fetch or position by which the core knows what is answered. */
  readonly name: string | number
  isDone: boolean
}

/** A stream from a node to one start of a verifier. */
export interface Connection {
  readonly verifier: number
  readonly life: number
  readonly node: number
  readonly incarnation: string
  /** The number that the core gave it. */
  readonly stream: number
  /** Everything up to this position has been sent. */
  sent: number
  /** Nothing overtakes anything else on a stream. */
  lastMicros: number
  isOpen: boolean
  /** Nothing comes any more, and nobody was told. */
  isDead: boolean
}

/** Entries and the head that vouches for them, in one go. */
export interface Parcel {
  readonly connection: Connection
  readonly entries: readonly string[]
  readonly head: string
}

export interface Delivery {
  readonly life: number
  readonly event: VerifierEvent
  readonly bytes: number
}

const ANSWER_MICROS_MAX = 5_000_000
/** How long a token waits for the authority before the answer is `stale`. */
const WAIT_MICROS_MAX = 250_000

/** A token that waits for what the authority says. */
interface Waiting {
  readonly token: SimToken
  readonly arrivedMicros: number
  readonly life: number
  isDone: boolean
  /** What a planted bug found before. */
  readonly found: VerifierDecision | undefined
}

/** One verifier's process in the simulation: the real core, and around it what a shell does. */
export class CoreVerifier {
  readonly index: number
  readonly name: string
  readonly mode: VerifierMode
  readonly clocks: NodeClocks
  core: VerifierCore
  /** Which start of the process this is. */
  life = 0
  isUp = false
  /** What comes until then waits; the process does nothing. */
  asleepUntilMicros = 0
  bytes = 0
  incarnation = ''
  /** An adversary keeps entries from it. */
  isWithheld = false
  readonly chance: Chance
  readonly #world: CoreWorld
  readonly #entropy: Entropy
  #node = 0
  #lostMicros = 0
  /** What is on its disk: the state of some head that it had applied. */
  #kept:
    | { readonly head: string; readonly entries: readonly string[]; readonly keys: readonly Jwk[] }
    | undefined
  #connection: Connection | undefined
  readonly #waiting: Waiting[] = []

  constructor(world: CoreWorld, index: number, clocks: NodeClocks, mode: VerifierMode) {
    this.#world = world
    this.index = index
    this.name = `api-${index + 1}`
    this.clocks = clocks
    this.mode = mode
    this.#entropy = entropyOf(world.seed, 'verifier', index)
    this.chance = chanceOf(world.seed, 'verifier', index)
    this.#node = index % world.plan.nodes
    this.core = this.#newCore()
  }

  /** The local clock stands still in suspend; that it did is what `resumed` tells. */
  localMicros(): number {
    return this.clocks.monotonicMicros(this.#world.heap.nowMicros) - this.#lostMicros + this.#set
  }

  /** By how much somebody has set the clock, where a planted bug measures by one that can be set. */
  get #set(): number {
    const { heap, bug } = this.#world
    return bug.localClock === 'wall' ? this.clocks.steppedMicros(heap.nowMicros) : 0
  }

  /** The process was suspended, and its clock with it. */
  resume(forMicros: number): void {
    this.#lostMicros += forMicros
    this.tell({ kind: 'resumed' })
  }

  #newCore(): VerifierCore {
    const { plan, signatures, verifierRules } = this.#world
    this.incarnation = encodeBase64url(this.#entropy.bytes(16))
    return createVerifierCore(
      {
        issuer: ISSUER,
        audiences: [AUDIENCE],
        name: `api-${(this.index % LABELS) + 1}`,
        mode: this.mode,
        incarnation: this.incarnation,
        leewayMicros: plan.leewayMicros,
        signaturesKeptMax: SIGNATURES_KEPT_MAX,
      },
      { entropy: this.#entropy, verifySignature: signatures.verify, rules: verifierRules },
    )
  }

  start(): void {
    this.isUp = true
    this.life++
    this.core = this.#newCore()
    this.#world.judge.started(this.index)
    this.#takeUp()
    this.tell({ kind: 'started' })
  }

  /** What was on the disk: stale, and now and then torn. */
  #takeUp(): void {
    if (this.#kept === undefined) return
    const { head, entries, keys } = this.#kept
    const isTorn = this.chance.happens(0.2)
    this.#world.sightings.see(isTorn ? 'torn-disk' : 'stale-disk')
    const held = isTorn ? entries.slice(0, -1) : entries
    this.tell({ kind: 'kept', head, entries: held, feedKeys: keys })
  }

  /** Now and then the state is written to disk. */
  #keep(position: number, timeMicros: number): void {
    if (!this.chance.happens(KEEP)) return
    const texts = this.#world.snapshotAt(position, timeMicros)
    if (texts !== undefined) this.#kept = { ...texts, keys: this.core.feedKeys() }
  }

  crash(): void {
    this.isUp = false
    this.life++
    this.#waiting.length = 0
    this.#drop()
  }

  /** The process sleeps; the network goes on, and so does its clock. */
  sleep(forMicros: number): void {
    this.asleepUntilMicros = Math.max(
      this.asleepUntilMicros,
      this.#world.heap.nowMicros + forMicros,
    )
  }

  /** The core is told, and what it asks for is done. */
  tell(event: VerifierEvent): void {
    this.perform(this.core.on(event, this.localMicros()))
  }

  perform(effects: readonly VerifierEffect[]): void {
    for (const effect of effects) this.#do(effect)
  }

  #do(effect: VerifierEffect): void {
    const { heap, judge, sightings } = this.#world
    switch (effect.kind) {
      case 'ask':
        return this.#request('sync', effect.question, effect.question.nonce)
      case 'wake':
        return heap.push(
          this.clocks.trueMicros(effect.atMicros + this.#lostMicros - this.#set),
          Kind.wake,
          this.index,
          this.life,
        )
      case 'open-stream':
        return this.#open(effect.stream, effect.after)
      case 'close-stream':
        return this.#drop()
      case 'fetch-entries':
        return this.#request('entries', effect.after, effect.fetch)
      case 'fetch-snapshot':
        return this.#request('snapshot', this.incarnation, effect.fetch)
      case 'acknowledge':
        judge.acknowledged(this.index, effect.acknowledgement)
        return this.#acknowledge(effect.acknowledgement)
      case 'next-url':
        this.#node = (this.#node + 1) % this.#world.plan.nodes
        return
      case 'applied':
        judge.applied(this.index, effect.position, effect.timeMicros)
        this.#keep(effect.position, effect.timeMicros)
        return this.#again()
      case 'alarm':
        sightings.see('alarm')
        return judge.alarmed(this.index, effect.detail)
    }
  }

  #acknowledge(acknowledgement: Acknowledgement): void {
    const { faults, sightings } = this.#world
    this.#request('acknowledge', acknowledgement, acknowledgement.position)
    if (!this.chance.happens(faults.adversary.liesRatio)) return
    // Beside the honest word, another that claims what never was; it must not be taken.
    sightings.see('lie')
    const position = (acknowledgement.position + 1) as Position
    const lie = { ...acknowledgement, position, digest: acknowledgement.chain }
    this.#request('acknowledge', lie, -1)
  }

  #request(kind: Request['kind'], body: unknown, name: string | number): void {
    const { heap, network } = this.#world
    const node = this.#node
    const request: Request = {
      kind,
      verifier: this.index,
      life: this.life,
      node,
      body,
      name,
      isDone: false,
    }
    this.bytes += REQUEST_BYTES
    const now = heap.nowMicros
    heap.push(now + ANSWER_MICROS_MAX, Kind.timeout, this.index, 0, request)
    const times = network.isDoubled(this.index) ? 2 : 1
    for (let i = 0; i < times; i++) {
      const delay = network.delayMicros(this.index, node, 'up', now)
      if (delay < 0) this.#world.trouble(this.index)
      else heap.push(now + delay, Kind.toNode, node, 0, request)
    }
  }

  /** Nobody answered, or somebody said no. */
  failed(request: Request, isGone: boolean): void {
    if (request.isDone || request.life !== this.life || !this.isUp) return
    request.isDone = true
    const event = failureOf(request, isGone)
    if (event !== undefined) this.tell(event)
  }

  #open(stream: number, after: Position): void {
    const { heap, network } = this.#world
    this.#drop()
    const connection: Connection = {
      verifier: this.index,
      life: this.life,
      node: this.#node,
      incarnation: this.incarnation,
      stream,
      sent: after,
      lastMicros: 0,
      isOpen: true,
      isDead: false,
    }
    this.#connection = connection
    this.bytes += REQUEST_BYTES
    const delay = network.delayMicros(this.index, connection.node, 'up', heap.nowMicros)
    const request: Request = {
      kind: 'stream',
      verifier: this.index,
      life: this.life,
      node: connection.node,
      body: connection,
      name: stream,
      isDone: false,
    }
    if (delay < 0) this.#world.trouble(this.index)
    else heap.push(heap.nowMicros + delay, Kind.toNode, connection.node, 0, request)
    heap.push(heap.nowMicros + ANSWER_MICROS_MAX, Kind.timeout, this.index, 0, request)
  }

  #drop(): void {
    if (this.#connection !== undefined) this.#connection.isOpen = false
    this.#connection = undefined
  }

  /** A token comes; what cannot be known at once may be known a little later. */
  present(token: SimToken): void {
    const arrivedMicros = this.localMicros()
    const decision = this.#decide(token, arrivedMicros)
    const { heap, bug, judge } = this.#world
    const found = bug.verdict === 'before-the-await' ? decision : undefined
    if (found === undefined && decision.verdict !== 'stale') {
      return judge.decided(this, token, decision, 0)
    }
    const waiting = { token, arrivedMicros, life: this.life, isDone: false, found }
    this.#waiting.push(waiting)
    heap.push(heap.nowMicros + WAIT_MICROS_MAX, Kind.decideAgain, this.index, 0, waiting)
  }

  /** The waiting of one token is over. */
  onDecideAgain(value: unknown): void {
    const waiting = value as Waiting
    if (waiting.isDone || waiting.life !== this.life) return
    waiting.isDone = true
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
    const decision = waiting.found ?? this.#decide(waiting.token, waiting.arrivedMicros)
    const waited = this.localMicros() - waiting.arrivedMicros
    this.#world.judge.decided(this, waiting.token, decision, waited)
  }

  /** A newer head: whoever waits decides again. */
  #again(): void {
    for (let i = this.#waiting.length - 1; 0 <= i; i--) {
      const waiting = this.#waiting[i]
      if (waiting === undefined || waiting.found !== undefined) continue
      const decision = this.#decide(waiting.token, waiting.arrivedMicros)
      if (decision.verdict === 'stale') continue
      waiting.isDone = true
      this.#waiting.splice(i, 1)
      const waited = this.localMicros() - waiting.arrivedMicros
      this.#world.judge.decided(this, waiting.token, decision, waited)
    }
  }

  #decide(token: SimToken, arrivedMicros: number): VerifierDecision {
    const request = { token: token.text, arrivedMicros, scopes: [] }
    const { decision, effects } = this.core.decide(request, this.localMicros())
    if (0 < effects.length) this.perform(effects)
    return decision
  }
}

const REQUEST_BYTES = 400
/** Fewer than a long run has, so that some are let go of and read again. */
const SIGNATURES_KEPT_MAX = 2048
/** How often, of the heads applied, the state goes to disk. */
const KEEP = 0.02
/** Names are labels: several verifiers have the same. */
const LABELS = 8

function failureOf({ kind, name }: Request, isGone: boolean): VerifierEvent | undefined {
  switch (kind) {
    case 'sync':
      return { kind: 'unanswered', nonce: String(name) }
    case 'entries':
      return { kind: 'entries-failed', fetch: Number(name), isGone }
    case 'snapshot':
      return { kind: 'snapshot-failed', fetch: Number(name) }
    case 'acknowledge':
      return name === -1
        ? undefined
        : { kind: 'unacknowledged', position: Number(name) as Position }
    case 'stream':
      return { kind: 'stream-closed', stream: Number(name), isGone }
  }
}
