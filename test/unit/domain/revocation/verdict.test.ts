import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { decideLift, decideUnblock } from '#domain/revocation/revoke.ts'
import { type Revocable, rulesOf } from '#domain/revocation/rule.ts'
import {
  blocksIssuing,
  type RuleVerdict,
  stateOfCredential,
  verdict,
} from '#domain/revocation/verdict.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { opinion } from './oracle.ts'
import {
  anyNow,
  anyRevocations,
  anyToken,
  at,
  EPOCH_START,
  POSITIONS,
  revocation,
  second,
  token,
} from './worlds.ts'

const judge = (about: Revocable, revocations: readonly Revocation[], now: Instant): RuleVerdict =>
  verdict(about, rulesOf(revocations), now)

const plainly = (found: RuleVerdict) =>
  found.kind === 'clear' ? found : { ...found, by: found.by.id }

describe('the verdict on one rule', () => {
  const client = { clients: ['deploy'] }
  it.for([
    // A cut hits what lies below it, and by the reach it tests the root or the token itself.
    ['below the cut', { selector: client }, { rootSeq: at(4) }, 'revoked'],
    ['at the cut', { selector: client }, { rootSeq: at(5), feedSeq: at(5) }, 'clear'],
    ['a renewed token of an old sign-in', { selector: client }, { feedSeq: at(9) }, 'revoked'],
    ['tokens: the same', { selector: client, reach: 'tokens' }, { feedSeq: at(9) }, 'clear'],
    ['no cut', { selector: client, cut: null }, { rootSeq: at(9), feedSeq: at(9) }, 'revoked'],
    ['a moved cut', { selector: client, cut: at(9) }, { rootSeq: at(8) }, 'revoked'],
    ['a position that is none', { selector: client }, { rootSeq: at(NaN) }, 'revoked'],
    // Values are alternatives, dimensions conditions.
    ['another client', { selector: client }, { clientId: 'report' }, 'clear'],
    ['any value', { selector: { clients: ['a', 'deploy'] } }, {}, 'revoked'],
    ['both dimensions', { selector: { ...client, subjects: ['ann'] } }, {}, 'revoked'],
    ['one of two dimensions', { selector: { ...client, subjects: ['bob'] } }, {}, 'clear'],
    ['an empty dimension', { selector: { ...client, subjects: [] } }, {}, 'revoked'],
    ['a pattern', { selector: { scopes: ['deploy:*'] } }, {}, 'revoked'],
    ['a pattern on no scope', { selector: { scopes: ['*'] } }, { scopes: [] }, 'clear'],
    ['one of several scopes', { selector: { scopes: ['b'] } }, { scopes: ['a', 'b'] }, 'revoked'],
    ['one audience', { selector: { audiences: ['b'] } }, { audience: ['a', 'b'] }, 'revoked'],
    ['no trust', { selector: { trusts: ['ci'] } }, {}, 'clear'],
    ['its trust', { selector: { trusts: ['ci'] } }, { trustId: 'ci' }, 'revoked'],
    ['its key', { selector: { keys: ['key_a'] }, cut: null }, { rootSeq: at(99) }, 'revoked'],
    ['another key', { selector: { keys: ['key_b'] }, cut: null }, {}, 'clear'],
    ['all', { selector: { all: true } }, { scopes: [] }, 'revoked'],
    [
      'one that is younger than the clock',
      { selector: client, publishedAt: second(60) },
      {},
      'revoked',
    ],
    // What is spared.
    ['a spared token', { selector: client, exceptions: { tokens: ['cred_a'] } }, {}, 'clear'],
    [
      'a spared client',
      { selector: { all: true }, exceptions: { clients: ['deploy'] } },
      {},
      'clear',
    ],
    ['a spared subject', { selector: client, exceptions: { subjects: ['ann'] } }, {}, 'clear'],
    ['a spared session', { selector: client, exceptions: { sessions: ['sess_a'] } }, {}, 'clear'],
    ['others spared', { selector: client, exceptions: { sessions: ['sess_b'] } }, {}, 'revoked'],
    // What is lifted is not asked; what has expired is, until the entry that ends it exists.
    ['lifted', { selector: client, liftedAt: second(0) }, {}, 'clear'],
    [
      'an expired suspension',
      { selector: client, suspends: true, expiresAt: second(0) },
      {},
      'revoked',
    ],
  ] as const)('%s', ([, about, carried, kind]) => {
    expect(judge(token(carried), [revocation(about as never)], second(9)).kind).toBe(kind)
  })

  it.for([
    [2000, undefined, 1, 'clear'],
    [2000, undefined, 2, 'revoked'],
    [2999, undefined, 2, 'revoked'],
    [3000, undefined, 2, 'clear'],
    [undefined, 2000, 1, 'revoked'],
    [undefined, 2000, 2, 'clear'],
    [undefined, 2001, 2, 'revoked'],
    [2200, 2700, 2, 'revoked'],
    [2200, 2700, 3, 'clear'],
  ] as const)('window from %s to %s ms on second %s: %s', ([after, before, seconds, kind]) => {
    const selector = {
      clients: ['deploy'],
      ...(after === undefined ? {} : { issuedAfter: instant(second(0) + after) }),
      ...(before === undefined ? {} : { issuedBefore: instant(second(0) + before) }),
    }
    const early = token({ rootIssuedAtSeconds: EPOCH_START + seconds, issuedAtSeconds: 0 })
    const late = token({ rootIssuedAtSeconds: 0, issuedAtSeconds: EPOCH_START + seconds })
    expect(judge(early, [revocation({ selector })], second(9)).kind).toBe(kind)
    const tokens = revocation({ selector, reach: 'tokens' })
    expect(judge(late, [tokens], second(9)).kind).toBe(kind)
  })

  it('refuses a record that does not say what it hits', () => {
    for (const selector of [{}, { clients: [] }, { tags: { team: 'a' }, clients: ['deploy'] }]) {
      expect(() => rulesOf([revocation({ selector })])).toThrow(/does not say what it hits/)
    }
  })

  it('finds a value in a long list, and no other', () => {
    const tokens = Array.from({ length: 1000 }, (_, i) => `cred_${i}`).reverse()
    const list = [revocation({ selector: { tokens } })]
    for (const id of tokens) expect(judge(token({ id }), list, second(9)).kind).toBe('revoked')
    for (const id of ['cred_', 'cred_1000', 'a', 'z']) {
      expect(judge(token({ id }), list, second(9)).kind).toBe('clear')
    }
  })
})

