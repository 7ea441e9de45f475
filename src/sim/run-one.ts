import type { SimulationRequest, Violation } from '#contract/simulation.ts'
import { Problem } from '#kernel/problem.ts'
import { type Chance, chanceOf } from './chance.ts'
import { createJudge, type Judge } from './judge.ts'
import type { Tally } from './tally.ts'
import { forgedToken, genuineToken, type SimToken } from './tokens.ts'
import { createTrace, type Hasher } from './trace.ts'
import type { PlantedBug } from './planted-bug.ts'
import { AUDIENCE, createSimWorld, type SimWorld } from './world.ts'

/** What the simulator cannot make itself. */
export interface SimHost {
  readonly newHasher: () => Hasher
  /** Lets the process live for a moment, and tells how far a run is, from 0 to 1. */
  readonly breathe: (done: number) => Promise<void>
}

export interface RunResult {
  readonly seed: number
  readonly traceHash: string
  readonly tallies: readonly Tally[]
  /** Of each token at each verifier, how long after its expiry it was last accepted, microseconds. */
  readonly exposures: { readonly ours: readonly number[]; readonly naive: readonly number[] }
  readonly verifiers: readonly {
    readonly name: string
    readonly offsetMicros: number
    readonly driftPpm: number
  }[]
  readonly violations: readonly Violation[]
  readonly drawn: readonly string[]
  readonly seen: Readonly<Record<string, number>>
  readonly tokens: number
  readonly renewals: number
  readonly revocations: number
  readonly staleMicros: number
  readonly bytes: number
  /** Within this after its bound nothing may be accepted any more. */
  readonly boundMicros: number
  readonly events: number
  readonly virtualMicros: number
}

const SECOND = 1_000_000
const EVENTS_BETWEEN_BREATHS = 20_000
const CLIENT = 'deploy-bot'
const SCOPE = 'deploy:prod'
/** A forgery has no edges to be tried at; it is wrong all the time. */
const FORGERY_TRIES = 3
/** After the faults have ended, everybody must know the time again within this. */
const HEALING_MICROS = 15 * SECOND

/** A run under way. */
interface Play {
  readonly world: SimWorld
  readonly judge: Judge
  /** Acknowledged to the operator: credential by the number of its request. */
  readonly acknowledged: Map<number, string>
  requests: number
  tokens: number
  forgeries: number
}

/** Runs one world from one seed to its end, and judges every decision in it. */
export async function runOne(
  request: SimulationRequest,
  seed: number,
  host: SimHost,
  bug?: PlantedBug,
): Promise<RunResult> {
  const trace = createTrace(host.newHasher())
  const heads = Array.from({ length: request.verifiers }, () => ({ position: 0, timeMicros: 0 }))
  const world = await createSimWorld({
    request,
    seed,
    trace,
    bug,
    onApplied(node, position, timeMicros) {
      const before = heads[node]
      heads[node] = { position, timeMicros }
      if (before === undefined) return
      if (before.position <= position && before.timeMicros < timeMicros) return
      judge.broken({ invariant: 'I6', said: 'it applied an older head' }, node)
    },
  })
  const judge = createJudge(world)
  const play: Play = {
    world,
    judge,
    acknowledged: new Map(),
    requests: 0,
    tokens: 0,
    forgeries: 0,
  }
  try {
    await perform(play, host)
    return resultOf(play)
  } finally {
    await world.authority.close()
  }
}

async function perform(play: Play, host: SimHost): Promise<void> {
  const { world, judge } = play
  const { clock, startMicros, plan } = world
  const healMicros = startMicros + plan.issueMicros + plan.ttlMicros + plan.reachMicros
  const endMicros = healMicros + HEALING_MICROS
  clock.launch(async () => {
    const scopes = [SCOPE]
    await world.oversight.createClient({ id: CLIENT, scopes, audiences: [AUDIENCE] })
  })
  await clock.runUntil(startMicros)
  schedule(play)
  clock.at(healMicros, world.heal)
  clock.at(endMicros - 4 * SECOND, () => clock.launch(() => lastToken(play)))
  const span = endMicros - startMicros
  while (!(await clock.runUntil(endMicros, EVENTS_BETWEEN_BREATHS))) {
    await host.breathe((clock.nowMicros() - startMicros) / span)
  }
  clock.launch(() => checkRecords(play))
  await clock.runUntil(endMicros + SECOND)
  judge.tallies.forEach((tally, i) => world.trace.note(endMicros, `${i} ${tally.decisions}`))
}

