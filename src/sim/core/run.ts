import type { SimulationRequest } from '#contract/simulation.ts'
import { chanceOf } from '#sim/chance.ts'
import { entropyOf } from '#sim/chance.ts'
import type { PlantedBug } from '#sim/planted-bug.ts'
import type { RunResult, SimHost } from '#sim/run-one.ts'
import { createNodeSigner } from '#signer/node-signer.ts'
import { soundRules } from '#verifier/rules.ts'
import { checkEnd, checkLog } from './checks.ts'
import { Clients } from './clients.ts'
import { keyRows } from './founding.ts'
import { Kind } from './kinds.ts'
import { Operators } from './operators.ts'
import { scheduleFaults } from './troubles.ts'
import { remembering } from './remembering.ts'
import { realSignatures, standInSignatures } from './signatures.ts'
import { soundAuthority } from './site.ts'
import type { Delivery, Parcel, Request } from './verifier.ts'
import type { VerifierEvent } from '#verifier/protocol.ts'
import { CoreWorld } from './world.ts'

const SECOND = 1_000_000
const EVENTS_BETWEEN_BREATHS = 200_000
/** Seeds that this divides use real signatures, and remember none. */
const REAL_EVERY = 50
/** After the faults every block is ended, also those that were still being asked for. */
const PEACE = [1, 8, 16, 24]
/** The last seconds of the second act are for looking. */
const LOOK_MICROS = 8 * SECOND

/** A run under way, for those who look at it. */
export interface CorePlay {
  readonly world: CoreWorld
  readonly clients: Clients
  readonly operators: Operators
}

/** Runs one world of cores from one seed: the act of faults, then that of healing. */
export async function runCore(
  request: SimulationRequest,
  seed: number,
  host: SimHost,
  bug: PlantedBug = {},
): Promise<RunResult> {
  const isReal = seed % REAL_EVERY === 0
  const rules = { ...soundRules, ...bug.rules }
  const world = new CoreWorld({
    request,
    seed,
    signatures: isReal ? real(seed) : standInSignatures(seed),
    verifierRules: isReal ? rules : remembering(rules),
    authorityRules: { ...soundAuthority, ...bug.authority },
    bug,
  })
  const clients = new Clients(world)
  const play: CorePlay = { world, clients, operators: new Operators(world, clients) }
  begin(play)
  const { startMicros, actMicros, healMicros } = world.plan
  const endMicros = startMicros + actMicros + healMicros
  for (;;) {
    const isOver = drain(play, endMicros, EVENTS_BETWEEN_BREATHS)
    await host.breathe((world.heap.nowMicros - startMicros) / (endMicros - startMicros))
    if (isOver) break
  }
  checkLog(play)
  return resultOf(play, host)
}

const real = (seed: number) => {
  const secret = entropyOf(seed, 'key-encryption-key').bytes(32)
  return realSignatures(createNodeSigner(() => secret))
}

function begin(play: CorePlay): void {
  const { world, clients, operators } = play
  const { plan, heap, nodes, verifiers, seed } = world
  keyRows(world)
  for (const node of nodes) node.start()
  for (const { index } of verifiers) {
    const at = plan.startMicros + chanceOf(seed, 'start', index).between(0, SECOND)
    world.call(at, () => verifiers[index]?.start())
    heap.push(at, Kind.decide, index)
  }
  clients.start()
  operators.start()
  scheduleFaults(play)
  const healAt = plan.startMicros + plan.actMicros
  world.call(healAt, () => {
    world.isHealed = true
    world.network.heal()
    for (const { index } of verifiers) world.trouble(index)
  })
  for (const seconds of PEACE) world.call(healAt + seconds * SECOND, () => operators.makePeace())
  world.call(healAt + plan.healMicros - LOOK_MICROS, () => checkEnd(play))
}

/** Lets things happen until a time, or until so many have. */
function drain(play: CorePlay, endMicros: number, eventsMax: number): boolean {
  const { heap } = play.world
  for (let n = 0; n < eventsMax; n++) {
    if (endMicros < heap.nextMicros || !heap.pop()) return true
    happen(play, heap.kind, heap.entity, heap.number, heap.value)
  }
  return false
}

function happen(
  { world, clients }: CorePlay,
  kind: number,
  entity: number,
  number: number,
  value: unknown,
): void {
  switch (kind) {
    case Kind.statement:
      return world.transactions.step(value)
    case Kind.toNode:
      return world.nodes[entity]?.handle(value as Request)
    case Kind.toVerifier:
      return arrive(world, entity, number, value)
    case Kind.wake:
      return wake(world, entity, number)
    case Kind.decide:
      return decide(world, clients, entity)
    case Kind.decideAgain:
      if (isAwake(world, Kind.decideAgain, entity, 0, value)) {
        world.verifiers[entity]?.onDecideAgain(value)
      }
      return
    case Kind.timeout:
      if (isAwake(world, Kind.timeout, entity, 0, value)) timeOut(world, entity, value as Request)
      return
    case Kind.heartbeat:
      return world.nodes[entity]?.onHeartbeat(number)
    case Kind.acknowledge:
      return world.nodes[entity]?.onAcknowledge(number)
    case Kind.call:
      return (value as () => void)()
  }
}

