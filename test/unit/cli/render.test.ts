import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, pick, sorted, textOf } from '#cli/render/pick.ts'
import { fit, shown } from '#cli/render/table.ts'
import { clean, cut, widthOf } from '#cli/render/text.ts'
import { absolute, relative } from '#cli/render/time.ts'
import { suggest } from '#cli/suggest.ts'
import { instant } from '#kernel/instant.ts'
import { NOW } from './harness.ts'

describe('times', () => {
  it.for([
    [0, 'now'],
    [0.9, 'now'],
    [1, 'in 1s'],
    [119, 'in 119s'],
    [120, 'in 2m'],
    [7199, 'in 120m'],
    [7200, 'in 2h'],
    [2 * 86_400 - 1, 'in 48h'],
    [2 * 86_400, 'in 2d'],
    [729 * 86_400, 'in 729d'],
    [730 * 86_400, 'in 2y'],
    [-1, '1s ago'],
    [-540, '9m ago'],
    [-0.5, 'now'],
  ] as const)('%d s is %s', ([seconds, expected]) => {
    expect(relative(instant(NOW + seconds * 1000), NOW)).toBe(expected)
  })

  it('are RFC 3339, without milliseconds that say nothing', () => {
    expect(absolute(NOW)).toBe('2026-11-23T19:08:00Z')
    expect(absolute(instant(NOW + 5))).toBe('2026-11-23T19:08:00.005Z')
  })
})

describe('text for a terminal', () => {
  it.for([
    ['plain', 'plain', 5],
    ['naïve', 'naïve', 5],
    ['日本', '日本', 4],
    ['e\u0301', 'e\u0301', 1],
    ['🔑', '🔑', 2],
    ['\u001b]0;x\u0007', String.raw`\u{1b}]0;x\u{7}`, 15],
    ['a\u202eb', String.raw`a\u{202e}b`, 10],
    ['a\nb\tc\r', String.raw`a\nb\tc\r`, 9],
    ['\u2028\u0085\ufeff', String.raw`\u{2028}\u{85}\u{feff}`, 22],
  ] as const)('%j is shown as %s', ([given, expected, width]) => {
    expect(clean(given)).toBe(expected)
    expect(widthOf(clean(given))).toBe(width)
  })

  const unsafe = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u
  it('never holds what a terminal obeys, nor a line end', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(clean(text)).not.toMatch(unsafe)
      }),
    )
  })

  it('is cut to a width, and only where it must be', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 30 }),
        (text, width) => {
          const shown = cut(clean(text), width)
          expect(widthOf(shown)).toBeLessThanOrEqual(width)
          const isWhole = widthOf(clean(text)) <= width
          expect(shown === clean(text)).toBe(isWhole)
          expect(isWhole || clean(text).startsWith(shown.slice(0, -1))).toBe(true)
        },
      ),
    )
  })
})

