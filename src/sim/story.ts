import type { SimulationRequest, Violation } from '#contract/simulation.ts'
import { formatDuration } from '#kernel/duration.ts'
import { type Breach, invariants, type Judged, seconds, timeText } from './checks.ts'
import type { SimWorld } from './world.ts'

/** What led to a breach, for a person, and the command that shows it again. */
export function storyOf(
  world: SimWorld,
  breach: Breach,
  node: number | undefined,
  judged: Judged | undefined,
): Violation {
  const { seed, authority, request, nodes } = world
  const at = timeText(authority.timeMicros())
  return {
    seed,
    invariant: breach.invariant,
    verifier: node === undefined ? null : (nodes[node]?.name ?? null),
    at,
    story: [
      ...(node === undefined ? [] : nodeLines(world, node)),
      ...(judged === undefined ? [] : tokenLines(judged)),
      `${at}: ${breach.said}`,
      `which must never happen: ${invariants[breach.invariant]}`,
    ],
    replay: replayOf(request, seed),
  }
}

function nodeLines({ nodes, faults, clock }: SimWorld, i: number): string[] {
  const node = nodes[i]
  const fault = faults.verifierClocks[i]
  if (node === undefined || fault === undefined) return []
  const now = clock.nowMicros()
  const wrongMicros = node.clocks.wallMicros(now) - now
  const head = node.verifier.core.applied()
  return [
    `${node.name}: its wall clock is ${seconds(Math.abs(wrongMicros))} ${wrongMicros < 0 ? 'behind' : 'ahead'}, its drift ${fault.driftPpm} ppm`,
    head === undefined
      ? `${node.name}: it has applied no head`
      : `${node.name}: the newest head it applied is ${head.position} of ${timeText(head.time)}`,
  ]
}

function tokenLines({ token, decision, interval }: Judged): string[] {
  const { fromMicros, untilMicros } = token.validity
  const cause = decision.cause === undefined ? '' : ` (${decision.cause})`
  return [
    `token ${token.n}: valid from ${timeText(fromMicros)} until ${timeText(untilMicros)}; ${token.about}`,
    ...(interval === undefined
      ? []
      : [
          `what it knew of the time: ${timeText(interval.lowerMicros)} to ${timeText(interval.upperMicros)}`,
        ]),
    `it decided ${decision.verdict}${cause}`,
  ]
}

/** The command line of one run, with every knob: defaults may change, and a replay must not. */
export function replayOf(request: SimulationRequest, seed: number): string {
  const { scenario, skewSeconds, leewaySeconds, naiveLeewaySeconds, ttlSeconds } = request
  return [
    `credctl simulate replay --seed ${seed} --scenario ${scenario}`,
    `--skew ${formatDuration(skewSeconds)} --leeway ${formatDuration(leewaySeconds)}`,
    `--naive-leeway ${formatDuration(naiveLeewaySeconds)} --ttl ${formatDuration(ttlSeconds)}`,
    `--verifiers ${request.verifiers} --minutes ${request.minutes}`,
    ...(request.lossPercent === undefined ? [] : [`--loss ${request.lossPercent}`]),
    ...(request.mode === undefined ? [] : [`--mode ${request.mode}`]),
  ].join(' ')
}
