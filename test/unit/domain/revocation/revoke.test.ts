import { describe, expect, it } from 'vitest'
import { isSevere, planHash, planWarnings } from '#domain/revocation/plan.ts'
import { isDue, isSuspension, type Revocation } from '#domain/revocation/revocation.ts'
import {
  decideLift,
  decideRevocation,
  decideSettlement,
  decideTerms,
  decideUnblock,
  isVain,
  type RevocationRequest,
  type Terms,
} from '#domain/revocation/revoke.ts'
import { Problem } from '#kernel/problem.ts'
import { at, policy, second } from './worlds.ts'

const now = second(0)
const later = second(60)
const client = { clients: ['deploy'] }
const terms = (request: Partial<RevocationRequest> = {}): Terms =>
  decideTerms({ selector: client, reason: 'other', ...request }, { policy, now })

const matched = { credentials: 3, byClient: { deploy: 3 }, byScope: {}, byAudience: {} }
const publish = (given: Terms, about: object = {}): Revocation =>
  decideRevocation(given, {
    id: 'rev_7',
    position: at(7),
    publishedAt: now,
    actor: 'local:ann',
    recordSalt: 'c2FsdA',
    matched,
    ...about,
  }).revocation

const outcome = (work: () => unknown): unknown => {
  try {
    return work()
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code
    throw thrown
  }
}

describe('the terms of a revocation', () => {
  const token = { selector: { tokens: ['t'] } }
  const key = { selector: { keys: ['k'] } }
  const compromise = { reason: 'compromise' } as const
  // request → blocks, cut rule, final, suspends; or the refusal
  it.for([
    [{}, [false, 'position', false, false]],
    [{ block: true }, [true, 'moving', false, false]],
    [{ block: false }, [false, 'position', false, false]],
    [compromise, [true, 'moving', false, false]],
    [{ ...compromise, block: false }, [false, 'position', false, false]],
    [{ ...compromise, ...token }, [false, 'position', false, false]],
    [
      { ...compromise, selector: { tags: { a: 'b' }, ...client } },
      [false, 'position', false, false],
    ],
    [{ ...compromise, selector: { all: true } }, [true, 'moving', false, false]],
    [{ ...compromise, selector: { sessions: ['s'] } }, [true, 'moving', false, false]],
    [{ ...token, block: true }, 'request-invalid'],
    [{ selector: { tags: { a: 'b' } }, block: true }, 'request-invalid'],
    [{ ...key, ...compromise }, [false, 'none', true, false]],
    [{ ...key, block: false, final: false }, [false, 'none', true, false]],
    [{ ...key, block: true }, 'request-invalid'],
    [{ ...key, graceSeconds: 1 }, 'request-invalid'],
    [{ ...key, reach: 'tokens' }, 'request-invalid'],
    [{ ...key, reach: 'sessions' }, [false, 'none', true, false]],
    [{ ...key, expiresAt: later }, 'request-invalid'],
    [{ ...key, exceptions: { clients: ['a'] } }, 'request-invalid'],
    [{ graceSeconds: 30 }, [false, 'position', false, false]],
    [{ graceSeconds: 31 }, 'policy-denied'],
    [{ graceSeconds: -1 }, 'request-invalid'],
    [{ graceSeconds: 0.5 }, 'request-invalid'],
    [{ graceSeconds: NaN }, 'request-invalid'],
    [{ ...compromise, graceSeconds: 1 }, 'request-invalid'],
    [{ ...compromise, graceSeconds: 31 }, 'request-invalid'],
    [{ graceSeconds: 1, block: true }, 'request-invalid'],
    [{ graceSeconds: 0, block: true }, [true, 'moving', false, false]],
    [{ final: true }, [false, 'position', true, false]],
    [{ expiresAt: later }, [false, 'position', false, true]],
    [{ expiresAt: later, block: true }, [true, 'moving', false, false]],
    [{ expiresAt: later, final: true }, 'request-invalid'],
    [{ expiresAt: later, final: true, block: true }, [true, 'moving', true, false]],
    [{ expiresAt: now }, 'request-invalid'],
    [{ selector: {} }, 'selector-empty'],
  ] as readonly [Partial<RevocationRequest>, unknown][])('%j: %j', ([request, expected]) => {
    const found = outcome(() => {
      const { blocks, cutRule, final, suspends } = terms(request)
      return [blocks, cutRule, final, suspends]
    })
    expect(found).toEqual(expected)
  })

  it('keeps a way in: all spares the break-glass clients, and nothing else does', () => {
    const spared = terms({ selector: { all: true }, exceptions: { clients: ['a'] } })
    expect(spared.exceptions).toEqual({ clients: ['a', 'break-glass'] })
    expect(terms({ selector: { clients: ['break-glass'] } }).exceptions).toEqual({})
  })

  it('carries no message unless one is given', () => {
    expect('message' in terms()).toBe(false)
    expect(terms({ message: 'renew' }).message).toBe('renew')
  })
})

