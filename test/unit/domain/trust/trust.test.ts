import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Client } from '#domain/client/client.ts'
import type { Conditions } from '#domain/trust/conditions.ts'
import { evaluateTrust } from '#domain/trust/evaluate.ts'
import { lintTrust } from '#domain/trust/lint.ts'
import type { Trust } from '#domain/trust/trust.ts'
import { instant } from '#kernel/instant.ts'

const AT = instant(0)
const base: Trust = {
  id: 'deploys',
  form: 'github-actions',
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://auth.example.com',
  claims: { repository_id: ['4711'], ref: ['refs/heads/main'] },
  conditions: [],
  clientId: 'deploy-bot',
  scopes: ['deploy:prod'],
  mode: 'enforce',
  allowsPrivate: false,
  createdAt: AT,
  updatedAt: AT,
}
const client: Client = {
  id: 'deploy-bot',
  tier: 'high',
  scopes: ['deploy:*', 'read'],
  audiences: [],
  authMethods: [],
  keys: [],
  state: 'enabled',
  tags: {},
  createdAt: AT,
}
const claims = {
  iss: base.issuer,
  aud: base.audience,
  repository_id: '4711',
  ref: 'refs/heads/main',
}

/** Conditions that hold by what they are called: what CEL makes of them is tested where CEL is. */
const conditions: Conditions = {
  faultOf: (expression) => (expression === 'faulty' ? 'it is faulty' : undefined),
  evaluate: (expression) =>
    expression === 'holds' ? { holds: true } : { holds: false, detail: 'it is false' },
}

const evaluated = (given: Readonly<Record<string, unknown>>, trust: Partial<Trust> = {}) =>
  evaluateTrust({ ...base, ...trust }, given, {
    conditions,
    variables: {
      trust: { issuer: base.issuer, claims: given },
      client: { id: client.id, tier: client.tier, tags: {} },
      subject: client.id,
      scopes: [],
      audience: [],
      ttl: 600,
      now: 0,
    },
  })

describe('a token against a trust', () => {
  it.for([
    ['all as it has to be', claims, true],
    ['a sole audience in a list', { ...claims, aud: [base.audience] }, true],
    ['a number for an id', { ...claims, repository_id: 4711 }, true],
    ['another id', { ...claims, repository_id: '4712' }, false],
    ['an id that only begins alike', { ...claims, repository_id: '47110' }, false],
    ['an id with a blank', { ...claims, repository_id: '4711 ' }, false],
    ['a list that holds the id', { ...claims, repository_id: ['4711'] }, false],
    ['no id', { iss: claims.iss, aud: claims.aud, ref: claims.ref }, false],
    ['a number that is none', { ...claims, repository_id: 4711.5 }, false],
    ['another branch', { ...claims, ref: 'refs/heads/dev' }, false],
    ['another audience', { ...claims, aud: 'https://other.example' }, false],
    ['two audiences', { ...claims, aud: [base.audience, 'https://other.example'] }, false],
    ['no audience', { ...claims, aud: undefined }, false],
    ['another issuer', { ...claims, iss: 'https://other.example' }, false],
  ] as const)('%s', ([, given, matched]) => {
    expect(evaluated(given).matched).toBe(matched)
  })

  it('one of several values will do, and an inherited one never', () => {
    const trust = { claims: { repository_id: ['1', '4711'], ref: ['refs/heads/main'] } }
    expect(evaluated(claims, trust).matched).toBe(true)
    expect(evaluated(claims, { claims: { toString: ['x'] } }).matched).toBe(false)
  })

  it('every condition has to hold too', () => {
    expect(evaluated(claims, { conditions: ['holds'] }).matched).toBe(true)
    const found = evaluated(claims, { conditions: ['holds', 'fails'] })
    expect(found).toMatchObject({
      matched: false,
      conditions: [
        { expression: 'holds', ok: true },
        { expression: 'fails', ok: false, detail: 'it is false' },
      ],
    })
  })

  it('names every line, what was expected and what there was', () => {
    expect(evaluated({ ...claims, ref: undefined, repository_id: '1' }).claims).toEqual([
      { claim: 'iss', expected: base.issuer, actual: base.issuer, ok: true },
      { claim: 'aud', expected: base.audience, actual: base.audience, ok: true },
      { claim: 'repository_id', expected: '4711', actual: '1', ok: false },
      { claim: 'ref', expected: 'refs/heads/main', actual: undefined, ok: false },
    ])
  })

  it('matches only what a plain comparison of every claim does', () => {
    const value = fc.constantFrom<unknown>('4711', 4711, '1', 1, true, 'true', null, ['4711'], {})
    fc.assert(
      fc.property(
        fc.record({ repository_id: value, ref: value, iss: value, aud: value }),
        fc.constantFrom('4711', '1', 'true'),
        fc.constantFrom('4711', '1', 'true'),
        (given, id, ref) => {
          const trust = { issuer: '1', audience: '1', claims: { repository_id: [id], ref: [ref] } }
          const plain = (actual: unknown): string =>
            typeof actual === 'object' ? 'never' : `${actual as string | number | boolean}`
          const expected =
            plain(given.repository_id) === id &&
            plain(given.ref) === ref &&
            plain(given.iss) === '1' &&
            plain(given.aud) === '1'
          expect(evaluated(given, trust).matched).toBe(expected)
        },
      ),
    )
  })
})

