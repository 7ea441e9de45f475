import type { Violation } from '#contract/simulation.ts'
import type { VerifierDecision } from '#verifier/decide.ts'
import {
  type Breach,
  breachesOf,
  isFalseAccept,
  isFalseRefusal,
  isValidAt,
  type Judged,
} from './checks.ts'
import { naiveAccepts } from './naive.ts'
import type { Sighting } from './sightings.ts'
import { storyOf } from './story.ts'
import { emptyTally, type Tally } from './tally.ts'
import type { SimToken } from './tokens.ts'
import type { Node, SimWorld } from './world.ts'

/** Judges every decision of a world, ours and the naive one, and keeps the counts. */
export interface Judge {
  /** The naive check decides when the token comes. */
  arrived(node: number, token: SimToken): void
  /** Ours may have waited for the authority first. */
  decided(node: number, token: SimToken, decision: VerifierDecision, waited: boolean): void
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

/** Violations of one run that are told; the rest are mostly the same again. */
const VIOLATIONS_MAX = 20

export function createJudge(world: SimWorld): Judge {
  const { nodes, authority, clock, plan, request, sightings } = world
  const tallies = nodes.map(emptyTally)
  const violations: Violation[] = []
  const lasts = new Map<number, Last>()
  const widthMicrosMax = Math.max(plan.leewayMicros, 1_000_000)

  const lastOf = ({ n }: SimToken): Last => {
    const known = lasts.get(n)
    if (known !== undefined) return known
    const made = { ours: new Float64Array(nodes.length), naive: new Float64Array(nodes.length) }
    lasts.set(n, made)
    return made
  }
  const broken = (breach: Breach, node: number | undefined, judged?: Judged): void => {
    if (VIOLATIONS_MAX <= violations.length) return
    violations.push(storyOf(world, breach, node, judged))
  }

  return {
    tallies,
    violations,
    broken,
    arrived(node, token) {
      const { clocks } = nodes[node] as Node
      const tally = tallies[node] as Tally
      const atMicros = authority.timeMicros()
      const wallMicros = clocks.wallMicros(clock.nowMicros())
      if (!token.isGenuine) return
      const { untilMicros } = token.validity
      if (naiveAccepts(token.validity, wallMicros, request.naiveLeewaySeconds)) {
        if (untilMicros < atMicros) lastOf(token).naive[node] = atMicros - untilMicros
        if (untilMicros + plan.leewayMicros < atMicros) {
          tally.naiveFalseAccepts += 1
          sightings.see('naive-false-accept')
        }
      } else if (isValidAt(token, atMicros)) {
        tally.naiveFalseRefusals += 1
        sightings.see('naive-false-refusal')
      }
    },
    decided(node, token, decision, waited) {
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
        excuse: isStale ? verifier.excuse() : undefined,
      }
      for (const breach of breachesOf(judged)) broken(breach, node, judged)
      const seen = sightingOf(judged, waited)
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

function sightingOf({ token, decision, atMicros }: Judged, waited: boolean): Sighting | undefined {
  switch (decision.verdict) {
    case 'accepted':
      if (token.validity.untilMicros < atMicros) return 'accepted-in-leeway'
      return waited ? 'waited-and-accepted' : 'accepted'
    case 'expired':
    case 'not-yet-valid':
    case 'invalid':
      return decision.verdict
    case 'stale':
      if (decision.cause === 'cold') return 'stale-cold'
      return decision.cause === 'behind' ? 'stale-behind' : 'stale-clock'
    default:
      return undefined
  }
}
