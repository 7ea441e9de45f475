import type { SimulationRequest } from '#contract/simulation.ts'
import { parseToken, signingInput } from '#domain/credential/token.ts'
import type { VerifierMode } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import { defaultPolicy, type Policy } from '#domain/policy/policy.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Entropy } from '#kernel/clock.ts'
import { type Chance, chanceOf, entropyOf } from '#sim/chance.ts'
import { clocksOf } from '#sim/clocks.ts'
import type { PlantedBug } from '#sim/planted-bug.ts'
import type { Jwk, VerifierEvent } from '#verifier/protocol.ts'
import type { Rules } from '#verifier/rules.ts'
import type { SimCredential } from './credentials.ts'
import { Database } from './database.ts'
import { type CoreFaults, drawCoreFaults } from './faults.ts'
import { EventHeap } from './heap.ts'
import { CoreJudge } from './judge.ts'
import { Kind } from './kinds.ts'
import { Network } from './network.ts'
import { countThrough, inForce, textOf } from './oracle.ts'
import { AuthorityNode } from './node.ts'
import { corePlanOf, type CorePlan } from './plan.ts'
import type { Signatures } from './signatures.ts'
import type { AuthorityRules } from './site.ts'
import type { OperatorRequest } from './revoking.ts'
import { CoreSightings } from './sightings.ts'
import type { SimToken } from './tokens.ts'
import { CoreTrace } from './trace.ts'
import { Transactions } from './transactions.ts'
import { AuthorityClock } from './truth.ts'
import {
  type Connection,
  CoreVerifier,
  type Delivery,
  type Parcel,
  type Request,
} from './verifier.ts'

export interface CoreParts {
  readonly request: SimulationRequest
  readonly seed: number
  readonly signatures: Signatures
  readonly verifierRules: Rules
  readonly authorityRules: AuthorityRules
  readonly bug: PlantedBug
}

/** A world of cores: everything that decides is the real thing, and all around it is simulated. */
export class CoreWorld {
  readonly request: SimulationRequest
  readonly seed: number
  readonly signatures: Signatures
  readonly verifierRules: Rules
  readonly authorityRules: AuthorityRules
  readonly bug: PlantedBug
  readonly plan: CorePlan
  readonly policy: Policy
  readonly faults: CoreFaults
  readonly heap: EventHeap
  readonly network: Network
  readonly database: Database
  readonly transactions: Transactions
  readonly entropy: Entropy
  readonly authorityClock: AuthorityClock
  readonly sightings = new CoreSightings()
  readonly trace = new CoreTrace()
  readonly modes: readonly VerifierMode[]
  readonly judge: CoreJudge
  readonly nodes: readonly AuthorityNode[]
  readonly verifiers: readonly CoreVerifier[]
  /** By credential. */
  readonly tokens = new Map<string, SimToken>()
  /** Texts of heads by place and time. */
  readonly heads = new Map<string, string>()
  isHealed = false
  #seenEntries = 0
  readonly #adversary: Chance
  /** Heads that somebody kept, to play them again. */
  readonly #kept: string[] = []

  constructor(parts: CoreParts) {
    const { request, seed, signatures, verifierRules, authorityRules, bug } = parts
    this.request = request
    this.seed = seed
    this.signatures = signatures
    this.verifierRules = verifierRules
    this.authorityRules = authorityRules
    this.bug = bug
    this.plan = corePlanOf(request, seed)
    const { plan } = this
    this.faults = drawCoreFaults(plan, seed)
    this.policy = policyOf(plan, seed)
    this.heap = new EventHeap(plan.startMicros)
    this.network = new Network(seed, this.faults)
    this.database = new Database(plan.startMicros)
    this.entropy = entropyOf(seed, 'authority')
    const clocks = this.faults.nodeClocks.map((fault) =>
      clocksOf(fault, { startMicros: plan.startMicros, originMicros: 0 }),
    )
    this.authorityClock = new AuthorityClock(clocks)
    this.transactions = new Transactions(this.database, this.heap, {
      kind: Kind.statement,
      chance: chanceOf(seed, 'statements'),
      pace: () => this.#pace(),
      committed: () => this.noticed(),
    })
    this.modes = modesOf(plan, seed, this.policy)
    this.judge = new CoreJudge(this, request.naiveLeewaySeconds)
    this.nodes = clocks.map((clock, j) => new AuthorityNode(this, j, clock))
    this.verifiers = this.modes.map((mode, i) => {
      const originMicros = chanceOf(seed, 'boot', i).between(0, 1_000_000_000)
      const fault = this.faults.verifierClocks[i] ?? { offsetMicros: 0, driftPpm: 0, steps: [] }
      const own = clocksOf(fault, { startMicros: plan.startMicros, originMicros })
      return new CoreVerifier(this, i, own, mode)
    })
    this.#adversary = chanceOf(seed, 'adversary-deeds')
    for (const verifier of this.verifiers) {
      verifier.isWithheld = this.#adversary.happens(this.faults.adversary.withholdRatio)
    }
  }

