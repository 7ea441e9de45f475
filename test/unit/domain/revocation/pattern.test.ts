import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { matchesPattern, patternsOf } from '#domain/revocation/pattern.ts'
import { patternToRegExp } from './oracle.ts'

// Few letters, so that patterns and scopes meet; colons and stars in every wrong place too.
const anyScope = fc.string({ unit: fc.constantFrom('a', 'b', ':', '*'), maxLength: 6 })

describe('matchesPattern', () => {
  it.for([
    ['deploy', 'deploy', true],
    ['deploy', 'deploy:prod', false],
    ['deploy:*', 'deploy', false],
    ['deploy:*', 'deploy:', false],
    ['deploy:*', 'deploy:prod', true],
    ['deploy:*', 'deploy:prod:eu', true],
    ['deploy:*', 'deployment:prod', false],
    ['deploy:prod:*', 'deploy:prod', false],
    ['deploy:prod:*', 'deploy:prod:eu', true],
    ['deploy:prod:*', 'deploy:test:eu', false],
    ['*', 'deploy', true],
    ['*', 'deploy:prod:eu', true],
    ['dep*', 'deploy', false],
    ['deploy:*:eu', 'deploy:prod:eu', false],
    ['deploy:*', 'deploy:prod:*', true],
    ['deploy:prod:*', 'deploy:*', false],
  ] as const)('%s on %s is %s', ([pattern, scope, expected]) => {
    expect(matchesPattern(pattern, scope)).toBe(expected)
  })

  it('agrees with a regular expression', () => {
    fc.assert(
      fc.property(anyScope, anyScope, (pattern, scope) => {
        const expected = pattern === scope || patternToRegExp(pattern).test(scope)
        expect(matchesPattern(pattern, scope)).toBe(expected)
      }),
      { numRuns: 5000 },
    )
  })
})

describe('patternsOf', () => {
  it('lists the scope and every pattern above it', () => {
    expect(patternsOf('deploy:prod:eu')).toEqual([
      'deploy:prod:eu',
      '*',
      'deploy:*',
      'deploy:prod:*',
    ])
  })

  it('names exactly the patterns that match, each once', () => {
    fc.assert(
      fc.property(anyScope, anyScope, (pattern, scope) => {
        expect(patternsOf(scope).includes(pattern)).toBe(matchesPattern(pattern, scope))
        expect(new Set(patternsOf(scope)).size).toBe(patternsOf(scope).length)
      }),
      { numRuns: 5000 },
    )
  })
})
