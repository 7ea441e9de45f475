import type { FeedEntry, FeedState } from '#domain/feed/entry.ts'
import { HEAD_TYPE, type HeadClaims, headClaims, type StalenessLimits } from '#domain/feed/head.ts'
import type { LiveState } from '#domain/feed/live.ts'
import { createLiveState } from '#domain/feed/live-state.ts'
import { type Position } from '#domain/feed/position.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { maxTtlSeconds, stalenessLimits } from '#domain/policy/policy.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import type { NodeClocks } from '#sim/clocks.ts'
import type { Acknowledgement, Jwk, SyncQuestion } from '#verifier/protocol.ts'
import { acknowledge, committedKey, introduce, record } from './following.ts'
import { Issuing } from './issuing.ts'
import { Kind } from './kinds.ts'
import { countThrough, inForce, textOf } from './oracle.ts'
import { ISSUER, type Site } from './site.ts'
import type { Connection, Request } from './verifier.ts'
import type { CoreWorld } from './world.ts'

/** Heads that a node remembers having issued, to compare acknowledgements with. */
const ISSUED_MAX = 256
/** Acknowledgements gather for so long. */
const GATHER_MICROS = 20_000
const ENTRIES_MAX = 1000
/** Commits that come together are told of together. */
const TOGETHER_MICROS = 5000

/** One signing node: what it keeps in memory is lost with it; what it committed is not. */
export class AuthorityNode {
  readonly index: number
  readonly site: Site
  readonly clocks: NodeClocks
  readonly streams = new Set<Connection>()
  isUp = true
  /** An operator has to look before it signs again. */
  isHalted = false
  readonly #world: CoreWorld
  #live: LiveState = createLiveState()
  #applied = 0
  readonly #issued = new Map<string, string>()
  #gathered: { readonly request: Request; readonly acknowledgement: Acknowledgement }[] = []
  #isGathering = false
  /** Told apart by this: events of a life before the last crash are passed over. */
  #life = 0
  #isTelling = false
  readonly #heads: Issuing
  /** Since when a head for those who listen is under way, if one is. */
  #publishingMicros: number | undefined
  /** Another one is wanted after it. */
  #isWanted = false
  readonly #limits: StalenessLimits
  readonly #maxTtl: number

