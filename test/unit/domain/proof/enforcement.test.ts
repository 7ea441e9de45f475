import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { position } from '#domain/feed/position.ts'
import {
  enforcementOf,
  type Proven,
  rosterOf,
  standingOf,
  STRAGGLERS_MAX,
  withCoverage,
} from '#domain/proof/enforcement.ts'
import type { Incarnation, Lease } from '#domain/proof/proof.ts'
import { instant } from '#kernel/instant.ts'
import { anyPlay, BEFORE, mayDecideWithout, OWN, type Play, recordsAt, seconds } from './play.ts'

const HORIZON = 60

interface Shape {
  readonly graceSeconds: number
  readonly openUntil: number | undefined
}
const anyShape: fc.Arbitrary<Shape> = fc.record({
  graceSeconds: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 })),
  openUntil: fc.option(fc.integer({ min: 4, max: 25 }), { nil: undefined }),
})

const revocationOf = ({ publishedAt }: Play, { graceSeconds, openUntil }: Shape): Proven => ({
  id: 'rev_1',
  position: OWN,
  publishedAt: instant(publishedAt * 1000),
  graceSeconds,
  coverage: {
    publishedMicros: seconds(publishedAt),
    audiences: ['a', 'b', 'c'],
    uncovered: openUntil === undefined ? [] : ['c'],
    matchedUntil: instant((openUntil ?? 0) * 1000),
  },
})

const standingAt = (play: Play, revocation: Proven, now: number) =>
  standingOf(revocation, rosterOf(revocation, recordsAt(play, now)), seconds(now))

function leaseOf(one: Incarnation): Lease {
  const { limitSeconds, firstPosition, headsUntilMicros, releasedMicros, acknowledged } = one
  return {
    limitSeconds,
    firstPosition,
    headsUntilMicros,
    ...(releasedMicros === undefined ? {} : { releasedMicros }),
    ...(acknowledged === undefined ? {} : { acknowledged }),
  }
}

