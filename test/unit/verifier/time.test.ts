import { describe, expect, it } from 'vitest'
import type { VerifierMode } from '#domain/feed/head.ts'
import { raisedBy } from '#verifier/authority-time.ts'
import { Authority, SECOND, T0 } from './authority.ts'
import { Rig } from './rig.ts'

const DRIFT = 200e-6

/** The last instant, by the local clock, at which the upper bound is not above a time. */
const lastBelow = (rig: Rig, timeMicros: number): number =>
  rig.now + Math.floor((timeMicros - rig.upper) / (1 + DRIFT))

/** Just before and just after, without anything being heard. */
function around(rig: Rig, at: number, ask: () => string): [string, string] {
  rig.now = at - 2
  const before = ask()
  rig.now = at + 2
  return [before, ask()]
}

describe('a lease', () => {
  it.for([
    ['strict', undefined, undefined, 10],
    ['standard', undefined, undefined, 30],
    ['relaxed', undefined, undefined, 300],
    ['standard', 'strict', undefined, 10],
    ['standard', 'relaxed', undefined, 30],
    ['strict', 'relaxed', undefined, 10],
    ['relaxed', 'standard', undefined, 30],
    ['standard', undefined, 5, 5],
    ['standard', undefined, 60, 30],
    ['standard', 'strict', 12, 10],
    ['relaxed', 'strict', 7, 7],
  ] as const)(
    'of mode %s, token %s and resource %s ends after %i s',
    ([mode, staleness, own, limit]) => {
      const rig = new Rig({
        mode: mode as VerifierMode,
        ...(own === undefined ? {} : { stalenessSeconds: own }),
      }).start()
      const token = rig.authority.token(staleness === undefined ? {} : { staleness })
      const { time } = rig.core.applied() ?? { time: 0 }
      const end = lastBelow(rig, time + limit * SECOND)
      expect(around(rig, end, () => rig.verdict(token))).toEqual(['accepted', 'stale lease'])
      if (staleness === undefined) expect(rig.core.staleness(rig.now)).toBe('lease')
    },
  )

  it('is counted from the time of the head, and not from its receipt', () => {
    const rig = new Rig().start()
    const token = rig.authority.token()
    rig.pass(SECOND)
    const text = rig.authority.head()
    const { timeMicros } = rig.authority.state
    rig.pass(20 * SECOND)
    rig.head(text)
    expect(rig.core.applied()?.time).toBe(timeMicros)
    expect(around(rig, lastBelow(rig, timeMicros + 30 * SECOND), () => rig.verdict(token))).toEqual(
      ['accepted', 'stale lease'],
    )
  })

  it('is of the limits that the newest head tells', () => {
    const rig = new Rig().start()
    const token = rig.authority.token()
    rig.pass(SECOND)
    rig.authority.limits = { strict: 1, standard: 4, relaxed: 4 }
    rig.head()
    const { time } = rig.core.applied() ?? { time: 0 }
    expect(around(rig, lastBelow(rig, time + 4 * SECOND), () => rig.verdict(token))).toEqual([
      'accepted',
      'stale lease',
    ])
  })

  it('that has ended is not revived by a clock that stood still', () => {
    const rig = new Rig().start()
    const token = rig.authority.token()
    rig.now += 31 * SECOND
    expect(rig.verdict(token)).toBe('stale lease')
    const { decision, effects } = rig.decide(token)
    expect(decision.retryAfterSeconds).toBe(1)
    expect(decision.detail).toMatch(/too old/)
    expect(effects).toEqual([])
  })
})

