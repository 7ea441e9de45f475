import { enforcementOf, type Proven } from '#domain/proof/enforcement.ts'
import { reading } from '#domain/feed/authority-time.ts'
import type { Selector } from '#domain/revocation/revocation.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { Problem } from '#kernel/problem.ts'
import { type Chance, chanceOf } from '#sim/chance.ts'
import type { Clients } from './clients.ts'
import {
  lift,
  type OperatorRequest,
  type Published,
  revoke,
  type Undo,
  unblock,
} from './revoking.ts'
import type { Statements } from './transactions.ts'
import type { Transaction } from './database.ts'
import type { Site } from './site.ts'
import type { TrueRevocation } from './truth.ts'
import type { CoreWorld } from './world.ts'

const SECOND = 1_000_000
const ATTEMPTS = 12
const PROBES = 40
/** The first look comes after so long, and each later one a little later. */
const PROBE_MICROS = SECOND / 2

/** Operators: they revoke, block, suspend, lift and unblock, and ask again where nobody answered. */
export class Operators {
  readonly #world: CoreWorld
  readonly #clients: Clients
  readonly #chance: Chance
  /** What they were told is done, by request. */
  readonly acknowledged = new Map<string, string>()
  #requests = 0

  constructor(world: CoreWorld, clients: Clients) {
    this.#world = world
    this.#clients = clients
    this.#chance = chanceOf(world.seed, 'operators')
  }

  start(): void {
    const { heap } = this.#world
    this.#world.call(heap.nowMicros + 5 * SECOND, () => this.#act())
  }