/** The later, the better for whoever holds the token. */
const acceptedUntil = (found: RuleVerdict): number =>
  found.kind === 'clear' ? Infinity : found.kind === 'grace' ? found.endsAt : -Infinity

describe('the verdict over many rules', () => {
  it('is what the design says it is, whatever the order of the rules', () => {
    const seen: Record<string, number> = {}
    fc.assert(
      fc.property(anyToken, anyRevocations, anyNow, (about, revocations, now) => {
        const found = judge(about, revocations, now)
        expect(plainly(found)).toEqual(opinion(about, revocations, now))
        expect(judge(about, [...revocations].reverse(), now)).toEqual(found)
        seen[found.kind] = (seen[found.kind] ?? 0) + 1
      }),
      { numRuns: 4000, seed: 1 },
    )
    // A property in which one of the outcomes never came up would have shown nothing about it.
    for (const kind of ['clear', 'grace', 'revoked']) expect(seen[kind]).toBeGreaterThan(100)
  })

  it('lets no added rule stretch a grace or revive a token (I9)', () => {
    fc.assert(
      fc.property(anyToken, anyRevocations, anyNow, (about, revocations, now) => {
        const [_, ...fewer] = revocations
        const before = acceptedUntil(judge(about, fewer, now))
        expect(acceptedUntil(judge(about, revocations, now))).toBeLessThanOrEqual(before)
      }),
      { numRuns: 2000 },
    )
  })

  it('ends a grace at the instant it named', () => {
    fc.assert(
      fc.property(anyToken, anyRevocations, anyNow, (about, revocations, now) => {
        const end = acceptedUntil(judge(about, revocations, now))
        fc.pre(Number.isFinite(end))
        expect(judge(about, revocations, instant(end - 1)).kind).toBe('grace')
        expect(judge(about, revocations, instant(end)).kind).toBe('revoked')
      }),
      { numRuns: 200 },
    )
  })

  it('lifts one revocation and leaves all others in force (I8)', () => {
    fc.assert(
      fc.property(anyToken, anyRevocations, anyNow, (about, revocations, now) => {
        const [first, ...others] = revocations.map((one) => ({ ...one, final: false }))
        if (first === undefined) return
        const { revocation: lifted, changed } = decideLift(first, now)
        expect(changed).toBe(true)
        const after = judge(about, [lifted, ...others], now)
        expect(after).toEqual(judge(about, others, now))
      }),
      { numRuns: 1000 },
    )
  })

  it('revives nothing when a block ends, and hits nothing minted after it (I8)', () => {
    const end = at(POSITIONS + 10)
    fc.assert(
      fc.property(anyToken, anyRevocations, anyNow, (about, revocations, now) => {
        const ended = revocations.map((one) => decideUnblock(one, end).revocation)
        expect(judge(about, ended, now)).toMatchObject(judged(judge(about, revocations, now)))
        const fresh = { ...about, keyId: 'key_new', rootSeq: end, feedSeq: end }
        expect(judge(fresh, ended, now).kind).toBe('clear')
      }),
      { numRuns: 2000 },
    )
  })
})

/** By id: the end of a block changes the rule, but not whether and by what a token is hit. */
const judged = (found: RuleVerdict) =>
  found.kind === 'clear' ? { kind: 'clear' } : { kind: found.kind, by: { id: found.by.id } }

