import { describe, expect, it, onTestFinished } from 'vitest'
import { createWatches } from '#boot/verifier/watches.ts'
import type { VerifierDecision } from '#verifier/config.ts'

const SECOND = 1_000_000
const accepted = (claims: object = {}): VerifierDecision => ({
  verdict: 'accepted',
  claims: { exp: 1_000_000, ...claims },
})
const stale: VerifierDecision = { verdict: 'stale', cause: 'lease' }
const revoked: VerifierDecision = { verdict: 'revoked', reason: 'testing' }

/** Watches over a table of decisions; every decision that is asked for is noted. */
function bench(decisions: Record<string, VerifierDecision>) {
  const asked: string[] = []
  const ends: string[] = []
  let nowMicros = 0
  let heard = (): void => undefined
  const watches = createWatches({
    decide: ({ token }) => {
      asked.push(token)
      heard()
      return decisions[token] ?? { verdict: 'invalid' }
    },
    nowMicros: () => nowMicros,
    upperMicros: (now) => now,
    leewayMicros: 2 * SECOND,
  })
  onTestFinished(() => watches.close())
  const watch = (token: string, keepWhileStale = false) =>
    watches.add(
      token,
      ({ verdict }) => {
        ends.push(`${token} ${verdict}`)
        heard()
      },
      { keepWhileStale },
    )
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      heard = () => {
        if (holds()) resolve()
      }
      heard()
    })
  return {
    watches,
    watch,
    asked,
    ends,
    until,
    set: (now: number) => {
      nowMicros = now
    },
  }
}

describe('watched tokens', () => {
  it('are judged anew when the feed has moved on, and only then', async () => {
    const decisions: Record<string, VerifierDecision> = { a: accepted(), b: accepted() }
    const { watches, watch, asked, ends, until } = bench(decisions)
    watch('a')
    watch('b')
    watches.applied(1)
    asked.length = 0
    watches.applied(1)
    expect(asked).toEqual([])
    decisions['a'] = revoked
    watches.applied(2)
    expect(asked).toEqual(['a', 'b'])
    await until(() => ends.length === 1)
    expect(ends).toEqual(['a revoked'])
  })

  it('are told once', async () => {
    const decisions: Record<string, VerifierDecision> = { a: accepted() }
    const { watches, watch, ends, until } = bench(decisions)
    watch('a')
    decisions['a'] = revoked
    watches.applied(1)
    watches.applied(2)
    watches.close()
    await until(() => ends.length === 1)
    await Promise.resolve()
    expect(ends).toEqual(['a revoked'])
  })

  it('that are not accepted are told so at once, but never before `add` has returned', async () => {
    const { watch, ends, until } = bench({ a: revoked })
    watch('a')
    expect(ends).toEqual([])
    await until(() => ends.length === 1)
    expect(ends).toEqual(['a revoked'])
  })

  it('are no longer judged when the watch is ended', async () => {
    const decisions: Record<string, VerifierDecision> = { a: accepted(), b: accepted() }
    const { watches, watch, asked, ends, until } = bench(decisions)
    const end = watch('a')
    watch('b')
    end()
    end()
    asked.length = 0
    decisions['a'] = revoked
    decisions['b'] = revoked
    watches.applied(1)
    expect(asked).toEqual(['b'])
    await until(() => ends.length === 1)
    expect(ends).toEqual(['b revoked'])
  })

  it('end by themselves at their expiry and the leeway', async () => {
    const decisions: Record<string, VerifierDecision> = {
      first: accepted({ exp: 1000 }),
      a: accepted({ exp: 10 }),
    }
    const { watch, asked, ends, until, set } = bench(decisions)
    watch('first')
    watch('a')
    asked.length = 0
    set(12 * SECOND - 1)
    await until(() => asked.includes('first'))
    expect(asked).not.toContain('a')
    set(12 * SECOND)
    decisions['a'] = { verdict: 'expired' }
    await until(() => ends.length === 1)
    expect(ends).toEqual(['a expired'])
  })

  it('are looked at closely in the last second of a grace period', async () => {
    const decisions: Record<string, VerifierDecision> = {
      first: accepted(),
      a: { ...accepted(), graceSeconds: 60 },
    }
    const { watch, asked, ends, until, set } = bench(decisions)
    watch('first')
    watch('a')
    asked.length = 0
    set(58 * SECOND)
    await until(() => asked.includes('first'))
    expect(asked).not.toContain('a')
    set(59 * SECOND)
    decisions['a'] = revoked
    await until(() => ends.length === 1)
  })

  it('end where it cannot be known, if not at once: an answer may be under way', async () => {
    const decisions: Record<string, VerifierDecision> = { a: stale, b: stale, kept: stale }
    const { watch, asked, ends, until } = bench(decisions)
    watch('a')
    watch('b')
    watch('kept', true)
    asked.length = 0
    await until(() => asked.length === 1)
    expect(ends).toEqual([])
    await until(() => ends.length === 2)
    expect(ends).toEqual(['a stale', 'b stale'])
    // One was asked, and asked again; then all were.
    expect(asked).toEqual(['a', 'a', 'a', 'b', 'kept'])
    decisions['kept'] = revoked
    await until(() => ends.length === 3)
    expect(ends.at(-1)).toBe('kept revoked')
  })

  it('go on where it was not known for a moment', async () => {
    const decisions: Record<string, VerifierDecision> = { a: stale }
    const { watch, asked, ends, until } = bench(decisions)
    watch('a')
    asked.length = 0
    await until(() => asked.length === 1)
    decisions['a'] = accepted()
    await until(() => asked.length === 2)
    decisions['a'] = stale
    await until(() => asked.length === 3)
    expect(ends).toEqual([])
    await until(() => ends.length === 1)
    expect(asked).toHaveLength(5)
  })

  it('are asked by their limits: one of each tells for all of it', async () => {
    const decisions: Record<string, VerifierDecision> = {
      s1: accepted({ staleness: 'strict' }),
      s2: accepted({ staleness: 'strict' }),
      n1: accepted(),
      n2: accepted(),
    }
    const { watch, asked, ends, until } = bench(decisions)
    for (const token of Object.keys(decisions)) watch(token)
    asked.length = 0
    await until(() => asked.length === 2)
    expect(asked).toEqual(['s1', 'n1'])
    decisions['s1'] = stale
    decisions['s2'] = stale
    await until(() => ends.length === 2)
    expect(ends).toEqual(['s1 stale', 's2 stale'])
  })

  it('are all told when the verifier closes, and nobody is watched then', async () => {
    const { watches, watch, ends, until } = bench({ a: accepted(), b: accepted() })
    watch('a')
    watch('b', true)
    watches.close()
    await until(() => ends.length === 2)
    expect(ends).toEqual(['a stale', 'b stale'])
  })

  it('leave the thread to others where they are many', async () => {
    const decisions: Record<string, VerifierDecision> = { a: accepted() }
    const { watches, watch, asked, ends, until } = bench(decisions)
    for (let i = 0; i < 4500; i++) watch('a')
    const end = watch('a')
    asked.length = 0
    decisions['a'] = revoked
    watches.applied(1)
    expect(asked).toHaveLength(2000)
    watches.applied(2)
    expect(asked).toHaveLength(2000)
    end()
    await until(() => ends.length === 4500)
    expect(asked).toHaveLength(4500)
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toHaveLength(4500)
  })
})
