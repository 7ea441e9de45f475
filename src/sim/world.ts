import { adminApi } from '#contract/admin-api.ts'
import { connect } from '#client/connect.ts'
import type { SimulationRequest } from '#contract/simulation.ts'
import type { WireAnswer } from '#contract/transport.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { newId } from '#kernel/identifier.ts'
import { soundRules } from '#verifier/rules.ts'
import type { VerifySignature } from '#verifier/signature.ts'
import { createSimAuthority, ISSUER, type SimAuthority } from './authority.ts'
import { chanceOf, entropyOf } from './chance.ts'
import { clocksOf, type NodeClocks } from './clocks.ts'
import { drawFaults, type Faults, fairWeather, type Span } from './faults.ts'
import { type Link, linkOf, type Weather } from './link.ts'
import { type Plan, planOf } from './plan.ts'
import type { PlantedBug } from './planted-bug.ts'
import { createSightings, type Sightings } from './sightings.ts'
import type { Trace } from './trace.ts'
import { createVerifierNode, type NodeNotes, type VerifierNode } from './verifier-node.ts'
import { VirtualClock } from './virtual-clock.ts'

export const AUDIENCE = 'https://api.sim'

/** 2026-11-23T19:08:00Z, when every world begins. */
const BEGINNING_MICROS = 1_795_460_880_000_000
/** Seeds that this divides verify every signature anew. */
const WITHOUT_MEMO_EVERY = 10

/** One verifier of the world, and the wrong clock beside it. */
export interface Node {
  readonly name: string
  readonly clocks: NodeClocks
  readonly verifier: VerifierNode
}

/** A world in a process: the real authority, the real verifiers, and between them what is simulated. */
export interface SimWorld {
  readonly seed: number
  readonly request: SimulationRequest
  readonly plan: Plan
  readonly faults: Faults
  readonly clock: VirtualClock
  readonly startMicros: number
  readonly authority: SimAuthority
  readonly authorityClocks: NodeClocks
  readonly nodes: readonly Node[]
  readonly sightings: Sightings
  readonly trace: Trace
  /** The admin API as an operator has it, over a network like the verifiers'. */
  readonly operator: ReturnType<typeof connectOver>
  /** The admin API without a network, for looking at what is on record. */
  readonly oversight: ReturnType<typeof connectOver>
  /** The faults end, and only the fair weather is left. */
  readonly heal: () => void
}

export interface WorldOptions {
  readonly request: SimulationRequest
  readonly seed: number
  readonly trace: Trace
  readonly bug?: PlantedBug | undefined
  /** Called when a verifier has applied a head. */
  readonly onApplied: (node: number, position: number, timeMicros: number) => void
}

export async function createSimWorld(options: WorldOptions): Promise<SimWorld> {
  const { request, seed, trace } = options
  const plan = planOf(request)
  const sightings = createSightings()
  const clock = new VirtualClock(BEGINNING_MICROS)
  const startMicros = BEGINNING_MICROS
  const faults = drawFaults({
    seed,
    verifiers: request.verifiers,
    skewSeconds: request.skewSeconds,
    startMicros,
    durationMicros: plan.issueMicros + plan.ttlMicros,
  })
  const authorityClocks = clocksOf(faults.authorityClock, { startMicros, originMicros: 0 })
  const { ttlSeconds } = request
  const authority = await createSimAuthority(clock, authorityClocks, {
    seed,
    ttlSeconds,
    bug: options.bug,
  })
  let isHealed = false
  const network: Network = {
    clock,
    seed,
    authority,
    sightings,
    kept: [],
    weather: () => (isHealed ? fairWeather : faults.weather),
    isHealed: () => isHealed,
  }
  const verifySignature = signatures(authority, seed % WITHOUT_MEMO_EVERY !== 0)
  const nodes = faults.verifierClocks.map((fault, i): Node => {
    const originMicros = chanceOf(seed, 'boot', i).between(0, 1_000_000_000)
    const clocks = clocksOf(fault, { startMicros, originMicros })
    const notes = notesOf(i, { clock, trace, sightings, onApplied: options.onApplied })
    const given = { i, clocks, notes, verifySignature, plan, bug: options.bug }
    return nodeOf(network, given, faults.partitions[i] ?? [])
  })
  const operatorLink = linkTo(network, 'operator', [])
  return {
    seed,
    request,
    plan,
    faults,
    clock,
    startMicros,
    authority,
    authorityClocks,
    nodes,
    sightings,
    trace,
    operator: connectOver(network, operatorLink.transport, 'operator'),
    oversight: connectOver(network, authority.serve, 'oversight'),
    heal: () => {
      isHealed = true
    },
  }
}

