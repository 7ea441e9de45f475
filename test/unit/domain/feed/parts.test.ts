import { describe, expect, it } from 'vitest'
import { PART_TOKENS_MAX, partCount, revokeBodies } from '#domain/feed/parts.ts'
import { position } from '#domain/feed/position.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { instant } from '#kernel/instant.ts'

const revocation: Revocation = {
  id: 'rev_1',
  position: position(1, 8),
  selector: { all: true },
  resolved: { all: true },
  exceptions: {},
  cut: position(1, 8),
  reach: 'sessions',
  reason: 'testing',
  graceSeconds: 0,
  blocks: false,
  final: false,
  suspends: false,
  publishedAt: instant(1_800_000_000_000),
  matched: { credentials: 0, byClient: {}, byScope: {}, byAudience: {} },
  actor: 'local:x',
  recordSalt: 'salt',
}
const tokens = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `cred_${String(i).padStart(7, '0')}`)

describe('the entries of a revocation', () => {
  it.each([
    [0, 1],
    [1, 1],
    [PART_TOKENS_MAX, 1],
    [PART_TOKENS_MAX + 1, 2],
    [2 * PART_TOKENS_MAX, 2],
    [2 * PART_TOKENS_MAX + 1, 3],
  ])('of %i tokens are %i, and say all of them once', (count, parts) => {
    const list = tokens(count)
    expect(partCount(list)).toBe(parts)
    const resolved = count === 0 ? revocation.resolved : { tokens: list }
    const bodies = revokeBodies({ ...revocation, resolved }, 'hash')
    expect(bodies).toHaveLength(parts)
    expect(bodies.flatMap(({ selector }) => selector.tokens ?? [])).toEqual(list)
    for (const { selector, ...body } of bodies) {
      expect(selector.tokens?.length ?? 1).toBeLessThanOrEqual(PART_TOKENS_MAX)
      const { selector: _, ...first } = bodies[0] ?? { selector }
      expect(body).toEqual(first)
    }
  })

  it('are one where it is no list', () => {
    expect(partCount(undefined)).toBe(1)
    expect(revokeBodies(revocation, 'hash')).toHaveLength(1)
  })
})