describe('enforcement, against what happened head by head', () => {
  it('I12: once it is enforced nobody can decide by a head from before, in grace, or unproven', () => {
    fc.assert(
      fc.property(anyPlay, anyShape, fc.nat(HORIZON), (play, shape, now) => {
        fc.pre(play.publishedAt <= now)
        const { state, enforcedMicros } = standingAt(play, revocationOf(play, shape), now)
        expect(state === 'enforced').toBe(enforcedMicros !== undefined)
        if (enforcedMicros === undefined) return
        expect(enforcedMicros).toBeLessThanOrEqual(seconds(now))
        const { graceSeconds, openUntil = 0 } = shape
        const least = Math.max(play.publishedAt + graceSeconds, openUntil)
        expect(seconds(least)).toBeLessThanOrEqual(enforcedMicros)
        for (let at = enforcedMicros / seconds(1); at <= HORIZON; at++) {
          for (const one of play.verifiers) expect(mayDecideWithout(play, one, at)).toBe(false)
        }
      }),
      { numRuns: 3000 },
    )
  })

  it('is the same by leases alone, those that are alike told once', () => {
    fc.assert(
      fc.property(anyPlay, anyShape, fc.nat(HORIZON), (play, shape, now) => {
        const revocation = revocationOf(play, shape)
        const records = recordsAt(play, now)
        const leases = new Map(records.map((one) => [JSON.stringify(leaseOf(one)), leaseOf(one)]))
        expect(standingOf(revocation, rosterOf(revocation, leases.values()), seconds(now))).toEqual(
          standingOf(revocation, rosterOf(revocation, records), seconds(now)),
        )
      }),
    )
  })

  it('is certain by the instant that was told, though nobody is heard of again', () => {
    fc.assert(
      fc.property(anyPlay, anyShape, fc.nat(HORIZON), (play, shape, now) => {
        fc.pre(play.publishedAt <= now)
        const revocation = revocationOf(play, shape)
        const { certainMicros } = standingAt(play, revocation, now)
        const records = recordsAt(play, now)
        const later = (at: number) =>
          standingOf(revocation, rosterOf(revocation, records), at).state
        expect(later(Math.max(certainMicros, seconds(now)))).toBe('enforced')
        // And not a moment too late: whoever was last heard of could still decide just before.
        const justBefore = seconds(now) < certainMicros ? later(certainMicros - 1) : 'no matter'
        expect(justBefore).not.toBe('enforced')
        expect(certainMicros).toBeLessThanOrEqual(
          Math.max(
            seconds(play.publishedAt + 5),
            seconds(play.publishedAt + shape.graceSeconds),
            seconds(shape.openUntil ?? 0),
          ),
        )
      }),
      { numRuns: 2000 },
    )
  })

  it('is open exactly while an audience is unproven, and published otherwise', () => {
    fc.assert(
      fc.property(anyPlay, anyShape, fc.nat(HORIZON), (play, shape, now) => {
        fc.pre(play.publishedAt <= now)
        const { state } = standingAt(play, revocationOf(play, shape), now)
        const isOpen = shape.openUntil !== undefined && now < shape.openUntil
        expect(state === 'open').toBe(isOpen)
      }),
    )
  })

  it('sometimes: each way of being settled, and each reason to wait, was seen', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(anyPlay, anyShape, fc.nat(HORIZON), (play, shape, now) => {
        fc.pre(play.publishedAt <= now)
        const report = enforcementOf(revocationOf(play, shape), recordsAt(play, now), seconds(now))
        seen.add(report.state)
        for (const [name, count] of Object.entries(report.counts)) if (0 < count) seen.add(name)
        for (const { state } of report.audiences) seen.add(`audience ${state}`)
        for (const one of report.stragglers) {
          if (one.releasedMicros !== undefined) seen.add('released')
        }
        const { acknowledged, lapsed, waiting, total } = report.counts
        expect(acknowledged + lapsed + waiting).toBe(total)
        expect(report.state === 'enforced' && 0 < waiting).toBe(false)
      }),
      { numRuns: 2000, seed: 7 },
    )
    expect([...seen].sort()).toEqual(
      [
        'acknowledged',
        'audience enforced',
        'audience unproven',
        'audience waiting',
        'enforced',
        'lapsed',
        'open',
        'published',
        'released',
        'total',
        'waiting',
      ].sort(),
    )
  })
})

const T = 1_800_000_000_000
const record = (over: Partial<Incarnation> = {}): Incarnation => ({
  id: 'inc_1',
  verifierId: 'local',
  name: 'one',
  audiences: ['a'],
  mode: 'strict',
  limitSeconds: 10,
  firstPosition: BEFORE,
  headsUntilMicros: (T + 60_000) * 1000,
  firstSeenAt: instant(T - 5000),
  lastSeenAt: instant(T),
  ...over,
})
const word = (at: number, place = OWN) => ({
  position: place,
  chain: 'c',
  digest: 'd',
  headMicros: at,
  atMicros: at,
})
const plain: Proven = {
  id: 'rev_1',
  position: OWN,
  publishedAt: instant(T),
  graceSeconds: 0,
  coverage: {
    publishedMicros: T * 1000 + 7,
    audiences: ['a'],
    uncovered: [],
    matchedUntil: instant(T + 600_000),
  },
}
const PUBLISHED = T * 1000 + 7