describe('the authority’s time', () => {
  it('has an upper bound from answers only, counted from before the question', () => {
    const rig = new Rig()
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    rig.pass(100_000)
    const text = rig.authority.head({ nonce: ask.question.nonce })
    const told = rig.authority.state.timeMicros
    rig.pass(200_000)
    rig.answer(ask.question, text)
    expect(rig.lower).toBe(told - 250_000)
    expect(rig.upper).toBe(told + 300_000 + 60 + 1000 + 250_000)
  })

  it('is raised at its lower end by heads of the stream', () => {
    const rig = new Rig().start()
    rig.pass(10 * SECOND)
    const { upper } = rig
    const before = rig.lower
    rig.authority.clockMicros += 100_000
    rig.head()
    expect(rig.lower).toBe(rig.authority.state.timeMicros - 250_000)
    expect(before).toBeLessThan(rig.lower)
    expect(rig.upper).toBe(upper)
    const low = rig.lower
    rig.pass(SECOND)
    rig.authority.clockMicros -= 200_000
    rig.head(rig.authority.head())
    expect(rig.lower).toBe(low + SECOND - 200)
  })

  it('is given up when a head’s time cannot have come yet, and asked for', () => {
    const rig = new Rig().start()
    const token = rig.authority.token()
    rig.pass(SECOND)
    rig.authority.clockMicros = rig.upper
    rig.head()
    expect(rig.verdict(token)).toBe('accepted')
    rig.effects.length = 0
    rig.authority.clockMicros = rig.upper + 1
    const effects = rig.head()
    expect(effects.map(({ kind }) => kind)).toEqual(['applied', 'ask'])
    expect(rig.core.interval(rig.now)).toBeUndefined()
    expect(rig.verdict(token)).toBe('stale clock')
    expect(rig.core.staleness(rig.now)).toBe('clock')
    rig.serve(effects)
    expect(rig.verdict(token)).toBe('accepted')
  })

  it('is asked for again before drift widens it too far', () => {
    const rig = new Rig({ mode: 'relaxed' }).start()
    const wake = (): number => rig.taken('wake').at(-1)?.atMicros ?? 0
    // Streamed heads keep the stream alive; time passes until a question is asked.
    const asked = rig.now
    rig.effects.length = 0
    let question = rig.effects.at(0)
    while (question === undefined) {
      rig.pass(SECOND)
      rig.serve(rig.head())
      rig.on({ kind: 'woken' })
      question = rig.effects.find((effect) => effect.kind === 'ask')
      expect(rig.now).toBeLessThan(asked + 301 * SECOND)
    }
    expect(asked + 299 * SECOND).toBeLessThan(rig.now)
    expect(wake()).toBeGreaterThan(0)
  })

  it('is not known well enough when nobody answers for long', () => {
    const authority = new Authority()
    authority.limits = { strict: 9999, standard: 9999, relaxed: 9999 }
    authority.maxTtl = 9999
    const rig = new Rig({}, { authority }).start()
    const token = authority.token({ exp: T0 / SECOND + 9999 })
    const width = rig.upper - rig.lower
    const end = rig.now + Math.floor((2 * SECOND - width) / (2 * DRIFT))
    rig.now = end - 10_000
    expect(rig.verdict(token)).toBe('accepted')
    rig.now = end + 10_000
    expect(rig.verdict(token)).toBe('stale clock')
    expect(rig.core.staleness(rig.now)).toBe('clock')
  })

  it('is not learned from an answer that took too long', () => {
    const rig = new Rig()
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    rig.pass(1_600_000)
    const text = rig.authority.head({ nonce: ask.question.nonce })
    expect(rig.answer(ask.question, text)).toEqual([])
    expect(rig.core.interval(rig.now)).toBeUndefined()
    expect(rig.core.feedKeys()).toEqual([])
    // It is asked again, after a pause.
    rig.pass(SECOND / 2)
    const [again] = rig.wake()
    expect(again).toMatchObject({ kind: 'ask' })
    if (again?.kind !== 'ask') throw new Error('it does not ask')
    expect(again.question.nonce).not.toBe(ask.question.nonce)
    rig.pass(1_400_000)
    rig.serve(rig.answer(again.question))
    expect(rig.core.applied()).toBeDefined()
  })

  it('may be known to a second with no leeway', () => {
    const rig = new Rig({ leewayMicros: 0 }).start()
    const token = rig.authority.token({ iat: T0 / SECOND - 5, root_iat: T0 / SECOND - 5 })
    expect(rig.verdict(token)).toBe('accepted')
    expect(rig.verdict(rig.authority.token())).toBe('stale clock')
  })

  it('is forgotten when the process stood still, and the question under way with it', () => {
    const rig = new Rig().start()
    const { authority } = rig
    const token = authority.token()
    rig.pass(SECOND)
    const behind = authority.token({ feed_seq: authority.state.position + 1 })
    const [old] = rig.decide(behind).effects
    if (old?.kind !== 'ask') throw new Error('it does not ask')
    const stream = rig.stream ?? -1
    // The local clock did not see the hour that passed.
    rig.authority.clockMicros += 3600 * SECOND
    const effects = rig.on({ kind: 'resumed' })
    expect(effects).toMatchObject([{ kind: 'close-stream', stream }, { kind: 'ask' }])
    expect(rig.core.interval(rig.now)).toBeUndefined()
    expect(rig.verdict(token)).toBe('stale clock')
    rig.answer(old.question)
    expect(rig.core.interval(rig.now)).toBeUndefined()
    rig.serve(effects)
    expect(rig.lower).toBe(rig.authority.state.timeMicros - 250_000)
    expect(rig.verdict(rig.authority.token())).toBe('accepted')
  })
})