  #act(): void {
    const { heap, plan, faults } = this.#world
    if (this.#world.isHealed) return
    const chance = this.#chance
    const lot = chance.unit()
    if (lot < 0.62) this.revoke(this.#request())
    else if (lot < 0.8) this.#lift()
    else if (lot < 0.9) this.#unblock()
    else this.#storm()
    const mean = (plan.operatorSeconds * SECOND) / Math.sqrt(faults.churn)
    this.#world.call(heap.nowMicros + mean * (0.2 + 1.6 * chance.unit()), () => this.#act())
  }

  /** Two things about one client at once, whichever comes first. */
  #storm(): void {
    const clients = [this.#client()]
    const common = { selector: { clients }, requestId: '' }
    this.revoke({ ...common, reason: 'compromise', requestId: this.#id() })
    this.revoke({ ...common, reason: 'superseded', block: false, requestId: this.#id() })
    this.#lift()
  }

  #id = (): string => `req-${this.#requests++}`
  #client = (): string => `client-${this.#chance.between(0, this.#world.plan.clients - 1)}`

  #request(): OperatorRequest {
    const chance = this.#chance
    const selector = this.#selector()
    const isList = selector.tokens !== undefined || selector.tags !== undefined
    const common = { selector, requestId: this.#id() }
    const exceptions = chance.happens(0.25) ? this.#exceptions() : undefined
    const spared = exceptions === undefined ? {} : { exceptions }
    const reach = chance.happens(0.4) ? ({ reach: 'tokens' } as const) : {}
    const lot = chance.unit()
    if (lot < 0.25 && !isList) {
      const expiresAt = chance.happens(0.6) ? { expiresAt: this.#soon() } : {}
      return { ...common, ...spared, ...reach, ...expiresAt, reason: 'compromise', block: true }
    }
    if (lot < 0.4) {
      return {
        ...common,
        ...spared,
        ...reach,
        reason: 'other',
        block: false,
        expiresAt: this.#soon(),
      }
    }
    if (lot < 0.65) {
      return {
        ...common,
        ...spared,
        ...reach,
        reason: 'superseded',
        graceSeconds: chance.between(1, 30),
      }
    }
    if (lot < 0.8 && selector.clients !== undefined && !isList) {
      const [clientId = ''] = selector.clients
      this.#world.call(this.#world.heap.nowMicros + 15 * SECOND, () => this.#enable(clientId))
      return {
        ...common,
        reach: 'tokens',
        reason: 'privilege-withdrawn',
        final: true,
        disables: true,
      }
    }
    return { ...common, ...spared, ...reach, reason: 'privilege-withdrawn' }
  }

  #selector(): Selector {
    const chance = this.#chance
    const token = this.#clients.any(chance)?.credential
    switch (chance.between(0, 9)) {
      case 0:
        return { subjects: [`user-${chance.between(0, 6)}`] }
      case 1:
        return token === undefined ? { clients: [this.#client()] } : { sessions: [token.sessionId] }
      case 2:
        return {
          scopes: [chance.pick(['deploy:*', 'read:all', 'deploy:test:*'])],
          clients: [this.#client(), this.#client()],
        }
      case 3:
        return { tags: { team: `team-${chance.between(0, 3)}` } }
      case 4:
        return token === undefined ? { clients: [this.#client()] } : { tokens: [token.id] }
      case 5:
        return chance.happens(0.3)
          ? { all: true }
          : { audiences: ['https://api.sim'], clients: [this.#client()] }
      default:
        return { clients: [this.#client()] }
    }
  }

  #exceptions(): {
    sessions?: readonly string[]
    clients?: readonly string[]
    tokens?: readonly string[]
  } {
    const token = this.#clients.any(this.#chance)?.credential
    if (token === undefined || this.#chance.happens(0.4)) return { clients: [this.#client()] }
    return this.#chance.happens(0.5) ? { sessions: [token.sessionId] } : { tokens: [token.id] }
  }

  #soon(): Instant {
    const { authorityClock, heap } = this.#world
    const now = authorityClock.latest(heap.nowMicros) / 1000
    return instant(Math.floor(now + 1000 * this.#chance.between(5, 40)))
  }

  #enable(clientId: string): void {
    const { nodes, transactions } = this.#world
    const up = nodes.find(({ isUp }) => isUp)
    if (up === undefined) {
      this.#world.call(this.#world.heap.nowMicros + 5 * SECOND, () => this.#enable(clientId))
      return
    }
    transactions.begin(up.index, {
      *run(tx) {
        yield 'next'
        tx.change((rows) => rows.disabled.delete(clientId))
      },
      done: () => {},
    })
  }

  /** Sends it until somebody answers, always under the same request id. */
  revoke(request: OperatorRequest): void {
    this.#send<Published>({
      run: (site, tx) => revoke(site, tx, request),
      committed: (result, version) => this.#published(request, result, version),
      done: ({ id }) => {
        this.acknowledged.set(request.requestId, id)
        this.watch(id)
      },
    })
  }

  #published(request: OperatorRequest, { id, isAgain }: Published, order: number): void {
    if (isAgain) return
    const truth = this.#world.judge.published(request, id, order)
    if (truth === undefined) return
    this.#see(truth)
    const { clients, all, keys } = request.selector
    this.#clients.heat(({ credential }) => {
      if (credential === undefined) return false
      if (keys !== undefined) return keys.includes(credential.keyId)
      return all === true || clients === undefined || clients.includes(credential.clientId)
    })
  }

  /** A backup was brought back: what came after it is not on record any more. */
  forgetAfter(position: number): void {
    for (const { id, position: at } of this.#world.judge.truths) {
      if (at <= position) continue
      for (const [request, known] of this.acknowledged)
        if (known === id) this.acknowledged.delete(request)
    }
  }

  #see({ listed, asked }: TrueRevocation): void {
    const { sightings } = this.#world
    if (listed !== undefined) sightings.see('listed')
    if (asked.expiresAt !== undefined && asked.block === false) sightings.see('suspended-client')
  }

  #lift(): void {
    const live = this.#world.judge.truths.filter(
      ({ liftedMicros, asked }) =>
        liftedMicros === undefined && asked.final !== true && asked.selector.keys === undefined,
    )
    const truth = live[this.#chance.between(0, Math.max(0, live.length - 1))]
    if (truth === undefined) return
    truth.mayLift = true
    this.#undo(truth, lift)
  }

  #unblock(): void {
    const truth = this.#world.judge.truths.findLast(
      ({ endOrder, asked }) =>
        endOrder === Number.POSITIVE_INFINITY && asked.selector.keys === undefined,
    )
    if (truth !== undefined) this.#undo(truth, unblock)
  }

  /** Ends every block, so that whoever is honest can have a token again. */
  makePeace(): void {
    const { database, plan } = this.#world
    for (const { id, blocks, liftedAt } of database.rows.revocations.values()) {
      if (blocks && liftedAt === undefined) this.#undo({ id }, unblock)
    }
    for (let i = 0; i < plan.clients; i++) this.#enable(`client-${i}`)
  }

  #undo(
    truth: Pick<TrueRevocation, 'id'>,
    how: (site: Site, tx: Transaction, id: string) => Statements<Undo>,
  ): void {
    this.#send<Undo>({
      run: (site, tx) => how(site, tx, truth.id),
      committed: () => {},
      done: () => {},
    })
  }

  /** Asks for a certificate until there is one. */
  watch(id: string): void {
    this.#probe(id, 0)
  }

  /** Looks again and again whether it is enforced by the record, and holds the authority to it. */
  #probe(id: string, n: number): void {
    const { database, nodes, judge, sightings, heap } = this.#world
    const node = nodes.find(({ isUp }) => isUp)
    const row = database.rows.revocations.get(id)
    const truth = judge.truth(id)
    if (row === undefined || truth === undefined || PROBES < n) return
    if (node !== undefined) {
      const { timeMicros } = reading(database.rows.feed, node.site.clockMicros())
      const found = enforcementOf(row as Proven, database.rows.incarnations.values(), timeMicros)
      if (found.state === 'enforced') {
        truth.certifiedMicros = timeMicros
        sightings.see('certified')
        if (0 < found.counts.lapsed) sightings.see('lapsed')
        return
      }
      if (found.state === 'lifted') return
    }
    const later = PROBE_MICROS * (1 + n / 12)
    this.#world.call(heap.nowMicros + later, () => this.#probe(id, n + 1))
  }

  #send<T>(work: {
    readonly run: (site: Site, tx: Transaction) => Statements<T>
    readonly committed: (result: T, version: number) => void
    readonly done: (result: T) => void
  }): void {
    let isAnswered = false
    const attempt = (n: number): void => {
      if (isAnswered || ATTEMPTS <= n) return
      const { network, heap, nodes, transactions, sightings } = this.#world
      if (0 < n) sightings.see('retried')
      this.#world.call(heap.nowMicros + (1 + n) * SECOND, () => attempt(n + 1))
      const delay = network.outsideDelayMicros()
      const node = nodes[this.#chance.between(0, nodes.length - 1)]
      if (delay < 0 || node === undefined) return
      this.#world.call(heap.nowMicros + delay, () => {
        if (!node.isUp || node.isHalted) return
        transactions.begin<T>(node.index, {
          run: (tx) => work.run(node.site, tx),
          committed: work.committed,
          done: (result) => {
            if (network.outsideDelayMicros() < 0) return sightings.see('committed-and-not-told')
            isAnswered = true
            if (!(result instanceof Problem)) work.done(result)
          },
        })
      })
    }
    attempt(0)
  }
}
