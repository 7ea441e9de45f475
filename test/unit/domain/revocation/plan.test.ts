import { describe, expect, it } from 'vitest'
import { driftOf, planWarnings } from '#domain/revocation/plan.ts'
import type { Matched } from '#domain/revocation/revocation.ts'
import { decideTerms, type RevocationRequest } from '#domain/revocation/revoke.ts'
import { instant } from '#kernel/instant.ts'
import { policy } from './worlds.ts'

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

describe('warnings', () => {
  const warned = (request: RevocationRequest, by = policy): string[] =>
    planWarnings(decideTerms(request, { policy: by, now: instant(1_800_000_000_000) }))
  const SPARED = 'spared from all: client:break-glass'
  const READ = 'whoever holds a stolen token will read the message'

  it('name who is spared, where everything else is hit', () => {
    const exceptions = { clients: ['break-glass'] }
    expect(warned({ selector: { all: true }, exceptions, reason: 'other' })).toContain(SPARED)
    const revocation = { ...policy.revocation, breakGlassClients: [] }
    const all = warned({ selector: { all: true }, reason: 'other' }, { ...policy, revocation })
    expect(all.join()).not.toContain('spared')
    const some = { selector: { subjects: ['ann'] }, exceptions, reason: 'other' } as const
    expect(warned(some).join()).not.toContain('spared')
  })

  it('say that a thief reads the message, where there may be one', () => {
    const selector = { clients: ['bot'] }
    const message = 'ask Ann'
    expect(warned({ selector, reason: 'compromise', message })).toContain(READ)
    expect(warned({ selector, reason: 'compromise' })).not.toContain(READ)
    expect(warned({ selector, reason: 'policy-change', message })).not.toContain(READ)
  })
})
