import { describe, expect, it } from 'vitest'
import { driftOf } from '#domain/revocation/plan.ts'
import type { Matched } from '#domain/revocation/revocation.ts'

const matched = (credentials: number, over: Partial<Matched> = {}): Matched => ({
  credentials,
  byClient: { a: 1 },
  byScope: { read: 1 },
  byAudience: { x: 1 },
  ...over,
})

describe('drift', () => {
  it.each([
    [10, 11, false],
    [10, 12, true],
    [19, 20, false],
    [9, 10, true],
    [100, 110, false],
    [100, 111, true],
    [100, 3, false],
    [0, 0, false],
    [0, 1, true],
  ])('of %i credentials that have become %i: %s', (before, now, isDrift) => {
    expect(driftOf(matched(before), matched(now)) !== undefined).toBe(isDrift)
  })

  it.each([
    ['client', 'byClient'],
    ['scope', 'byScope'],
    ['audience', 'byAudience'],
  ] as const)('is any %s that is new, and none that is gone', (word, field) => {
    const more = matched(1, { [field]: { ...matched(1)[field], zeta: 1, new: 1 } })
    expect(driftOf(matched(1), more)).toBe(`it would hit ${word} new and 1 more, not in the plan`)
    expect(driftOf(more, matched(1))).toBeUndefined()
    const one = matched(1, { [field]: { constructor: 1 } })
    expect(driftOf(matched(1), one)).toBe(`it would hit ${word} constructor, not in the plan`)
  })
})
