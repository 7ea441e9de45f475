import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { decideUnblock } from '#domain/revocation/revoke.ts'
import { hits, type Revocable, ruleOf, rulesOf } from '#domain/revocation/rule.ts'
import { candidateValues, RuleIndex } from '#domain/revocation/rule-index.ts'
import { blocksIssuing, type RuleVerdict, verdict } from '#domain/revocation/verdict.ts'
import { opinion } from './oracle.ts'
import {
  anyCrowd,
  anyInCrowd,
  anyNow,
  anyRevocations,
  anyToken,
  at,
  POSITIONS,
  revocation,
  second,
  token,
} from './worlds.ts'

const plainly = (found: RuleVerdict) =>
  found.kind === 'clear' ? found : { ...found, by: found.by.id }

function indexOf(revocations: readonly Revocation[]): RuleIndex {
  const index = new RuleIndex()
  for (const rule of rulesOf(revocations)) index.add(rule)
  return index
}

/** What happens to the revocations, one after the other: each number picks one. */
const anyStory = fc.array(
  fc.record({ step: fc.constantFrom('add', 'add', 'lift', 'unblock'), pick: fc.nat(7) }),
  { maxLength: 24 },
)

interface Event {
  readonly step: string
  readonly pick: number
  readonly one: Revocation | undefined
}

function happen(index: RuleIndex, live: Map<string, Revocation>, { step, pick, one }: Event): void {
  if (one === undefined) return
  const current = live.get(one.id)
  if (step === 'add' && current === undefined) {
    index.add(ruleOf(one))
    live.set(one.id, one)
  }
  if (step === 'lift') {
    index.remove(one.id)
    live.delete(one.id)
  }
  if (step === 'unblock' && current !== undefined) {
    const ended = decideUnblock(current, at(POSITIONS + pick)).revocation
    index.replace(ruleOf(ended))
    live.set(one.id, ended)
  }
}