  constructor(world: CoreWorld, index: number, clocks: NodeClocks) {
    this.#world = world
    this.index = index
    this.clocks = clocks
    this.#limits = stalenessLimits(world.policy)
    this.#maxTtl = maxTtlSeconds(world.policy)
    const { policy, signatures, entropy, authorityRules: rules, heap } = world
    this.site = {
      policy,
      signatures,
      entropy,
      rules,
      clockMicros: () => Math.floor(clocks.wallMicros(heap.nowMicros) / 1000) * 1000,
      refuseStepped: () => {
        if (this.isHalted) refuse('clock-stepped', 'an operator has to look first')
      },
    }
    this.#heads = new Issuing(this.site, world.transactions, index, (state, nonces) =>
      this.#signHeads(state, nonces),
    )
  }

  start(): void {
    this.isUp = true
    this.#live = createLiveState()
    this.#applied = 0
    this.#life++
    this.beat()
  }

  crash(): void {
    this.isUp = false
    this.#life++
    this.#issued.clear()
    this.#gathered = []
    this.#isGathering = false
    this.#isTelling = false
    this.#publishingMicros = undefined
    this.#isWanted = false
    this.#world.transactions.crash(this.index)
    this.#heads.crash()
    for (const connection of this.streams) connection.isOpen = false
    this.streams.clear()
  }

  /** The heartbeat: a head at least this often while someone listens. */
  beat(): void {
    const { heap, policy } = this.#world
    heap.push(
      heap.nowMicros + policy.feed.heartbeatMs * 1000,
      Kind.heartbeat,
      this.index,
      this.#life,
    )
  }

  onHeartbeat(life: number): void {
    if (life !== this.#life) return
    this.beat()
    this.#noteSlowness()
    this.tell()
  }

  /** A head that waits, as for the lock of the feed's row, is a trouble before it is there. */
  #noteSlowness(): void {
    if (this.#publishingMicros === undefined) return
    const sinceMicros = this.#world.heap.nowMicros - this.#publishingMicros
    if (TROUBLE_MICROS < sinceMicros) this.#world.trouble(undefined)
  }

  /** Something was committed, by this node or another: whoever listens hears of it soon. */
  noticed(): void {
    if (!this.isUp || this.#isTelling) return
    this.#isTelling = true
    const { heap } = this.#world
    const life = this.#life
    const tell = (): void => {
      if (life !== this.#life) return
      this.#isTelling = false
      this.tell()
    }
    heap.push(heap.nowMicros + TOGETHER_MICROS, Kind.call, this.index, 0, tell)
  }

  handle(request: Request): void {
    if (!this.isUp) return
    switch (request.kind) {
      case 'sync':
        return this.#sync(request, request.body as SyncQuestion)
      case 'entries':
        return this.#entries(request, request.body as Position)
      case 'snapshot':
        return this.#snapshot(request, request.body as string)
      case 'acknowledge':
        return this.#gather(request, request.body as Acknowledgement)
      case 'stream':
        return this.#open(request.body as Connection)
    }
  }

  #sync(request: Request, question: SyncQuestion): void {
    if (this.#contradicts(question)) this.isHalted = true
    if (this.#world.database.wasRestored) this.isHalted = true
    this.#heads.want({
      nonce: question.nonce,
      admit: (tx, state) => introduce(this.site, tx, question, state),
      done: (head) => {
        if (head instanceof Problem) return this.#world.fail(request, false)
        this.#world.answer(request, { head: head.text, feedKeys: this.#feedKeys() })
      },
    })
  }

  /** A verifier that has applied what this database does not know has seen a future that was undone. */
  #contradicts({ applied }: SyncQuestion): boolean {
    if (applied === undefined) return false
    const { entries, feed, floor } = this.#world.database.rows
    if (feed.position < applied.position) return true
    const entry = entries[countThrough(entries, applied.position) - 1]
    if (entry?.position !== applied.position || applied.position <= floor) return false
    return encodeBase64url(entry.chain) !== applied.chain
  }

  #feedKeys(): Jwk[] {
    return [committedKey(this.#world.database.rows.keys, 'feed').publicJwk]
  }

  /** Signs heads of one place and time, which are committed: one for each nonce. */
  #signHeads(state: FeedState, nonces: readonly (string | undefined)[]): string[] {
    const { database, judge, heads } = this.#world
    const claims = this.#claimsAt(state)
    judge.headIssued(this.index, claims)
    this.#remember(claims)
    const key = committedKey(database.rows.keys, 'feed')
    const { signatures } = this.site
    const texts = nonces.map((nonce) =>
      signatures.sign(key, HEAD_TYPE, nonce === undefined ? claims : { ...claims, nonce }),
    )
    heads.set(`${claims.position} ${claims.time}`, texts[0] ?? '')
    return texts
  }

  #claimsAt(state: FeedState): HeadClaims {
    const { entries, floor } = this.#world.database.rows
    const until = countThrough(entries, state.position)
    for (; this.#applied < until; this.#applied++) {
      const entry = entries[this.#applied] as FeedEntry
      const read = readRecord(textOf(entry))
      if (typeof read === 'string') refuse('internal', `an entry cannot be read: ${read}`)
      this.#live.apply(read, entry.bytes)
    }
    return headClaims(state, {
      iss: ISSUER,
      digest: this.#live.digest(state.timeMicros),
      heartbeat: this.#world.policy.feed.heartbeatMs,
      limits: this.#limits,
      maxTtl: this.#maxTtl,
      floor,
    })
  }

  #remember({ position, time, digest }: HeadClaims): void {
    this.#issued.set(`${position} ${time}`, digest)
    if (ISSUED_MAX < this.#issued.size) {
      const [oldest] = this.#issued.keys()
      if (oldest !== undefined) this.#issued.delete(oldest)
    }
  }

  #entries(request: Request, after: Position): void {
    if (!this.#isWithin(after)) return this.#world.fail(request, true)
    const { entries } = this.#world.database.rows
    const from = countThrough(entries, after)
    this.#world.answer(request, entries.slice(from, from + ENTRIES_MAX).map(textOf))
  }

  /** Whether what follows a position is all there. */
  #isWithin(after: Position): boolean {
    const { entries, feed, floor } = this.#world.database.rows
    if (after < floor || feed.position < after) return false
    const before = entries[countThrough(entries, after) - 1]
    return before === undefined || before.position === after
  }

  /** Its head is a lease as any other is, so whoever is given it is on record before. */
  #snapshot(request: Request, incarnation: string): void {
    const listeners = this.site.rules.recordsSnapshots ? [incarnation] : []
    this.#heads.want({
      admit: (tx, state) => record(this.site, tx, listeners, state),
      done: (head) => {
        if (head instanceof Problem) return this.#world.fail(request, false)
        const { text, state } = head
        const mayHave = listeners.length === 0 || this.#mayBeGiven(incarnation, state)
        if (!mayHave) return this.#world.fail(request, false)
        const { entries } = this.#world.database.rows
        const through = entries.slice(0, countThrough(entries, state.position))
        this.#world.sightings.see('snapshot')
        this.#world.answer(request, {
          head: text,
          entries: inForce(through, state.timeMicros).map(textOf),
        })
      },
    })
  }

  #mayBeGiven(incarnation: string, { timeMicros }: FeedState): boolean {
    const known = this.#world.database.rows.incarnations.get(incarnation)
    return known !== undefined && timeMicros <= known.headsUntilMicros
  }

  #gather(request: Request, acknowledgement: Acknowledgement): void {
    if (!this.#isTrue(acknowledgement)) {
      this.#world.sightings.see('acknowledgement-refused')
      return this.#world.fail(request, false)
    }
    this.#gathered.push({ request, acknowledgement })
    if (this.#isGathering) return
    this.#isGathering = true
    const { heap } = this.#world
    heap.push(heap.nowMicros + GATHER_MICROS, Kind.acknowledge, this.index, this.#life)
  }

  /** The chain is that of the entry there, and the digest that of the head that was issued here. */
  #isTrue({ position, chain, digest, time, incarnation }: Acknowledgement): boolean {
    const { rows } = this.#world.database
    if (!rows.incarnations.has(incarnation)) return false
    const entry = rows.entries[countThrough(rows.entries, position) - 1]
    if (entry?.position !== position || encodeBase64url(entry.chain) !== chain) return false
    return this.#issued.get(`${position} ${time}`) === digest
  }

  onAcknowledge(life: number): void {
    if (life !== this.#life) return
    const gathered = this.#gathered
    this.#gathered = []
    this.#isGathering = false
    const acknowledgements = gathered.map(({ acknowledgement }) => acknowledgement)
    this.#world.transactions.begin(this.index, {
      run: (tx) => acknowledge(this.site, tx, acknowledgements),
      done: (result) => {
        for (const { request, acknowledgement } of gathered) {
          if (result instanceof Problem) this.#world.fail(request, false)
          else this.#world.answer(request, acknowledgement.position)
        }
      },
    })
  }

  #open(connection: Connection): void {
    if (!connection.isOpen) return
    const { incarnations } = this.#world.database.rows
    if (!incarnations.has(connection.incarnation)) {
      return this.#world.closeStream(connection, false)
    }
    if (!this.#isWithin(connection.sent as Position))
      return this.#world.closeStream(connection, true)
    this.streams.add(connection)
    this.#world.streamOpened(connection)
  }

  /** Gives a head, and the entries before it, to all that listen; while one is under way, once more after it. */
  tell(): void {
    if (!this.isUp || this.streams.size === 0) return
    if (this.#publishingMicros !== undefined) {
      this.#isWanted = true
      return
    }
    const { heap } = this.#world
    const listeners = [...this.streams]
    const begunMicros = heap.nowMicros
    this.#publishingMicros = begunMicros
    this.#heads.want({
      admit: (tx, state) =>
        record(
          this.site,
          tx,
          listeners.map(({ incarnation }) => incarnation),
          state,
        ),
      done: (head) => {
        if (TROUBLE_MICROS < heap.nowMicros - begunMicros) this.#world.trouble(undefined)
        if (!(head instanceof Problem)) this.#send(listeners, head.state, head.text)
        this.#publishingMicros = undefined
        const isWanted = this.#isWanted
        this.#isWanted = false
        if (isWanted) this.tell()
      },
    })
  }

  #send(listeners: readonly Connection[], state: FeedState, head: string): void {
    const { database, network } = this.#world
    const { entries, floor } = database.rows
    const until = countThrough(entries, state.position)
    let from = -1
    let parts: readonly string[] = []
    for (const connection of listeners) {
      if (!connection.isOpen) {
        this.streams.delete(connection)
        continue
      }
      if (connection.sent < floor) {
        this.#world.closeStream(connection, true)
        continue
      }
      // A head is a lease: who may not be given one by the record, is not given one.
      if (this.site.rules.recordsHeads && !this.#mayBeGiven(connection.incarnation, state)) continue
      const begin = countThrough(entries, connection.sent)
      if (begin !== from) {
        from = begin
        parts = entries.slice(begin, until).map(textOf)
      }
      connection.sent = Math.max(connection.sent, state.position)
      this.#world.stream(connection, { entries: parts, head }, network)
    }
  }
}

/** A head that takes longer to commit is a trouble of the authority's own. */
const TROUBLE_MICROS = 500_000