  #pace(): { statementMicros: number; slowRatio: number; slowMicrosMax: number } {
    const { slowStatementMicros } = this.faults
    const isSlow = 0 < slowStatementMicros && !this.isHealed
    return {
      statementMicros: 300,
      slowRatio: isSlow ? 0.02 : 0,
      slowMicrosMax: Math.max(600, slowStatementMicros),
    }
  }

  /** Anything that happens too seldom to matter. */
  call(atMicros: number, run: () => void): void {
    this.heap.push(atMicros, Kind.call, 0, 0, run)
  }

  /** Something may have been committed: those who keep watch look at what is new. */
  noticed(judge: CoreJudge = this.judge): void {
    const { rows } = this.database
    this.authorityClock.committed(rows.feed)
    if (this.#seenEntries === rows.entries.length) return
    for (; this.#seenEntries < rows.entries.length; this.#seenEntries++) {
      const entry = rows.entries[this.#seenEntries]
      if (entry === undefined) continue
      judge.entered(entry, rows.entryMicros[this.#seenEntries] ?? 0)
    }
    this.database.keepBeside()
    for (const node of this.nodes) node.noticed()
  }

  /** After a restore the log is shorter than it was. */
  shortened(): void {
    this.#seenEntries = this.database.rows.entries.length
  }

  /** A restored database was adopted: all that was ever issued is revoked. */
  adopted(order: number): string | undefined {
    const row = [...this.database.rows.revocations.values()].at(-1)
    if (row?.selector.all === true && row.liftedAt === undefined) {
      this.judge.published(ADOPTION, row.id, order)
      return row.id
    }
    const said = 'what a restore has wiped out was not revoked'
    this.judge.broken({ invariant: 'I10', said })
    return undefined
  }

  /** The state of a head, as a verifier that applied it would keep it. */
  snapshotAt(
    position: number,
    timeMicros: number,
  ): { head: string; entries: string[] } | undefined {
    const head = this.heads.get(`${position} ${timeMicros}`)
    if (head === undefined) return undefined
    const { entries } = this.database.rows
    const through = entries.slice(0, countThrough(entries, position))
    return { head, entries: inForce(through, timeMicros).map(textOf) }
  }

  ancestorsOf(credential: SimCredential): string[] {
    const ids: string[] = []
    for (let id = credential.parentId; id !== undefined;) {
      ids.push(id)
      id = this.tokens.get(id)?.credential?.parentId
    }
    return ids
  }

  trouble(verifier: number | undefined): void {
    this.judge.trouble(verifier)
  }

  /** The answer to a request sets out. */
  answer(request: Request, body: unknown): void {
    if (request.kind === 'entries') this.sightings.see('entries-fetched')
    const event = this.#eventOf(request, body)
    if (event !== undefined) this.#carry(request, event)
  }

  /** A refusal does too. */
  fail(request: Request, isGone: boolean): void {
    this.trouble(request.verifier)
    const delay = this.#delay(request)
    if (delay < 0) return
    const refused = { request, isGone }
    this.heap.push(this.heap.nowMicros + delay, Kind.toVerifier, request.verifier, 2, refused)
  }

  #delay({ verifier, node }: Request): number {
    const delay = this.network.delayMicros(verifier, node, 'down', this.heap.nowMicros)
    if (delay < 0) {
      this.sightings.see('lost')
      this.trouble(verifier)
    }
    return delay
  }

  #carry(request: Request, event: VerifierEvent): void {
    const times = this.network.isDoubled(request.verifier) ? 2 : 1
    if (times === 2) this.sightings.see('doubled')
    for (let i = 0; i < times; i++) {
      const delay = this.#delay(request)
      if (delay < 0) continue
      if (SLOW_MICROS < delay) this.trouble(request.verifier)
      const answered = { request, event }
      this.heap.push(this.heap.nowMicros + delay, Kind.toVerifier, request.verifier, 1, answered)
    }
  }

  #eventOf({ kind, name, verifier }: Request, body: unknown): VerifierEvent | undefined {
    switch (kind) {
      case 'sync': {
        const { head, feedKeys } = body as { head: string; feedKeys: Jwk[] }
        return {
          kind: 'answered',
          nonce: String(name),
          head: this.#tamperHead(head, verifier),
          feedKeys,
        }
      }
      case 'entries': {
        const entries = this.#tamperEntries(body as string[], verifier)
        return { kind: 'entries', fetch: Number(name), entries }
      }
      case 'snapshot': {
        const { head, entries } = body as { head: string; entries: string[] }
        const fetch = Number(name)
        const given = this.#tamperEntries(entries, verifier)
        return { kind: 'snapshot', fetch, head: this.#tamperHead(head, verifier), entries: given }
      }
      case 'acknowledge':
        return name === -1
          ? undefined
          : { kind: 'acknowledged', position: Number(name) as Position }
      case 'stream':
        return undefined
    }
  }

  /** Somebody between passes an old head for a new one, or cuts it short. */
  #tamperHead(head: string, verifier: number): string {
    if (this.isHealed) return head
    const { replayRatio, forgeRatio } = this.faults.adversary
    if (this.network.isTruncated(verifier)) {
      this.sightings.see('truncated')
      this.trouble(verifier)
      return head.slice(0, -this.#adversary.between(1, 40))
    }
    if (this.#adversary.happens(forgeRatio)) {
      this.sightings.see('forged-head')
      this.trouble(verifier)
      return this.#forgedHead(head)
    }
    if (replayRatio === 0) return head
    const old = this.#adversary.happens(replayRatio)
      ? this.#kept[this.#adversary.between(0, KEPT - 1)]
      : undefined
    this.#kept[this.#adversary.between(0, KEPT - 1)] = head
    if (old === undefined) return head
    this.sightings.see('replayed-head')
    this.trouble(verifier)
    return old
  }

  /** The same head, of a later time, with the signature of the one that it was made of. */
  #forgedHead(head: string): string {
    const parsed = parseToken(head)
    if (typeof parsed === 'string') return head
    const { header, claims, signature } = parsed
    const later = { ...claims, time: Number(claims['time']) + 100_000 }
    const named = { typ: String(header['typ']), alg: 'ES256', kid: String(header['kid']) }
    return `${signingInput(named, later)}.${encodeBase64url(signature)}`
  }

  /** Somebody between keeps entries back, or writes others in their place. */
  #tamperEntries(entries: readonly string[], verifier: number): readonly string[] {
    if (this.isHealed || entries.length === 0) return entries
    const { forgeRatio } = this.faults.adversary
    if (this.verifiers[verifier]?.isWithheld === true && this.#adversary.happens(WITHHOLD)) {
      this.sightings.see('withheld')
      this.trouble(verifier)
      return entries.slice(0, this.#adversary.between(0, entries.length - 1))
    }
    if (this.network.isTruncated(verifier)) {
      this.sightings.see('truncated')
      this.trouble(verifier)
      return entries.map((entry, i) => (i === entries.length - 1 ? entry.slice(0, -3) : entry))
    }
    if (!this.#adversary.happens(forgeRatio)) return entries
    this.sightings.see('forged-entry')
    this.trouble(verifier)
    const which = this.#adversary.between(0, entries.length - 1)
    return entries.map((entry, i) => (i === which ? forged(entry) : entry))
  }

  streamOpened(connection: Connection): void {
    this.#onStream(connection, { kind: 'stream-opened', stream: connection.stream })
  }

  closeStream(connection: Connection, isGone: boolean): void {
    this.#onStream(connection, { kind: 'stream-closed', stream: connection.stream, isGone })
    this.trouble(connection.verifier)
    connection.isOpen = false
    this.nodes[connection.node]?.streams.delete(connection)
  }

  #onStream(connection: Connection, event: VerifierEvent): void {
    const at = this.#streamArrival(connection)
    if (at < 0) return
    const delivery: Delivery = { life: connection.life, event, bytes: 60 }
    this.heap.push(at, Kind.toVerifier, connection.verifier, 0, delivery)
  }

  /** Entries and a head to whoever listens, in the order in which they were sent. */
  stream(connection: Connection, sent: Omit<Parcel, 'connection'>, network: Network): void {
    const { verifier } = connection
    const at = this.#streamArrival(connection)
    if (at < 0) return
    const entries = this.#tamperEntries(sent.entries, verifier)
    const head = this.#tamperHead(sent.head, verifier)
    const parcel: Parcel = { connection, entries, head }
    this.heap.push(at, Kind.toVerifier, verifier, 3, parcel)
    if (0 < entries.length && network.isDoubled(verifier)) {
      this.sightings.see('doubled')
      this.heap.push(at, Kind.toVerifier, verifier, 3, parcel)
    }
  }

  #streamArrival(connection: Connection): number {
    const { verifier, node } = connection
    if (connection.isDead) return -1
    const now = this.heap.nowMicros
    const delay = this.network.streamDelayMicros(verifier, node, now)
    if (delay < 0) {
      // Half open: nothing comes any more, and neither end is told.
      connection.isDead = true
      this.sightings.see('cut')
      this.trouble(verifier)
      return -1
    }
    if (SLOW_MICROS < delay) this.trouble(verifier)
    connection.lastMicros = Math.max(connection.lastMicros, now + delay)
    return connection.lastMicros
  }
}

