import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import { type Condition, holds, holdsExactly } from '#store/sqlite/condition.ts'
import { connect } from '#store/sqlite/connection.ts'

const db = connect(':memory:', 0)

const isTrue = ({ sql, values }: Condition, column: readonly string[]): boolean =>
  db.get(`SELECT ${sql} FROM (SELECT ? AS words)`, [...values, column.join(' ')])?.[0] === 1

/** Of few letters, so that much almost matches; with all that means something to GLOB, LIKE or JSON. */
const word = fc.string({
  unit: fc.constantFrom(...'ab:*?[]%_"\\^-!'.split('')),
  minLength: 1,
  maxLength: 6,
})
const scopes = fc.array(word, { maxLength: 4 })
const pattern = fc.oneof(
  word,
  word.map((it) => `${it}:*`),
  fc.constant('*'),
)

describe('holds', () => {
  it('says of every list what the domain says of its scopes', () => {
    fc.assert(
      fc.property(scopes, fc.array(pattern, { maxLength: 4 }), (column, wanted) => {
        // What is asked for is often taken from what is there.
        const asked = [...wanted, ...column.slice(0, 1).map((it) => `${it.slice(0, 2)}:*`)]
        const expected = asked.some((one) => column.some((scope) => matchesPattern(one, scope)))
        expect(isTrue(holds('words', asked), column)).toBe(expected)
      }),
      { numRuns: 3000 },
    )
  })

  it.for([
    [['deploy:prod'], 'deploy:*', true],
    [['read', 'deploy:prod:eu'], 'deploy:*', true],
    [['deploy'], 'deploy:*', false],
    [['deploy:'], 'deploy:*', false],
    [['deploy:', 'deploy:x'], 'deploy:*', true],
    [['redeploy:prod'], 'deploy:*', false],
    [['read'], '*', true],
    [[], '*', false],
    [['a', 'b'], 'a b', false],
    [['a'], '', false],
    [['ab'], 'a*', false],
  ] as const)('%j holds %j: %s', ([column, asked, expected]) => {
    expect(isTrue(holds('words', [asked]), column)).toBe(expected)
  })
})

describe('holdsExactly', () => {
  it('compares whole words, letter by letter', () => {
    fc.assert(
      fc.property(scopes, fc.array(word, { maxLength: 3 }), (column, wanted) => {
        const asked = [...wanted, ...column.slice(1, 2)]
        const expected = asked.some((one) => column.includes(one))
        expect(isTrue(holdsExactly('words', asked), column)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })
})