describe('the roster', () => {
  it.each<[string, Partial<Incarnation>, boolean]>([
    ['one that is given heads', {}, true],
    ['one that came with the revocation', { firstPosition: OWN }, false],
    ['one that came after it', { firstPosition: position(1, 9) }, false],
    ['one whose lease ended at publication', { headsUntilMicros: PUBLISHED - 10_000_000 }, false],
    ['one whose lease ended just after', { headsUntilMicros: PUBLISHED - 9_999_999 }, true],
    ['one that gave its lease back before', { releasedMicros: PUBLISHED }, false],
    ['one that gave its lease back just after', { releasedMicros: PUBLISHED + 1 }, true],
  ])('of %s', (_, over, isIn) => {
    expect(rosterOf(plain, [record(over)])).toHaveLength(isIn ? 1 : 0)
  })

  it('ends a lease at the limit after the last head that can be from before', () => {
    const ends = (over: Partial<Incarnation>) => rosterOf(plain, [record(over)])[0]?.leaseEndsMicros
    expect(ends({})).toBe(PUBLISHED + 10_000_000)
    expect(ends({ headsUntilMicros: PUBLISHED - 1_000_000 })).toBe(PUBLISHED + 9_000_000)
    expect(ends({ limitSeconds: 300 })).toBe(PUBLISHED + 300_000_000)
  })

  it('takes the last microsecond of the millisecond where no other is on record', () => {
    const { coverage: _, ...bare } = plain
    expect(rosterOf(bare, [record()])[0]?.leaseEndsMicros).toBe(T * 1000 + 999 + 10_000_000)
  })
})

describe('a standing', () => {
  const stateAt = (over: Partial<Incarnation>, at: number, revocation = plain) =>
    standingOf(revocation, rosterOf(revocation, [record(over)]), at)
  const END = PUBLISHED + 10_000_000

  it('waits for the lease to the microsecond', () => {
    expect(stateAt({}, END - 1).state).toBe('published')
    expect(stateAt({}, END)).toEqual({
      state: 'enforced',
      certainMicros: END,
      enforcedMicros: END,
    })
  })

  it('takes an acknowledgement of the revocation or of what came after, and none from before', () => {
    expect(stateAt({ acknowledged: word(PUBLISHED + 5) }, PUBLISHED + 5)).toMatchObject({
      state: 'enforced',
      enforcedMicros: PUBLISHED + 5,
    })
    expect(stateAt({ acknowledged: word(PUBLISHED + 5, position(1, 9)) }, END - 1).state).toBe(
      'enforced',
    )
    expect(stateAt({ acknowledged: word(PUBLISHED + 5, BEFORE) }, END - 1).state).toBe('published')
  })

  it('is enforced no earlier than it is looked at, though a word is dated later', () => {
    expect(stateAt({ acknowledged: word(END - 5) }, PUBLISHED + 5)).toMatchObject({
      state: 'enforced',
      enforcedMicros: PUBLISHED + 5,
    })
  })

  it('takes a lease that was given back', () => {
    expect(stateAt({ releasedMicros: PUBLISHED + 9 }, PUBLISHED + 8).state).toBe('published')
    expect(stateAt({ releasedMicros: PUBLISHED + 9 }, PUBLISHED + 9)).toMatchObject({
      state: 'enforced',
      enforcedMicros: PUBLISHED + 9,
    })
  })

  it('waits for the end of grace, of everybody', () => {
    const graceful = { ...plain, graceSeconds: 20 }
    const acknowledged = word(PUBLISHED + 5)
    expect(stateAt({ acknowledged }, (T + 20_000) * 1000 - 1, graceful).state).toBe('published')
    expect(stateAt({ acknowledged }, (T + 20_000) * 1000, graceful).state).toBe('enforced')
    const [audience] = enforcementOf(graceful, [record({ acknowledged })], END).audiences
    expect(audience?.state).toBe('waiting')
  })

  it('is lifted when it was lifted, and was enforced only if that is on record', () => {
    const lifted = { ...plain, liftedAt: instant(T + 1000) }
    expect(stateAt({}, END, lifted)).toEqual({ state: 'lifted', certainMicros: END })
    const enforcedAt = instant(T + 500)
    expect(stateAt({}, END, { ...lifted, enforcedAt })).toMatchObject({
      state: 'lifted',
      enforcedMicros: (T + 500) * 1000,
    })
  })

  it('stays enforced once that is on record, and with the instant on record', () => {
    const enforced = { ...plain, enforcedAt: instant(T + 500) }
    expect(stateAt({}, PUBLISHED + 600_000, enforced)).toMatchObject({
      state: 'enforced',
      enforcedMicros: (T + 500) * 1000,
    })
  })
})