describe('which rule speaks', () => {
  const client = { clients: ['deploy'] }
  it('is the oldest, but one for good before a suspension', () => {
    const suspension = { suspends: true, expiresAt: second(50) }
    const one = revocation({ selector: client, id: 'rev_6', position: at(6), cut: at(6) })
    const two = revocation({ selector: client, id: 'rev_7', position: at(7), cut: at(7) })
    const short = revocation({ selector: client, ...suspension })
    expect(judge(token(), [two, short, one], second(9))).toMatchObject({ by: { id: 'rev_6' } })
    expect(judge(token(), [short], second(9))).toMatchObject({ by: { id: 'rev_5' } })
  })
  it('is, in grace, the one that ends first', () => {
    const long = revocation({ selector: client, graceSeconds: 30 })
    const short = { ...long, id: 'rev_6', position: at(6), graceSeconds: 20 }
    expect(judge(token(), [long, short], second(9))).toMatchObject({
      kind: 'grace',
      endsAt: second(20),
      by: { id: 'rev_6' },
    })
  })
})

describe('the state of a credential', () => {
  const client = { clients: ['deploy'] }
  const suspension = revocation({ selector: client, suspends: true, expiresAt: second(50) })
  const lasting = revocation({ selector: client, id: 'rev_6', position: at(6), cut: at(6) })
  it.for([
    ['active', [], 10],
    ['expired', [], 9],
    ['suspended', [suspension], 10],
    ['suspended', [suspension], 9],
    ['revoked', [suspension, lasting], 10],
    ['revoked', [lasting], 9],
    ['active', [{ ...lasting, graceSeconds: 30 }], 10],
    ['expired', [{ ...lasting, graceSeconds: 30 }], 9],
    ['suspended', [{ ...lasting, graceSeconds: 30 }, suspension], 10],
  ] as const)('%s', ([state, revocations, expiry]) => {
    const found = judge(token(), revocations, second(9))
    expect(stateOfCredential({ expiresAt: second(expiry) }, found, second(9))).toBe(state)
  })
})

describe('blocksIssuing', () => {
  const mint = {
    clientId: 'deploy',
    subject: 'ann',
    scopes: ['deploy:prod'],
    audience: ['https://a'],
  }
  const block = { blocks: true, cut: null }
  it.for([
    ['its client', { selector: { clients: ['deploy'] }, ...block }, {}, true],
    ['another client', { selector: { clients: ['report'] }, ...block }, {}, false],
    ['no block', { selector: { clients: ['deploy'] } }, {}, false],
    ['lifted', { selector: { clients: ['deploy'] }, ...block, liftedAt: second(0) }, {}, false],
    ['its subject', { selector: { subjects: ['ann'] }, ...block }, {}, true],
    [
      'another subject',
      { selector: { clients: ['deploy'], subjects: ['bob'] }, ...block },
      {},
      false,
    ],
    ['any scope', { selector: { scopes: ['deploy:*'] }, ...block }, {}, true],
    ['no scope', { selector: { scopes: ['read'] }, ...block }, {}, false],
    ['its audience', { selector: { audiences: ['https://a'] }, ...block }, {}, true],
    ['another audience', { selector: { audiences: ['https://b'] }, ...block }, {}, false],
    ['a new session', { selector: { sessions: ['sess_a'] }, ...block }, {}, false],
    [
      'its session',
      { selector: { sessions: ['sess_a'] }, ...block },
      { sessionId: 'sess_a' },
      true,
    ],
    ['its trust', { selector: { trusts: ['ci'] }, ...block }, { trustId: 'ci' }, true],
    ['no trust', { selector: { trusts: ['ci'] }, ...block }, {}, false],
    ['all', { selector: { all: true }, ...block }, {}, true],
    [
      'all, in a window gone by',
      { selector: { all: true, issuedBefore: second(0) }, ...block },
      {},
      true,
    ],
    [
      'a spared client',
      { selector: { all: true }, exceptions: { clients: ['deploy'] }, ...block },
      {},
      false,
    ],
    [
      'a spared subject',
      { selector: { all: true }, exceptions: { subjects: ['ann'] }, ...block },
      {},
      false,
    ],
    ['a list', { selector: { tokens: ['cred_a'] }, ...block }, {}, false],
    ['a key', { selector: { keys: ['key_a'] }, ...block }, {}, false],
    ['an expired block', { selector: { all: true }, ...block, expiresAt: second(0) }, {}, true],
  ] as const)('%s', ([, about, asked, expected]) => {
    const rules = rulesOf([revocation(about as never)])
    expect(blocksIssuing({ ...mint, ...asked }, rules)?.id).toBe(expected ? 'rev_5' : undefined)
  })

  it('names the oldest', () => {
    const old = revocation({ selector: { clients: ['deploy'] }, ...block })
    const young = { ...old, id: 'rev_6', position: at(6) }
    expect(blocksIssuing(mint, rulesOf([young, old]))?.id).toBe('rev_5')
  })
})