describe('raisedBy', () => {
  const anchor = { atMicros: 0, lowerMicros: T0, upperMicros: T0 + SECOND }

  it('raises the lower bound to a head’s time less a step, and never lowers it', () => {
    expect(raisedBy(anchor, T0 + 250_000, 0)).toBe(anchor)
    expect(raisedBy(anchor, T0 + 250_001, 0)).toEqual({ ...anchor, lowerMicros: T0 + 1 })
    expect(raisedBy(anchor, T0 + 749_900, 500_000)).toBe(anchor)
    expect(raisedBy(anchor, T0 + 900_000, 500_000)).toEqual({
      atMicros: 500_000,
      lowerMicros: T0 + 650_000,
      upperMicros: T0 + SECOND + 500_100,
    })
  })
})

describe('questions', () => {
  const asksOf = (effects: readonly { kind: string }[]): number =>
    effects.filter(({ kind }) => kind === 'ask').length

  it('are shared, and at most one is asked in 250 ms', () => {
    const rig = new Rig().start()
    const token = rig.authority.token({ feed_seq: rig.authority.state.position + 1 })
    expect(asksOf(rig.decide(token).effects)).toBe(0)
    rig.pass(249_999)
    expect(asksOf(rig.decide(token).effects)).toBe(0)
    rig.pass(1)
    const { effects } = rig.decide(token)
    expect(asksOf(effects)).toBe(1)
    expect(asksOf(rig.decide(token).effects)).toBe(0)
    rig.serve(effects)
    expect(asksOf(rig.decide(token).effects)).toBe(0)
  })

  it('that are not answered are asked again after pauses that grow, elsewhere from the third on', () => {
    const rig = new Rig()
    const asks = (): { micros: number; isElsewhere: boolean }[] => {
      const found: { micros: number; isElsewhere: boolean }[] = []
      rig.on({ kind: 'started' })
      for (let i = 0; i < 400; i++) {
        const [ask] = rig.effects.filter(({ kind }) => kind === 'ask')
        if (ask?.kind === 'ask') {
          const isElsewhere = rig.effects.some(({ kind }) => kind === 'next-url')
          found.push({ micros: rig.now, isElsewhere })
          rig.effects.length = 0
          rig.on({ kind: 'unanswered', nonce: ask.question.nonce })
        }
        rig.now += 50_000
        rig.wake()
      }
      return found
    }
    const all = asks()
    const pauses = all.slice(1).map(({ micros }, i) => micros - (all[i]?.micros ?? 0))
    // Half is fixed, half is chance; the chance here is small and grows by one with each draw.
    expect(pauses.slice(0, 5)).toEqual([300_000, 550_000, 1_050_000, 2_100_000, 2_100_000])
    expect(all.map(({ isElsewhere }) => isElsewhere).slice(0, 4)).toEqual([
      false,
      false,
      true,
      true,
    ])
  })

  it('are given up after two seconds', () => {
    const rig = new Rig()
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    rig.pass(2 * SECOND - 1)
    expect(rig.wake()).toEqual([])
    rig.pass(1)
    expect(rig.wake()).toEqual([])
    rig.answer(ask.question)
    expect(rig.core.interval(rig.now)).toBeUndefined()
    rig.pass(SECOND)
    expect(asksOf(rig.wake())).toBe(1)
  })

  it('are answered once, and only by their own nonce', () => {
    const rig = new Rig()
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const { nonce } = ask.question
    rig.on({ kind: 'unanswered', nonce: 'another' })
    rig.on({ kind: 'answered', nonce: 'another', head: rig.authority.head(), feedKeys: [] })
    expect(rig.core.interval(rig.now)).toBeUndefined()
    // A good head, of the stream or of somebody else's question.
    for (const head of [rig.authority.head(), rig.authority.head({ nonce: 'another' })]) {
      const other = new Rig()
      const [question] = other.on({ kind: 'started' })
      if (question?.kind !== 'ask') throw new Error('it does not ask')
      expect(other.answer(question.question, head)).toMatchObject([
        { kind: 'alarm', detail: expect.stringContaining('another question') },
      ])
      expect(other.core.interval(other.now)).toBeUndefined()
      expect(other.core.feedKeys()).toEqual([])
    }
    rig.serve(rig.answer(ask.question, rig.authority.head({ nonce })))
    const { upper } = rig
    rig.pass(SECOND)
    rig.on({ kind: 'answered', nonce, head: rig.authority.head({ nonce }), feedKeys: [] })
    expect(rig.upper).toBe(upper + SECOND + 200)
  })

  it('that a forged head answers are asked again', () => {
    const rig = new Rig()
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    expect(rig.answer(ask.question, 'forged')).toMatchObject([{ kind: 'alarm' }])
    rig.pass(SECOND)
    expect(asksOf(rig.wake())).toBe(1)
  })
})