describe('RuleIndex', () => {
  it.for([
    ['a mixed world', anyRevocations, anyToken],
    ['a crowd on one value', anyCrowd, anyInCrowd],
  ] as const)(
    'gives the verdict over all live rules, whatever came and went: %s',
    ([, those, it]) => {
      const seen: Record<string, number> = {}
      const anyTokens = fc.array(it, { minLength: 1, maxLength: 4 })
      fc.assert(
        fc.property(those, anyStory, anyTokens, anyNow, (revocations, story, tokens, now) => {
          const index = new RuleIndex()
          const live = new Map<string, Revocation>()
          for (const { step, pick } of story) {
            happen(index, live, { step, pick, one: revocations[pick % revocations.length] })
            expect(index.size).toBe(live.size)
            for (const about of tokens) {
              const expected = opinion(about, [...live.values()], now)
              expect(plainly(index.verdict(about, now))).toEqual(expected)
              const block = blocksIssuing(about, rulesOf(live.values()))
              expect(index.blocksIssuing(about)).toEqual(block)
              seen[expected.kind] = (seen[expected.kind] ?? 0) + 1
            }
          }
        }),
        { numRuns: 1500, seed: 1 },
      )
      for (const kind of ['clear', 'grace', 'revoked']) expect(seen[kind]).toBeGreaterThan(100)
    },
  )

  it('finds every rule that hits a token among its candidates', () => {
    fc.assert(
      fc.property(anyToken, anyRevocations, anyNow, (about, revocations, now) => {
        const index = indexOf(revocations)
        const candidates = index.candidates(about)
        const hitting = rulesOf(revocations).filter((rule) => hits(rule, about))
        const found = new Set([...candidates].map(({ id }) => id))
        for (const rule of hitting) expect(found.has(rule.id)).toBe(true)
        expect(verdict(about, candidates, now)).toEqual(index.verdict(about, now))
      }),
      { numRuns: 1000 },
    )
  })

  it('finds the block that a scan finds', () => {
    fc.assert(
      fc.property(anyToken, anyRevocations, (about, revocations) => {
        expect(indexOf(revocations).blocksIssuing(about)).toEqual(
          blocksIssuing(about, rulesOf(revocations)),
        )
      }),
      { numRuns: 1000 },
    )
  })

  it('visits only the rules filed under a value of the token', () => {
    const others = Array.from({ length: 500 }, (_, i) =>
      revocation({
        id: `rev_x${i}`,
        position: at(100 + i),
        selector: { clients: ['deploy'], tokens: [`cred_x${i}`] },
      }),
    )
    const own = revocation({ selector: { clients: ['deploy'], subjects: ['ann'] } })
    expect([...indexOf([...others, own]).candidates(token())].map(({ id }) => id)).toEqual([
      'rev_5',
    ])
  })

  it('keeps what one value folded apart: a lift gives back what lay beneath', () => {
    const cut = (sequence: number) =>
      revocation({
        id: `rev_${sequence}`,
        position: at(sequence),
        cut: at(sequence),
        selector: { clients: ['deploy'] },
      })
    const index = indexOf([cut(9), cut(3), cut(6)])
    const by = (about: Revocable) => plainly(index.verdict(about, second(9)))
    expect(by(token({ rootSeq: at(2) }))).toEqual({ kind: 'revoked', by: 'rev_3' })
    expect(by(token({ rootSeq: at(8) }))).toEqual({ kind: 'revoked', by: 'rev_9' })
    index.remove('rev_9')
    expect(by(token({ rootSeq: at(8) }))).toEqual({ kind: 'clear' })
    expect(by(token({ rootSeq: at(5) }))).toEqual({ kind: 'revoked', by: 'rev_6' })
    index.remove('rev_6')
    index.remove('rev_3')
    expect(by(token({ rootSeq: at(2) }))).toEqual({ kind: 'clear' })
    expect(index.size).toBe(0)
  })

  it('holds the parts of one revocation, and long lists, as a scan would', () => {
    const ours = (n: number): string => `cred_${String(n).padStart(22, '0')}`
    const list = (from: number, count: number): string[] =>
      Array.from({ length: count }, (_, i) => ours(from + i))
    const part = (sequence: number, tokens: readonly string[], about: object = {}): Revocation =>
      revocation({
        id: 'rev_list',
        position: at(sequence),
        cut: at(9),
        selector: { tokens },
        ...about,
      })
    const parts = [part(5, list(0, 20)), part(6, list(20, 15)), part(7, [ours(3), 'odd'])]
    const other = part(8, [...list(10, 30), 'odd'], { id: 'rev_other', reach: 'tokens' })
    const narrow = part(10, list(0, 40), {
      id: 'rev_narrow',
      cut: at(12),
      selector: { tokens: list(0, 40), clients: ['report'] },
    })
    const tokens = [...list(0, 42), 'odd', 'none'].flatMap((id) => [
      token({ id }),
      token({ id, clientId: 'report', rootSeq: at(10), feedSeq: at(10) }),
    ])
    let all = [...parts, other, narrow]
    const index = indexOf(all)
    const agree = (): void => {
      expect(index.size).toBe(all.length)
      for (const about of tokens) {
        const expected = opinion(about, all, second(9))
        expect(plainly(index.verdict(about, second(9)))).toEqual(expected)
        const candidates = index.candidates(about)
        expect(plainly(verdict(about, candidates, second(9)))).toEqual(expected)
      }
    }
    const without = (drop: (one: Revocation) => boolean): void => {
      all = all.filter((one) => !drop(one))
    }
    agree()
    expect(index.partsOf('rev_list').map((rule) => rule.position)).toHaveLength(3)
    expect(index.partsOf('rev_none')).toEqual([])
    index.removeAt(at(6))
    index.removeAt(at(11))
    without(({ position }) => position === at(6))
    agree()
    // A rule keeps its list when it is replaced, whatever the new one says of it.
    for (const rule of index.partsOf('rev_other'))
      index.replace({ ...rule, cut: at(2), tokens: [] })
    all = all.map((one) => (one.id === 'rev_other' ? { ...one, cut: at(2) } : one))
    agree()
    expect(index.remove('rev_list')).toBe(true)
    without(({ id }) => id === 'rev_list')
    agree()
    expect(index.remove('rev_narrow')).toBe(true)
    without(({ id }) => id === 'rev_narrow')
    agree()
    expect(index.remove('rev_list')).toBe(false)
  })

  it('takes the rule of a token out with its block', () => {
    const block = revocation({ cut: null, blocks: true, selector: { clients: ['deploy'] } })
    const index = indexOf([block])
    expect(index.blocksIssuing(token())?.id).toBe('rev_5')
    for (const rule of index.partsOf('rev_5')) index.replace({ ...rule, cut: at(6), blocks: false })
    expect(index.blocksIssuing(token())).toBeUndefined()
    expect(plainly(index.verdict(token(), second(9)))).toEqual({ kind: 'revoked', by: 'rev_5' })
    index.removeAt(at(5))
    expect(index.verdict(token(), second(9)).kind).toBe('clear')
    index.replace(ruleOf(block))
    expect(index.blocksIssuing(token())?.id).toBe('rev_5')
  })

  it('keeps a million listed tokens in 40 MB', () => {
    const count = 200_000
    const before = process.memoryUsage().arrayBuffers
    const index = new RuleIndex()
    for (let sequence = 1; sequence <= count / 5000; sequence++) {
      const tokens = Array.from(
        { length: 5000 },
        (_, i) => `cred_${String(sequence * 5000 + i).padStart(22, '0')}`,
      )
      index.add(ruleOf(revocation({ position: at(sequence), selector: { tokens } })))
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * count)
    const listed = token({ id: `cred_${String(7777).padStart(22, '0')}` })
    expect(index.verdict(listed, second(9)).kind).toBe('revoked')
    expect(index.verdict(token(), second(9)).kind).toBe('clear')
  })

  it('refuses the same revocation twice, and removes an unknown one without effect', () => {
    const index = indexOf([revocation({ selector: { all: true } })])
    expect(() => index.add(ruleOf(revocation({ selector: { all: true } })))).toThrow(/already/)
    expect(index.remove('rev_unknown')).toBe(false)
  })
})

describe('candidateValues', () => {
  it('names every value of a token, and every pattern above its scopes once', () => {
    expect(
      candidateValues(token({ scopes: ['deploy:prod', 'deploy:test'], trustId: 'ci' })),
    ).toEqual({
      tokens: ['cred_a'],
      clients: ['deploy'],
      subjects: ['ann'],
      sessions: ['sess_a'],
      scopes: ['deploy:prod', '*', 'deploy:*', 'deploy:test'],
      audiences: ['https://a'],
      keys: ['key_a'],
      trusts: ['ci'],
    })
    expect(candidateValues(token()).trusts).toEqual([])
  })
})
