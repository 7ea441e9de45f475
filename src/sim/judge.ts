import type { Violation } from '#contract/simulation.ts'
import type { DecisionCause } from '#domain/credential/decision.ts'
import type { VerifierDecision } from '#verifier/config.ts'
import {
  type Breach,
  breachesOf,
  isFalseAccept,
  isFalseRefusal,
  isValidAt,
  type Judged,
} from './checks.ts'
import { naiveAccepts } from './naive.ts'
import { type Sighting, sightingNames } from './sightings.ts'
import { storyOf } from './story.ts'
import { emptyTally, type Tally } from './tally.ts'
import type { Plan } from './plan.ts'
import type { SimToken } from './tokens.ts'
import type { VerifierNode } from './verifier-node.ts'
import type { Node, SimWorld } from './world.ts'

/** Judges every decision of a world, ours and the naive one, and keeps the counts. */
export interface Judge {
  /** The naive check decides when the token comes. */
  arrived(node: number, token: SimToken): void
  /** Ours may have waited for the authority first. */
  decided(node: number, token: SimToken, decision: VerifierDecision, waitedMicros: number): void
  broken(breach: Breach, node: number | undefined): void
  readonly tallies: readonly Tally[]
  readonly violations: readonly Violation[]
  /** How long after its expiry each token was last accepted at each verifier; both checks. */
  exposures(): { readonly ours: number[]; readonly naive: number[] }
}

interface Last {
  readonly ours: Float64Array
  readonly naive: Float64Array
}

const emptyLast = (nodes: number): Last => ({
  ours: new Float64Array(nodes),
  naive: new Float64Array(nodes),
})

/** A verifier's interval may be as wide as the leeway, and always as wide as this. */
const WIDTH_MICROS_MIN = 1_000_000
/** Violations of one run that are told; the rest are mostly the same again. */
const VIOLATIONS_MAX = 20

export function createJudge(world: SimWorld): Judge {
  const { nodes, authority, clock, plan, request, sightings } = world
  const tallies = nodes.map(emptyTally)
  const violations: Violation[] = []
  const lasts = new Map<number, Last>()
  const widthMicrosMax = Math.max(plan.leewayMicros, WIDTH_MICROS_MIN)

  const lastOf = ({ n }: SimToken): Last => {
    const known = lasts.get(n) ?? emptyLast(nodes.length)
    lasts.set(n, known)
    return known
  }
  const broken = (breach: Breach, node: number | undefined, judged?: Judged): void => {
    if (VIOLATIONS_MAX <= violations.length) return
    violations.push(storyOf(world, breach, node, judged))
  }

  const arrived: Judge['arrived'] = (node, token) => {
    if (!token.isGenuine) return
    const atMicros = authority.timeMicros()
    const wallMicros = nodes[node]?.clocks.wallMicros(clock.nowMicros()) ?? 0
    const afterMicros = atMicros - token.validity.untilMicros
    const tally = tallies[node] as Tally
    if (naiveAccepts(token.validity, wallMicros, request.naiveLeewaySeconds)) {
      if (0 < afterMicros) lastOf(token).naive[node] = afterMicros
      if (afterMicros <= plan.leewayMicros) return
      tally.naiveFalseAccepts += 1
      sightings.see('naive-false-accept')
    } else if (isValidAt(token, atMicros)) {
      tally.naiveFalseRefusals += 1
      sightings.see('naive-false-refusal')
    }
  }

  return {
    tallies,
    violations,
    broken,
    arrived,
    decided(node, token, decision, waitedMicros) {
      const { verifier } = nodes[node] as Node
      const tally = tallies[node] as Tally
      const isStale = decision.verdict === 'stale'
      const judged: Judged = {
        token,
        decision,
        atMicros: authority.timeMicros(),
        leewayMicros: plan.leewayMicros,
        interval: verifier.core.interval(verifier.localMicros()),
        widthMicrosMax,
        excuse: isStale ? excuseOf(verifier, decision, plan, waitedMicros) : undefined,
      }
      for (const breach of breachesOf(judged)) broken(breach, node, judged)
      const seen = sightingOf(judged, 0 < waitedMicros)
      if (seen !== undefined) sightings.see(seen)
      if (!token.isGenuine) return
      tally.decisions += 1
      if (isStale) tally.stale += 1
      if (isFalseAccept(judged)) tally.falseAccepts += 1
      if (isFalseRefusal(judged)) tally.falseRefusals += 1
      const afterMicros = judged.atMicros - token.validity.untilMicros
      const last = lastOf(token)
      if (decision.verdict === 'accepted' && 0 < afterMicros) last.ours[node] = afterMicros
    },
    exposures() {
      const all = [...lasts.values()]
      return {
        ours: all.flatMap(({ ours }) => [...ours]),
        naive: all.flatMap(({ naive }) => [...naive]),
      }
    },
  }
}

/** Why nobody could have said more than `stale`; `undefined` where somebody could. */
function excuseOf(
  verifier: VerifierNode,
  { cause }: VerifierDecision,
  { leewayMicros }: Plan,
  waitedMicros: number,
): string | undefined {
  // So small a leeway leaves times near an edge of which no interval can be certain.
  if (cause === 'clock' && leewayMicros < WIDTH_MICROS_MIN) return 'leeway'
  return verifier.excuse(waitedMicros, cause)
}

function sightingOf({ token, decision, atMicros }: Judged, waited: boolean): Sighting | undefined {
  const { verdict, cause } = decision
  if (verdict === 'accepted') {
    if (token.validity.untilMicros < atMicros) return 'accepted-in-leeway'
    return waited ? 'waited-and-accepted' : 'accepted'
  }
  if (verdict === 'stale') return cause === undefined ? undefined : staleSightings[cause]
  return sightingNames.find((name) => name === verdict)
}

const staleSightings: Readonly<Partial<Record<DecisionCause, Sighting>>> = {
  cold: 'stale-cold',
  behind: 'stale-behind',
  clock: 'stale-clock',
}