const ADOPTION: OperatorRequest = {
  selector: { all: true },
  reason: 'other',
  requestId: 'adoption',
  final: true,
}

/** A message that takes longer is a trouble. */
const SLOW_MICROS = 400_000
const KEPT = 64
const WITHHOLD = 0.5

/** The same entry with another name in it: it would hit somebody else, or nobody. */
const forged = (entry: string): string =>
  entry.includes('client-') ? entry.replace('client-', 'cliemt-') : entry.replace('"op"', '"oq"')

const modes = ['strict', 'standard'] as const

function modesOf(
  { verifiers, mode }: CorePlan,
  seed: number,
  { defaults }: Policy,
): VerifierMode[] {
  const chance = chanceOf(seed, 'modes')
  return Array.from({ length: verifiers }, () => {
    if (mode !== 'mixed') return mode
    if (defaults.staleness === 'relaxed' && chance.happens(0.3)) return 'relaxed'
    return chance.pick(modes)
  })
}

/** The default policy but for lifetimes; `relaxed` is allowed where it is asked for, or now and then. */
function policyOf({ ttlSeconds, entriesKept, mode, leewayMicros }: CorePlan, seed: number): Policy {
  const { defaults, tiers, stalenessSeconds, feed } = defaultPolicy
  const isRelaxed =
    mode === 'relaxed' || (mode === 'mixed' && chanceOf(seed, 'policy').happens(0.2))
  const tier = { ...tiers.standard, ttlSecondsMax: ttlSeconds }
  return {
    ...defaultPolicy,
    defaults: {
      ...defaults,
      ttlSeconds,
      ttlSecondsMax: ttlSeconds,
      leewaySeconds: leewayMicros / 1_000_000,
      staleness: isRelaxed ? 'relaxed' : defaults.staleness,
    },
    stalenessSeconds: { ...stalenessSeconds, relaxed: 60 },
    feed: { ...feed, entriesKept },
    tiers: { low: tier, standard: tier, high: tier },
  }
}