describe('the widths of a table', () => {
  const columns = fc.array(
    fc.record({ width: fc.integer({ min: 1, max: 80 }), keep: fc.boolean() }),
    { minLength: 1, maxLength: 10 },
  )
  it('fit if that can be, widen nothing, and spare what people copy', () => {
    fc.assert(
      fc.property(columns, fc.integer({ min: 1, max: 250 }), (given, terminal) => {
        const natural = given.map(({ width }) => width)
        const fitted = fit(natural, given, terminal)
        const total = (widths: readonly number[]): number =>
          widths.reduce((sum, one) => sum + one, 2 * (widths.length - 1))
        const least = natural.map((width) => Math.min(width, 6))
        expect(fitted.every((width, index) => width <= (natural[index] ?? 0))).toBe(true)
        // What fits is left alone; what does not fit is cut by no more than it must be.
        expect(total(fitted)).toBe(Math.min(total(natural), Math.max(terminal, total(least))))
        const isKeptCut = given.some(
          ({ keep, width }, index) => keep && (fitted[index] ?? 0) < width,
        )
        const isOtherOpen = given.some(({ keep }, index) => !keep && 6 < (fitted[index] ?? 0))
        expect(isKeptCut && isOtherOpen).toBe(false)
      }),
    )
  })

  it('give way at the right, as few as must, to what people copy', () => {
    const revocations = [26, 9, 10, 11, 6, 10, 7, 10].map((width, index) => ({
      width,
      keep: index === 0,
    }))
    const widths = revocations.map(({ width }) => width)
    expect(shown(widths, revocations, 110)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(shown(widths, revocations, 80)).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(shown(widths, revocations, 10)).toEqual([0, 1, 2])
    fc.assert(
      fc.property(columns, fc.integer({ min: 1, max: 250 }), (given, terminal) => {
        const natural = given.map(({ width }) => width)
        const indices = shown(natural, given, terminal)
        const left = (some: readonly number[]) => {
          const those = some.map((index) => natural[index] ?? 0)
          const fitted = fit(
            those,
            some.map((index) => given[index] ?? {}),
            terminal,
          )
          return some.every((index, at) => given[index]?.keep !== true || fitted[at] === those[at])
        }
        const all = given.map((_, index) => index)
        const gone = all.filter((index) => !indices.includes(index))
        expect(gone.some((index) => given[index]?.keep === true)).toBe(false)
        // With the last that went nothing would be whole.
        const before = gone[0]
        if (before === undefined) return
        expect(left([...indices, before].sort((a, b) => a - b))).toBe(false)
      }),
    )
  })
})

describe('fields', () => {
  const value = { a: { b: [{ c: 1 }, { c: 2, d: 3 }], e: null }, tags: { 'x.y': 'z' }, f: 'f' }
  it.for([
    ['f', 'f'],
    ['a.e', null],
    ['a.b.c', [1, 2]],
    ['tags.x.y', 'z'],
    ['a.nope.c', undefined],
    ['__proto__.x', undefined],
    ['constructor', undefined],
  ] as const)('%s', ([path, expected]) => {
    expect(at(value, path)).toEqual(expected)
  })

  it.for([
    [['f'], { f: 'f' }],
    [['a.b.d'], { a: { b: [{}, { d: 3 }] } }],
    [['a'], { a: value.a }],
    [['tags.x.y', 'a.e'], { a: { e: null }, tags: { 'x.y': 'z' } }],
    [['nope', 'f.g'], {}],
  ] as const)('only %j', ([paths, expected]) => {
    expect(pick(value, paths)).toEqual(expected)
  })

  it('are texts in tables', () => {
    const values = [undefined, null, true, 7, ['a', 'b'], { k: 'v', n: [1] }]
    const texts = ['', '', 'true', '7', 'a,b', 'k=v,n=1']
    expect(values.map(textOf)).toEqual(texts)
  })

  it('sort as a naive comparison of each with each would', () => {
    const rows = fc.array(
      fc.record({ key: fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined }) }),
    )
    fc.assert(
      fc.property(rows, fc.boolean(), (given, descending) => {
        const numbered = given.map((row, index) => ({ ...row, index }))
        const result = sorted(numbered, { key: 'key', descending })
        expect(result.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual(
          numbered.map(({ index }) => index),
        )
        for (const [i, left] of result.entries()) {
          for (const right of result.slice(i + 1)) {
            if (right.key === undefined) continue
            expect(left.key).toBeDefined()
            const [low, high] = descending ? [right, left] : [left, right]
            expect(low.key).toBeLessThanOrEqual(high.key as number)
            expect(left.key !== right.key || left.index < right.index).toBe(true)
          }
        }
      }),
    )
  })
})

describe('suggestions', () => {
  const words = ['token', 'revoke', 'revocation', 'key', 'client', 'context']
  it.for([
    ['tokne', ['token']],
    ['revok', ['revoke']],
    ['revo', ['revoke', 'revocation']],
    ['kye', ['key']],
    ['kxx', []],
    ['keys', ['key']],
    ['clint', ['client']],
    ['xyzzy', []],
  ] as const)('%s → %j', ([given, expected]) => {
    expect(suggest(given, words)).toEqual(expected)
  })
})