/** A stream that was opened is silent from then on, until it is found out to be; the rest has failed. */
function timeOut(world: CoreWorld, entity: number, request: Request): void {
  if (request.kind !== 'stream') world.verifiers[entity]?.failed(request, false)
}

/** Whether a process is there to take what comes; what comes in its sleep waits until it wakes. */
function isAwake(
  { verifiers, heap }: CoreWorld,
  kind: number,
  entity: number,
  number: number,
  value: unknown,
): boolean {
  const verifier = verifiers[entity]
  if (verifier === undefined || !verifier.isUp) return false
  if (verifier.asleepUntilMicros <= heap.nowMicros) return true
  heap.push(verifier.asleepUntilMicros, kind, entity, number, value)
  return false
}

function wake(world: CoreWorld, entity: number, life: number): void {
  if (!isAwake(world, Kind.wake, entity, life, undefined)) return
  const verifier = world.verifiers[entity]
  if (verifier?.life === life) verifier.tell({ kind: 'woken' })
}

interface Answered {
  readonly request: Request
  readonly event?: VerifierEvent
  readonly isGone?: boolean
}

/** 0: of a stream; 1: an answer; 2: a refusal; 3: entries and a head of a stream. */
function arrive(world: CoreWorld, entity: number, number: number, value: unknown): void {
  if (!isAwake(world, Kind.toVerifier, entity, number, value)) return
  const verifier = world.verifiers[entity]
  if (verifier === undefined) return
  if (number === 3) return parcel(world, entity, value as Parcel)
  if (number === 0) {
    const { life, event, bytes } = value as Delivery
    if (life !== verifier.life) return
    verifier.bytes += bytes
    return verifier.tell(event)
  }
  const { request, event, isGone = false } = value as Answered
  if (request.life !== verifier.life) return
  if (event === undefined) return verifier.failed(request, isGone)
  verifier.bytes += bytesOf(event)
  request.isDone = true
  verifier.tell(event)
}

function bytesOf(event: VerifierEvent): number {
  if (event.kind === 'answered') return event.head.length
  if (event.kind === 'entries') return event.entries.reduce((sum, { length }) => sum + length, 0)
  if (event.kind !== 'snapshot') return 40
  return event.head.length + event.entries.reduce((sum, { length }) => sum + length, 0)
}

function parcel(world: CoreWorld, entity: number, { connection, entries, head }: Parcel): void {
  const verifier = world.verifiers[entity]
  if (verifier === undefined || connection.life !== verifier.life) return
  const { stream } = connection
  for (const text of entries) {
    verifier.bytes += text.length
    verifier.tell({ kind: 'stream-entry', stream, text })
  }
  verifier.bytes += head.length
  verifier.tell({ kind: 'stream-head', stream, text: head })
}

/** Somebody presents a token, and somebody will again a little later. */
function decide(world: CoreWorld, clients: Clients, entity: number): void {
  const { heap, plan, verifiers } = world
  const verifier = verifiers[entity]
  if (verifier === undefined) return
  const { chance } = verifier
  heap.push(
    heap.nowMicros + (2 * SECOND * chance.unit()) / plan.decisionsPerSecond,
    Kind.decide,
    entity,
  )
  if (!verifier.isUp || heap.nowMicros < verifier.asleepUntilMicros) return
  const token = clients.pick(chance)
  if (token !== undefined) verifier.present(token)
}

function resultOf({ world, clients }: CorePlay, host: SimHost): RunResult {
  const { seed, judge, heap, plan, faults, sightings, trace, verifiers } = world
  const hasher = host.newHasher()
  hasher.update(`${trace.digest()} ${heap.popped}`)
  return {
    seed,
    traceHash: hasher.digest(),
    tallies: judge.tallies,
    exposures: {
      ours: [...judge.exposures.values()].flatMap((of) => [...of]),
      naive: [...judge.naiveExposures.values()].flatMap((of) => [...of]),
    },
    verifiers: verifiers.map(({ name, index }) => ({
      name,
      offsetMicros: faults.verifierClocks[index]?.offsetMicros ?? 0,
      driftPpm: faults.verifierClocks[index]?.driftPpm ?? 0,
    })),
    violations: judge.violations,
    drawn: faults.said,
    seen: sightings.counts,
    tokens: clients.tokens,
    renewals: clients.renewals,
    revocations: judge.truths.length,
    staleMicros: judge.staleMicros(),
    bytes: verifiers.reduce((sum, { bytes }) => sum + bytes, 0),
    boundMicros: judge.boundMicros(),
    events: heap.popped,
    virtualMicros: heap.nowMicros - plan.startMicros,
  }
}
