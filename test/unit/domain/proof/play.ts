import fc from 'fast-check'
import { position, type Position } from '#domain/feed/position.ts'
import type { Incarnation } from '#domain/proof/proof.ts'
import { instant } from '#kernel/instant.ts'

/**
 * What happened to verifiers, head by head, in seconds: who was given which head when, applied it
 * when, and said so. The records of the authority follow from it as the authority would keep them;
 * the oracle looks at what happened and not at the records.
 */
export interface Play {
  readonly publishedAt: number
  readonly verifiers: readonly PlayedVerifier[]
}

export interface PlayedVerifier {
  readonly id: string
  readonly limit: number
  readonly audiences: readonly string[]
  readonly firstSeen: number
  /** Each promise to give it heads: made at a time, until a time. */
  readonly promises: readonly { readonly at: number; readonly until: number }[]
  /** The time of each head that it was given, when it applied it, and whether its word of it came. */
  readonly heads: readonly {
    readonly time: number
    readonly appliedAt: number
    readonly wordAt: number | undefined
  }[]
  readonly releasedAt: number | undefined
}

/** Where the feed stood: below the revocation before its publication, at it from then on. */
export const BEFORE = position(1, 7)
export const OWN = position(1, 8)
export const positionAt = ({ publishedAt }: Play, time: number): Position =>
  publishedAt <= time ? OWN : BEFORE

const anyVerifier = (id: string): fc.Arbitrary<PlayedVerifier> =>
  fc
    .record({
      limit: fc.integer({ min: 1, max: 5 }),
      audiences: fc.uniqueArray(fc.constantFrom('a', 'b'), { minLength: 1 }),
      firstSeen: fc.nat(14),
      steps: fc.array(fc.record({ wait: fc.nat(6), length: fc.integer({ min: 1, max: 4 }) }), {
        maxLength: 4,
      }),
      heads: fc.array(
        fc.record({
          after: fc.nat(3),
          delay: fc.nat(3),
          wordDelay: fc.option(fc.nat(3), { nil: undefined }),
        }),
        { maxLength: 8 },
      ),
      release: fc.option(fc.nat(12), { nil: undefined }),
    })
    .map(({ limit, audiences, firstSeen, steps, heads, release }) => {
      const promises = [{ at: firstSeen, until: firstSeen + 1 }]
      let at = firstSeen
      for (const { wait, length } of steps) {
        at += wait
        promises.push({ at, until: at + length })
      }
      const releasedAt = release === undefined ? undefined : firstSeen + release
      const given: PlayedVerifier['heads'][number][] = []
      let time = firstSeen
      for (const { after, delay, wordDelay } of heads) {
        time += after
        const isPromised = promises.some((one) => one.at <= time && time <= one.until)
        // Whoever gave its lease back is given no more heads and applies none.
        if (!isPromised || (releasedAt !== undefined && releasedAt <= time + delay)) continue
        const appliedAt = time + delay
        given.push({
          time,
          appliedAt,
          wordAt: wordDelay === undefined ? undefined : appliedAt + wordDelay,
        })
      }
      return { id, limit, audiences, firstSeen, promises, heads: given, releasedAt }
    })

export const anyPlay: fc.Arbitrary<Play> = fc.record({
  publishedAt: fc.integer({ min: 4, max: 12 }),
  verifiers: fc.tuple(anyVerifier('inc_a'), anyVerifier('inc_b'), anyVerifier('inc_c')),
})

export const seconds = (count: number): number => count * 1_000_000

/** What is on record at a time; nothing of what happens later. */
export function recordsAt(play: Play, now: number): Incarnation[] {
  return play.verifiers
    .filter(({ firstSeen }) => firstSeen <= now)
    .map((one) => recordAt(play, one, now))
}

function recordAt(play: Play, one: PlayedVerifier, now: number): Incarnation {
  const promised = one.promises.filter(({ at }) => at <= now).map(({ until }) => until)
  const words = one.heads.filter(({ wordAt }) => wordAt !== undefined && wordAt <= now)
  let best: { position: Position; time: number; at: number } | undefined
  for (const { time, wordAt = 0 } of [...words].sort((a, b) => (a.wordAt ?? 0) - (b.wordAt ?? 0))) {
    const at = positionAt(play, time)
    if (best === undefined || best.position <= at) best = { position: at, time, at: wordAt }
  }
  return {
    id: one.id,
    verifierId: 'local',
    name: one.id,
    audiences: one.audiences,
    mode: 'strict',
    limitSeconds: one.limit,
    firstPosition: positionAt(play, one.firstSeen),
    headsUntilMicros: seconds(Math.max(...promised)),
    ...(one.releasedAt !== undefined && one.releasedAt <= now
      ? { releasedMicros: seconds(one.releasedAt) }
      : {}),
    ...(best === undefined
      ? {}
      : {
          acknowledged: {
            position: best.position,
            chain: 'c',
            digest: 'd',
            headMicros: seconds(best.time),
            atMicros: seconds(best.at),
          },
        }),
    firstSeenAt: instant(one.firstSeen * 1000),
    lastSeenAt: instant(now * 1000),
  }
}

/** Whether at that time it may decide by a head from before the revocation. */
export function mayDecideWithout(play: Play, one: PlayedVerifier, at: number): boolean {
  if (one.releasedAt !== undefined && one.releasedAt <= at) return false
  const applied = one.heads.filter(({ appliedAt }) => appliedAt <= at)
  const newest = applied.reduce((time, head) => Math.max(time, head.time), -Infinity)
  return newest < play.publishedAt && at < newest + one.limit
}