describe('a trust as it is written', () => {
  const lint = (change: Partial<Trust>) => lintTrust({ ...base, ...change }, client, conditions)

  it('has nothing against it where it is sound', () => {
    expect(lint({})).toEqual({ refused: [], warned: [] })
  })

  it.for<[string, Partial<Trust>, RegExp]>([
    ['no immutable id', { claims: { repository: ['o/r'] } }, /never changes hands/],
    ['no claim at all', { claims: {} }, /never changes hands/],
    ['an id without values', { claims: { repository_id: [] } }, /allows no value/],
    [
      'a claim there is not',
      { claims: { repository_id: ['1'], repo: ['x'] } },
      /never has a claim/,
    ],
    ['a pattern', { claims: { repository_id: ['1'], ref: ['refs/*'] } }, /compared exactly/],
    ['a blank', { claims: { repository_id: [' 1'] } }, /compared exactly/],
    ['a name for an id', { claims: { repository_id: ['o/r'] } }, /never o\/r/],
    ['a claim of its own', { claims: { repository_id: ['1'], aud: ['x'] } }, /checked by itself/],
    ['no scope', { scopes: [] }, /no scope/],
    ['a scope beyond the client', { scopes: ['admin:keys:write'] }, /may not ask/],
    ['a wider scope', { scopes: ['*'] }, /may not ask/],
    ['a faulty condition', { conditions: ['faulty'] }, /it is faulty/],
    ['an issuer that is no URL', { issuer: 'x' }, /no https URL/],
    ['an issuer with a password', { issuer: 'https://a:b@x' }, /no https URL/],
    ['plain http', { issuer: 'http://ci.example' }, /not https/],
    ['keys over plain http', { jwksUri: 'http://ci.example/jwks' }, /not https/],
  ])('%s is refused', ([, change, fault]) => {
    expect(lint(change).refused.join('\n')).toMatch(fault)
  })

  it('plain http is for whoever allows private addresses, or pins the keys', () => {
    expect(lint({ issuer: 'http://127.0.0.1:1', allowsPrivate: true }).refused).toEqual([])
    expect(lint({ issuer: 'http://ci.example', jwks: { keys: [] } }).refused).toEqual([])
  })

  it.for<[string, Partial<Trust>, RegExp]>([
    ['only one claim', { claims: { repository_id: ['1'] } }, /any branch/],
    [
      'the project of a fork',
      { form: 'gitlab', claims: { project_id: ['1'], ref: ['main'] } },
      /job_project_id/,
    ],
  ])('%s is warned of', ([, change, warning]) => {
    const found = lint(change)
    expect(found.refused).toEqual([])
    expect(found.warned.join('\n')).toMatch(warning)
  })

  it('a condition narrows as a second claim does', () => {
    expect(lint({ claims: { repository_id: ['1'] }, conditions: ['holds'] }).warned).toEqual([])
  })

  it('claims of which the vendor makes any number are known', () => {
    const claims_ = { repository_id: ['1'], repo_property_tier: ['a'] }
    expect(lint({ claims: claims_ }).refused).toEqual([])
  })

  it('an issuer of anybody binds its subject', () => {
    expect(lint({ form: 'oidc', claims: { sub: ['x'], whatever: ['y'] } })).toEqual({
      refused: [],
      warned: [],
    })
  })
})
