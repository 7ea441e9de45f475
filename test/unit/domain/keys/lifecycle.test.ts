import { describe, expect, it } from 'vitest'
import type { Key, KeyState } from '#domain/keys/key.ts'
import { keyStates } from '#domain/keys/key.ts'
import {
  decideKeyRevocation,
  decideRetirement,
  decideRotation,
  dueRetirements,
  mayBecome,
  MINT_SECONDS_MAX,
  publishedKeys,
} from '#domain/keys/lifecycle.ts'
import { instant } from '#kernel/instant.ts'

const second = (seconds: number) => instant(seconds * 1000)
const now = second(10_000)
const key = (state: KeyState, about: Partial<Key> = {}): Key => ({
  id: `key_${state}`,
  purpose: 'token',
  algorithm: 'ES256',
  state,
  createdAt: second(0),
  publicJwk: { kty: 'EC' },
  ...about,
})

describe('what a key may become', () => {
  it.for([
    ['prepared', ['active', 'retired', 'revoked']],
    ['active', ['retiring', 'revoked']],
    ['retiring', ['retired', 'revoked']],
    ['retired', ['revoked']],
    ['revoked', []],
  ] as const)('%s: %j', ([from, expected]) => {
    expect(keyStates.filter((to) => mayBecome(from, to))).toEqual(expected)
  })
})

describe('rotation', () => {
  const tokens = { now, largestExpiry: undefined, leewaySeconds: 2, maxTtlSeconds: 3600 }

  it('puts the prepared key to work and keeps the old one published', () => {
    const next = key('prepared', { activateAfter: second(1) })
    const { key: active, previous } = decideRotation(key('active'), next, tokens)
    expect(active).toEqual(key('active', { id: 'key_prepared' }))
    expect(previous).toMatchObject({ id: 'key_active', state: 'retiring' })
    expect(decideRotation(undefined, next, tokens)).toEqual({ key: active })
  })

  // largest expiry on record → when no token can need the old key
  it.for([
    [undefined, 10_000 + MINT_SECONDS_MAX + 3600 + 2],
    // A mint under way may outlive all that is on record.
    [second(9_000), 10_000 + MINT_SECONDS_MAX + 3600 + 2],
    [second(13_600), 10_000 + MINT_SECONDS_MAX + 3600 + 2],
    // What policy allowed before it was tightened may outlive any mint under way.
    [second(99_000), 99_002],
  ] as const)('with tokens until %s keeps it until second %i', ([largestExpiry, end]) => {
    const { previous } = decideRotation(key('active'), key('prepared'), {
      ...tokens,
      largestExpiry,
    })
    expect(previous?.retireAfter).toBe(second(end))
  })

  it.for([
    ['another purpose', key('active', { purpose: 'feed' }), key('prepared')],
    ['itself', key('active'), key('prepared', { id: 'key_active' })],
    ['a retired successor', key('active'), key('retired')],
    ['an active successor', key('active'), key('active', { id: 'key_2' })],
    ['a revoked successor', key('active'), key('revoked')],
    ['one that does not sign', key('retiring'), key('prepared')],
  ] as const)('refuses %s', ([, active, next]) => {
    expect(() => decideRotation(active, next, tokens)).toThrow(/key/)
  })
})

describe('which keys others may verify with', () => {
  it.for([
    [key('prepared'), true],
    [key('active'), true],
    [key('retiring'), true],
    [key('retiring', { retireAfter: second(10_001) }), true],
    [key('retiring', { retireAfter: now }), false],
    [key('retired', { retireAfter: second(99_999) }), false],
    [key('revoked'), false],
  ] as const)('%j: %s', ([one, expected]) => {
    expect(publishedKeys([one], now)).toEqual(expected ? [one] : [])
  })
})

describe('retirement', () => {
  it('is due once a retiring key’s time has come', () => {
    const due = key('retiring', { retireAfter: now })
    const rest = [
      key('retiring', { retireAfter: second(10_001) }),
      key('retiring'),
      key('active', { retireAfter: now }),
      key('retired', { retireAfter: now }),
    ]
    expect(dueRetirements([...rest, due], now)).toEqual([due])
  })

  // largest expiry on record → state, and when it is tried again
  it.for([
    [undefined, 'retired', 10_000],
    [second(9_998), 'retired', 10_000],
    [second(9_999), 'retiring', 10_001],
    [second(20_000), 'retiring', 20_002],
  ] as const)('with tokens until %s: %s, %i', ([largestExpiry, state, retireAfter]) => {
    const retired = decideRetirement(key('retiring', { retireAfter: now }), {
      now,
      largestExpiry,
      leewaySeconds: 2,
    })
    expect(retired).toMatchObject({ state, retireAfter: second(retireAfter) })
  })

  it('is not for a key that signs', () => {
    const tokens = { now, largestExpiry: undefined, leewaySeconds: 2 }
    expect(() => decideRetirement(key('active'), tokens)).toThrow(/never retired/)
  })
})

describe('the revocation of a key', () => {
  const next = key('prepared', { id: 'key_next' })
  it('replaces an active one in the same moment', () => {
    expect(decideKeyRevocation(key('active'), next)).toEqual({
      revoked: key('revoked', { id: 'key_active' }),
      key: key('active', { id: 'key_next' }),
    })
    expect(() => decideKeyRevocation(key('active'), undefined)).toThrow(/takes its place/)
    const foreign = key('prepared', { purpose: 'feed' })
    expect(() => decideKeyRevocation(key('active'), foreign)).toThrow(/takes its place/)
  })

  it.for(['prepared', 'retiring', 'retired'] as const)('needs no other for a %s one', (state) => {
    const one = key(state, { id: 'key_1', retireAfter: now })
    expect(decideKeyRevocation(one, next)).toEqual({ revoked: key('revoked', { id: 'key_1' }) })
  })

  it('is done once', () => {
    const one = key('revoked')
    expect(decideKeyRevocation(one, undefined).revoked).toBe(one)
  })
})
