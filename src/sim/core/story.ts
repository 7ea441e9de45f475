import type { Violation } from '#contract/simulation.ts'
import { seconds, timeText } from '#sim/checks.ts'
import { replayOf } from '#sim/story.ts'
import { type CoreBreach, coreInvariants } from './invariants.ts'
import type { SimToken } from './tokens.ts'
import type { TrueRevocation } from './truth.ts'
import type { CoreVerifier } from './verifier.ts'
import type { CoreWorld } from './world.ts'

interface About {
  readonly verifier: CoreVerifier | undefined
  readonly token: SimToken | undefined
  readonly by: TrueRevocation | undefined
}

/** What led to a breach, for a person, and the command that shows it again. */
export function coreStory(
  world: CoreWorld,
  breach: CoreBreach,
  { verifier, token, by }: About,
): Violation {
  const { heap, seed, authorityClock, request } = world
  const at = timeText(authorityClock.earliest(heap.nowMicros))
  return {
    seed,
    invariant: breach.invariant,
    verifier: verifier?.name ?? null,
    at,
    story: [
      ...(verifier === undefined ? [] : verifierLines(world, verifier)),
      ...(token === undefined ? [] : tokenLines(token)),
      ...(by === undefined ? [] : revocationLines(by)),
      `${at}: ${breach.said}`,
      `which must never happen: ${coreInvariants[breach.invariant]}`,
    ],
    replay: replayOf(request, seed),
  }
}

function verifierLines({ heap, authorityClock }: CoreWorld, verifier: CoreVerifier): string[] {
  const { name, mode, life, core } = verifier
  const head = core.applied()
  const now = authorityClock.earliest(heap.nowMicros)
  return [
    `${name}: ${mode}, start ${life}, ${
      head === undefined
        ? 'it has applied no head'
        : `the newest head it applied is of position ${head.position} and ${seconds(now - head.time)} old`
    }`,
  ]
}

function tokenLines({ n, fromMicros, untilMicros, about, credential }: SimToken): string[] {
  const times = `valid from ${timeText(fromMicros)} until ${timeText(untilMicros)}`
  if (credential === undefined) return [`token ${n}: ${times}; ${about}`]
  const { feedSeq, rootSeq, clientId } = credential
  return [
    `token ${n} of ${clientId}: ${times}, minted at position ${feedSeq}, its sign-in at ${rootSeq}`,
  ]
}

function revocationLines(truth: TrueRevocation): string[] {
  const { id, position, publishedMicros, graceEndMicros, cut, asked, liftedMicros } = truth
  const grace = graceEndMicros === 0 ? '' : `, grace until ${timeText(graceEndMicros)}`
  const lifted = liftedMicros === undefined ? '' : `, lifted at ${timeText(liftedMicros)}`
  return [
    `revocation ${id}: position ${position}, cut ${cut}, published ${timeText(publishedMicros)}${grace}${lifted}, reach ${asked.reach ?? 'sessions'}, of ${JSON.stringify(asked.selector)}`,
  ]
}
