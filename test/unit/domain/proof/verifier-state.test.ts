import { describe, expect, it } from 'vitest'
import { position } from '#domain/feed/position.ts'
import type { Incarnation } from '#domain/proof/proof.ts'
import { leaseEndMicros, verifierStateOf } from '#domain/proof/verifier-state.ts'
import { instant } from '#kernel/instant.ts'

const SECOND = 1_000_000
const NOW = 1_000_000 * SECOND

const acknowledged = (seq: number) => ({
  position: position(1, seq),
  chain: 'c',
  digest: 'd',
  headMicros: NOW,
  atMicros: NOW,
})

const incarnation = (more: Partial<Incarnation> = {}): Incarnation => ({
  id: 'i',
  verifierId: 'local',
  name: 'api',
  audiences: ['a'],
  mode: 'standard',
  limitSeconds: 30,
  firstPosition: position(1, 0),
  headsUntilMicros: NOW,
  acknowledged: acknowledged(5),
  firstSeenAt: instant(0),
  lastSeenAt: instant(NOW / 1000),
  ...more,
})

const stateAfter = (
  seconds: number,
  more: Partial<Incarnation> = {},
  { isCertain = true, headMicros = NOW, at = position(1, 5) } = {},
) =>
  verifierStateOf(
    incarnation(more),
    { headMicros, isCertain },
    { position: at, timeMicros: NOW + seconds * SECOND, heartbeatMs: 1000 },
  )

describe('a verifier', () => {
  it.for([
    ['fresh', 0],
    ['fresh', 3],
    ['degraded', 3.001],
    ['degraded', 29.999],
    ['stale', 30],
    ['stale', 24 * 3600 - 0.001],
    ['gone', 24 * 3600],
  ] as const)('is %s when its head is %d s old', ([state, seconds]) => {
    expect(stateAfter(seconds)).toBe(state)
  })

  it('is degraded while it has not acknowledged all there is, or anything', () => {
    expect(stateAfter(0, {}, { at: position(1, 6) })).toBe('degraded')
    expect(stateAfter(0, {}, { at: position(1, 4) })).toBe('fresh')
    const { acknowledged: _, ...none } = incarnation()
    const at = { position: position(1, 0), timeMicros: NOW, heartbeatMs: 1000 }
    expect(verifierStateOf(none, { headMicros: NOW, isCertain: true }, at)).toBe('degraded')
  })

  it('is not stale while somebody else may give it heads', () => {
    const more = { headsUntilMicros: NOW + 60 * SECOND }
    expect(stateAfter(59, more, { isCertain: false })).toBe('degraded')
    expect(stateAfter(60, more, { isCertain: false })).toBe('stale')
    expect(stateAfter(59, more)).toBe('stale')
  })

  it('is gone when it says so, however fresh', () => {
    expect(stateAfter(0, { releasedMicros: NOW })).toBe('gone')
  })

  it('is not gone that holds a head, though it has said nothing for long', () => {
    const lastSeenAt = instant(NOW / 1000 - 25 * 3600 * 1000)
    expect(stateAfter(0, { lastSeenAt })).toBe('fresh')
    expect(stateAfter(0, { lastSeenAt }, { headMicros: 0 })).toBe('gone')
  })
})

describe('the end of a lease', () => {
  it('is the limit after the last head that may have been given by now, or its goodbye', () => {
    const until = { headsUntilMicros: NOW + 60 * SECOND }
    expect(leaseEndMicros(incarnation(until), NOW)).toBe(NOW + 30 * SECOND)
    expect(leaseEndMicros(incarnation(until), NOW + 90 * SECOND)).toBe(NOW + 90 * SECOND)
    expect(leaseEndMicros(incarnation({ ...until, releasedMicros: NOW - 1 }), NOW)).toBe(NOW - 1)
  })
})