describe('a report', () => {
  it('counts, and ranks by nearest rank', () => {
    const many = Array.from({ length: 100 }, (_, i) =>
      record({ id: `inc_${i}`, acknowledged: word(PUBLISHED + (i + 1) * 1000) }),
    )
    const report = enforcementOf(plain, [...many, record({ id: 'inc_x' })], PUBLISHED + 200_000)
    expect(report.acknowledgedMs).toEqual({ p50: 50, p99: 99, max: 100 })
    expect(report.counts).toEqual({ total: 101, acknowledged: 100, lapsed: 0, waiting: 1 })
    expect(report.audiences).toEqual([{ audience: 'a', verifiers: 101, state: 'waiting' }])
    expect(enforcementOf(plain, [record()], PUBLISHED).acknowledgedMs).toBeUndefined()
  })

  it('dates no word before publication', () => {
    const early = enforcementOf(plain, [record({ acknowledged: word(PUBLISHED - 9) })], PUBLISHED)
    expect(early.acknowledgedMs).toEqual({ p50: 0, p99: 0, max: 0 })
  })

  it('names those that have not acknowledged, the latest lease first, a hundred at most', () => {
    const many = Array.from({ length: STRAGGLERS_MAX + 5 }, (_, i) =>
      record({ id: `inc_${i}`, limitSeconds: 10 + (i % 7) }),
    )
    const said = record({ id: 'inc_said', limitSeconds: 900, acknowledged: word(PUBLISHED + 1) })
    const { stragglers } = enforcementOf(plain, [said, ...many], PUBLISHED + 1)
    expect(stragglers).toHaveLength(STRAGGLERS_MAX)
    const ends = stragglers.map(({ leaseEndsMicros }) => leaseEndsMicros)
    expect(ends).toEqual([...ends].sort((a, b) => b - a))
    expect(ends[0]).toBe(PUBLISHED + 16_000_000)
    expect(stragglers.map(({ incarnation }) => incarnation.id)).not.toContain('inc_said')
    const same = enforcementOf(plain, [record({ id: 'b' }), record({ id: 'a' })], PUBLISHED)
    expect(same.stragglers.map(({ incarnation }) => incarnation.id)).toEqual(['a', 'b'])
  })

  it('tells until when an audience that nobody serves is unproven', () => {
    const coverage = {
      publishedMicros: PUBLISHED,
      audiences: ['a', 'z'],
      uncovered: ['z'],
      matchedUntil: instant(T + 30_000),
    }
    const at = (micros: number) =>
      enforcementOf({ ...plain, coverage }, [record({ acknowledged: word(PUBLISHED) })], micros)
    expect(at(PUBLISHED + 1).audiences).toEqual([
      { audience: 'a', verifiers: 1, state: 'enforced' },
      { audience: 'z', verifiers: 0, state: 'unproven', untilMicros: (T + 30_000) * 1000 },
    ])
    expect(at((T + 30_000) * 1000).audiences[1]).toEqual({
      audience: 'z',
      verifiers: 0,
      state: 'enforced',
    })
  })

  it('of one from before coverage was kept, takes every audience for unserved', () => {
    const { coverage: _, ...bare } = plain
    const matched = { credentials: 2, byClient: {}, byScope: {}, byAudience: { z: 1, a: 1 } }
    const old: Proven & { matched: typeof matched } = { ...bare, matched }
    expect(withCoverage(old, 3600).coverage).toEqual({
      publishedMicros: T * 1000 + 999,
      audiences: ['a', 'z'],
      uncovered: ['a', 'z'],
      matchedUntil: T + 3_600_000,
    })
    expect(withCoverage({ ...plain, matched }, 3600).coverage).toBe(plain.coverage)
  })
})