/** Everything that happens whatever else happens: starts, issues, rotations, and clocks that are set. */
function schedule(play: Play): void {
  const { clock, startMicros, plan, nodes, seed, faults, sightings, request } = play.world
  nodes.forEach(({ verifier }, i) => {
    clock.at(startMicros + chanceOf(seed, 'start', i).between(0, SECOND), () => verifier.start())
  })
  const pace = chanceOf(seed, 'pace')
  for (let at = 0; at < plan.issueMicros; at += plan.issueEveryMicros) {
    const jitter = pace.between(0, Math.floor(plan.issueEveryMicros / 2))
    clock.at(startMicros + at + jitter, () => clock.launch(() => issue(play)))
  }
  const every = plan.rotateEveryMicros ?? Number.POSITIVE_INFINITY
  for (let at = every; at < plan.issueMicros; at += every) {
    clock.at(startMicros + at, () => clock.launch(() => rotate(play)))
  }
  for (const { steps } of faults.verifierClocks) {
    for (const { atMicros } of steps) clock.at(atMicros, () => sightings.see('clock-set'))
  }
  for (const { atMicros } of faults.authorityClock.steps) {
    clock.at(atMicros, () => sightings.see('authority-stepped'))
  }
  if (request.ttlSeconds < request.skewSeconds) sightings.see('skew-beyond-ttl')
}

async function issue(play: Play): Promise<void> {
  const { world } = play
  const n = play.requests++
  const { ttlSeconds } = world.request
  const issued = await unlessUnreachable(() =>
    world.operator.issueTokens({
      clientId: CLIENT,
      scopes: [SCOPE],
      audience: [AUDIENCE],
      ttlSeconds,
      tags: { n: String(n) },
    }),
  )
  const [item] = issued?.items ?? []
  world.trace.note(world.clock.nowMicros(), `issue ${n} ${item?.credential.id ?? 'unanswered'}`)
  if (item === undefined) return
  play.acknowledged.set(n, item.credential.id)
  const token = genuineToken(play.tokens++, item.token)
  circulate(play, token)
  if (token.n % world.plan.forgeEvery !== 0) return
  const forged = await forgedToken(world.authority, play.tokens++, item.token, play.forgeries++)
  circulate(play, forged)
}

async function rotate({ world }: Play): Promise<void> {
  const rotated = await unlessUnreachable(() => world.operator.rotateKey({}))
  world.trace.note(world.clock.nowMicros(), `rotate ${rotated?.key.id ?? 'unanswered'}`)
  if (rotated !== undefined) world.sightings.see('key-rotated')
}

/** What the network ate is no failure of the simulation; everything else is. */
async function unlessUnreachable<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'authority-unreachable') return undefined
    throw thrown
  }
}