describe('the revocation on those terms', () => {
  it('cuts at its own position, below which everything was minted before it', () => {
    expect(publish(terms())).toEqual({
      id: 'rev_7',
      position: at(7),
      selector: client,
      resolved: client,
      exceptions: {},
      cut: at(7),
      reach: 'sessions',
      reason: 'other',
      graceSeconds: 0,
      blocks: false,
      final: false,
      suspends: false,
      publishedAt: now,
      matched,
      actor: 'local:ann',
      recordSalt: 'c2FsdA',
    })
  })

  it('has no cut while it blocks, and none for a key', () => {
    expect(publish(terms({ block: true })).cut).toBe(null)
    expect(publish(terms({ selector: { keys: ['k'] } })).cut).toBe(null)
  })

  it('compares the list that a selector stands for, and never does without it', () => {
    const tagged = terms({ selector: { tags: { team: 'a' } } })
    const resolved = { tokens: ['t'] }
    expect(publish(tagged, { resolved })).toMatchObject({
      resolved,
      selector: { tags: { team: 'a' } },
    })
    expect(outcome(() => publish(tagged))).toBe('internal')
  })

  it('spares the sessions of spared tokens', () => {
    const exceptions = { tokens: ['t'], sessions: ['s'] }
    const given = terms({ exceptions: { tokens: ['t'] } })
    expect(publish(given, { resolvedExceptions: exceptions }).exceptions).toEqual(exceptions)
  })

  it.for([
    [{}, 0, true],
    [{}, 1, false],
    [{ block: true }, 0, false],
    [{ selector: { keys: ['k'] } }, 0, false],
  ] as const)('%j with %i matches would change nothing: %s', ([request, credentials, expected]) => {
    expect(isVain(terms(request as Partial<RevocationRequest>), { credentials })).toBe(expected)
  })
})