interface Network {
  readonly clock: VirtualClock
  readonly seed: number
  readonly authority: SimAuthority
  readonly sightings: Sightings
  readonly kept: WireAnswer[]
  readonly weather: () => Weather
  readonly isHealed: () => boolean
}

function linkTo(network: Network, name: string, partitions: readonly Span[]): Link {
  const { clock, seed, authority, sightings, kept, weather, isHealed } = network
  return linkOf({
    clock,
    chance: chanceOf(seed, 'link', name),
    weather,
    isUp(nowMicros) {
      const isCut = partitions.some((of) => of.fromMicros <= nowMicros && nowMicros < of.toMicros)
      if (!isCut || isHealed()) return true
      sightings.see('partition')
      return false
    },
    serve: authority.serve,
    kept,
    sightings,
  })
}

function connectOver(network: Network, transport: Link['transport'], name: string) {
  const { clock, seed } = network
  const entropy = entropyOf(seed, 'client', name)
  return connect(adminApi, transport, () => newId('req', clock.now(), entropy), {
    retry: { clock, entropy },
  })
}

interface NodeParts {
  readonly i: number
  readonly clocks: NodeClocks
  readonly notes: NodeNotes
  readonly verifySignature: VerifySignature
  readonly plan: Plan
  readonly bug: PlantedBug | undefined
}

function nodeOf(network: Network, parts: NodeParts, partitions: readonly Span[]): Node {
  const { clock, seed, sightings } = network
  const { i, clocks, notes, verifySignature, plan, bug } = parts
  const name = `api-${i + 1}`
  const entropy = entropyOf(seed, 'verifier', i)
  const link = linkTo(network, name, partitions)
  const requestIds = entropyOf(seed, 'request', i)
  // A verifier asks once and again by itself; a client that asked for it would blur the exchange.
  const admin = connect(adminApi, link.transport, () => newId('req', clock.now(), requestIds))
  const verifier = createVerifierNode({
    clock,
    clocks,
    config: {
      issuer: ISSUER,
      audiences: [AUDIENCE],
      name,
      mode: 'standard',
      incarnation: encodeBase64url(entropy.bytes(16)),
      leewayMicros: plan.leewayMicros,
    },
    capabilities: { entropy, verifySignature, rules: { ...soundRules, ...bug?.rules } },
    admin,
    streams: network.authority.streams,
    link,
    notes,
    sightings,
    localClock: bug?.localClock ?? 'monotonic',
  })
  return { name, clocks, verifier }
}

function notesOf(
  i: number,
  {
    clock,
    trace,
    sightings,
    onApplied,
  }: Pick<SimWorld, 'clock' | 'trace' | 'sightings'> & Pick<WorldOptions, 'onApplied'>,
): NodeNotes {
  return {
    asked: () => trace.note(clock.nowMicros(), `${i} asks`),
    applied(position, timeMicros) {
      trace.note(clock.nowMicros(), `${i} applies ${position} ${timeMicros}`)
      onApplied(i, position, timeMicros)
    },
    alarmed(detail) {
      sightings.see('head-refused')
      trace.note(clock.nowMicros(), `${i} alarms ${detail}`)
    },
  }
}

/**
 * The real signature check, remembered by key and text: the same answer, since both fix it, and the
 * most expensive part of a decision done once.
 */
function signatures({ deps }: SimAuthority, isRemembered: boolean): VerifySignature {
  const known = new Map<string, boolean>()
  return (jwk, { signed, signature }, text) => {
    if (!isRemembered) return deps.signer.verify(jwk, signed, signature)
    const key = `${jwk['x']} ${jwk['y']} ${text}`
    const answer = known.get(key) ?? deps.signer.verify(jwk, signed, signature)
    known.set(key, answer)
    return answer
  }
}