/** Takes a token to every verifier: in its life, around its expiry, and as near its edges as can be. */
function circulate(play: Play, token: SimToken): void {
  const { clock, plan, nodes, seed, authorityClocks, startMicros } = play.world
  const { tries, reachMicros, leewayMicros } = plan
  const { fromMicros, untilMicros } = token.validity
  const chance = chanceOf(seed, 'tries', token.n)
  const now = clock.nowMicros()
  const trueMicros = (micros: number): number => authorityClocks.trueMicros(micros - startMicros)
  const until = trueMicros(Math.min(untilMicros, fromMicros + plan.ttlMicros + 200 * SECOND))
  const spread = (from: number, to: number): number =>
    from + Math.floor(chance.unit() * Math.max(0, to - from))
  nodes.forEach((_, node) => {
    const present = (at: number): void => {
      if (now <= at) clock.at(at, () => presentTo(play, node, token))
    }
    const isForged = !token.isGenuine && !token.isTimedOnly
    const life = isForged ? FORGERY_TRIES : tries.life
    for (let i = 0; i < life; i++) present(spread(now, until))
    if (isForged) return
    for (let i = 0; i < tries.expiry; i++) present(spread(until - reachMicros, until + reachMicros))
    for (let i = 0; i < tries.edge; i++) {
      const edge = edgeOf(chance, until, leewayMicros)
      present(spread(edge - SECOND / 2, edge + SECOND / 2))
    }
  })
}

const edgeOf = (chance: Chance, until: number, leewayMicros: number): number =>
  chance.happens(0.3) ? until : until + leewayMicros

function presentTo({ world, judge }: Play, node: number, token: SimToken): void {
  const { clock, nodes, trace } = world
  judge.arrived(node, token)
  nodes[node]?.verifier.verify(token.text, (decision, waitedMicros) => {
    const { verdict, cause = '' } = decision
    trace.note(clock.nowMicros(), `${node} ${token.n} ${verdict} ${cause}`)
    judge.decided(node, token, decision, waitedMicros)
  })
}

/** When the faults have long ended, a fresh token must be accepted by everybody. */
async function lastToken(play: Play): Promise<void> {
  const { world, judge } = play
  const { items } = await world.oversight.issueTokens({
    clientId: CLIENT,
    audience: [AUDIENCE],
    ttlSeconds: world.request.ttlSeconds,
  })
  const token = genuineToken(play.tokens++, items[0]?.token ?? '')
  // Without a leeway nobody can be certain of a token that is younger than an interval is wide.
  await world.clock.sleep(2000)
  world.nodes.forEach(({ verifier }, node) => {
    verifier.verify(token.text, ({ verdict, detail = '' }) => {
      if (verdict === 'accepted') return
      const said = `seconds after the faults had ended it said ${verdict} of a fresh token (${detail})`
      judge.broken({ invariant: 'L1', said }, node)
    })
  })
}

/** What was acknowledged is on record, and no request was done twice, however often it was sent. */
async function checkRecords({ world, judge, acknowledged }: Play): Promise<void> {
  const recorded = new Map<string, string[]>()
  for (let cursor: string | undefined; ;) {
    const page = await world.oversight.listCredentials({ cursor })
    for (const { id, tags } of page.items) {
      const n = tags['n']
      if (n !== undefined) recorded.set(n, [...(recorded.get(n) ?? []), id])
    }
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  for (const [n, ids] of recorded) {
    if (ids.length <= 1) continue
    const said = `request ${n} made ${ids.length} credentials: ${ids.join(', ')}`
    judge.broken({ invariant: 'I10', said }, undefined)
  }
  for (const [n, id] of acknowledged) {
    if (recorded.get(String(n))?.includes(id) === true) continue
    judge.broken({ invariant: 'I10', said: `credential ${id} is not on record` }, undefined)
  }
}

function resultOf({ world, judge, tokens }: Play): RunResult {
  const { seed, trace, faults, sightings, clock, startMicros, nodes } = world
  return {
    seed,
    traceHash: trace.digest(),
    tallies: judge.tallies,
    exposures: judge.exposures(),
    verifiers: nodes.map(({ name }, i) => ({
      name,
      offsetMicros: faults.verifierClocks[i]?.offsetMicros ?? 0,
      driftPpm: faults.verifierClocks[i]?.driftPpm ?? 0,
    })),
    violations: judge.violations,
    drawn: faults.said,
    seen: sightings.counts(),
    tokens,
    renewals: 0,
    revocations: 0,
    staleMicros: 0,
    bytes: 0,
    boundMicros: world.plan.leewayMicros,
    events: clock.events(),
    virtualMicros: clock.nowMicros() - startMicros,
  }
}