describe('undoing', () => {
  const plain = publish(terms())
  const block = publish(terms({ block: true, expiresAt: later }))
  const suspension = publish(terms({ expiresAt: later }))
  const final = publish(terms({ final: true }))
  const ended = decideUnblock(block, at(9)).revocation
  const lifted = decideLift(plain, now).revocation

  it('lifts once, and ends a block with it', () => {
    expect(decideLift(plain, later)).toMatchObject({
      changed: true,
      revocation: { liftedAt: later },
    })
    expect(decideLift(block, later)).toMatchObject({ revocation: { blocks: false } })
    expect(decideLift(lifted, later)).toEqual({ changed: false, revocation: lifted })
    expect(outcome(() => decideLift(final, now))).toBe('revocation-final')
  })

  it('ends a block once, and what it hit stays hit', () => {
    expect(ended).toMatchObject({ blocks: false, cut: at(9) })
    expect(decideUnblock(ended, at(11))).toEqual({ changed: false, revocation: ended })
    expect(decideUnblock(plain, at(11))).toEqual({ changed: false, revocation: plain })
    expect(outcome(() => decideUnblock(lifted, at(9)))).toBe('revocation-lifted')
    expect(decideUnblock({ ...block, final: true }, at(9)).changed).toBe(true)
  })

  it('never takes the end of a block for a suspension', () => {
    expect([plain, block, ended, suspension].map(isSuspension)).toEqual([false, false, false, true])
  })

  // name, revocation, instant → what settles it
  it.for([
    ['a block before its time', block, second(59), undefined],
    ['a block at its time', block, second(60), 'unblock'],
    ['a block that has ended', ended, second(99), undefined],
    ['a lifted block', decideLift(block, now).revocation, second(99), undefined],
    ['a suspension before its time', suspension, second(59), undefined],
    ['a suspension at its time', suspension, second(60), 'lift'],
    ['a lifted suspension', decideLift(suspension, now).revocation, second(99), undefined],
    ['one without expiry', plain, second(99), undefined],
  ] as const)('settles %s', ([, one, instant, op]) => {
    const settled = decideSettlement(one, { now: instant, position: at(12) })
    expect(settled?.op).toBe(op)
    expect(isDue(one, instant)).toBe(op !== undefined)
    const { liftedAt, blocks, cut } = settled?.revocation ?? one
    expect(liftedAt).toBe(op === 'lift' ? instant : one.liftedAt)
    expect([blocks, cut]).toEqual(op === 'unblock' ? [false, at(12)] : [one.blocks, one.cut])
    expect(isDue(settled?.revocation ?? one, second(999))).toBe(
      op === undefined && isDue(one, second(999)),
    )
  })
})

describe('a plan', () => {
  it('has a hash that does not depend on how the same was said', () => {
    const said = terms({ selector: { clients: ['b', 'a'], subjects: [] }, message: 'x' })
    const again = terms({ selector: { clients: ['a', 'b', 'a'] }, reason: 'testing' })
    expect(planHash(said)).toBe(planHash(again))
    expect(planHash(said)).toMatch(/^[0-9a-f]{64}$/)
  })

  it('has another hash for whatever would do something else', () => {
    const hashes = [
      terms(),
      terms({ selector: { clients: ['deploys'] } }),
      terms({ selector: { subjects: ['deploy'] } }),
      terms({ selector: { ...client, issuedAfter: now } }),
      terms({ selector: { ...client, issuedBefore: now } }),
      terms({ exceptions: { subjects: ['ann'] } }),
      terms({ exceptions: { sessions: ['ann'] } }),
      terms({ reach: 'tokens' }),
      terms({ graceSeconds: 1 }),
      terms({ block: true }),
      terms({ final: true }),
      terms({ expiresAt: later }),
      terms({ expiresAt: second(61) }),
      { ...terms(), policyVersion: 2 },
      { ...terms(), cutRule: 'none' as const },
    ].map(planHash)
    expect(new Set(hashes).size).toBe(hashes.length)
  })

  it.for([
    [{ clients: ['a'] }, 1000, false],
    [{ clients: ['a'] }, 1001, true],
    [{ clients: ['a'] }, undefined, true],
    [{ all: true }, 0, true],
    [{ scopes: ['*'] }, 1, false],
  ] as const)('%j with %s matches is severe: %s', ([selector, count, expected]) => {
    expect(isSevere(selector, count, policy)).toBe(expected)
  })

  it.for([
    [{}, []],
    [{ block: true }, [/until the block is ended/]],
    [{ block: true, expiresAt: later }, [/until 2027/]],
    [{ expiresAt: later }, [/only suspends/]],
    [{ final: true }, [/cannot be lifted/]],
    [{ selector: { keys: ['k'] } }, [/every token that the key signed/]],
    [{ selector: { all: true } }, [/break-glass/]],
    [{ reason: 'compromise', block: false, message: 'x' }, [/read the message/]],
  ] as readonly [Partial<RevocationRequest>, RegExp[]][])('%j warns %j', ([request, expected]) => {
    const warnings = planWarnings(terms(request))
    expect(warnings).toHaveLength(expected.length)
    expected.forEach((pattern, i) => expect(warnings[i]).toMatch(pattern))
  })
})
