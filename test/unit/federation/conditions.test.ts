import { describe, expect, it } from 'vitest'
import type { ConditionVariables } from '#domain/trust/conditions.ts'
import { createConditions } from '#federation/conditions.ts'

const conditions = createConditions()
const variables: ConditionVariables = {
  trust: {
    issuer: 'https://ci.example',
    claims: { ref_protected: 'true', n: 5, flag: true, groups: ['a', 'b'] },
  },
  client: { id: 'deploy-bot', tier: 'high', tags: { team: 'x' } },
  subject: 'deploy-bot',
  scopes: ['deploy:prod'],
  audience: ['https://api.example'],
  ttl: 600,
  now: Date.UTC(2026, 10, 24, 12),
}
const outcome = (expression: string, given = variables): string => {
  const result = conditions.evaluate(expression, given)
  return result.holds ? 'holds' : result.detail
}

describe('a condition', () => {
  it.for([
    ['trust.claims.ref_protected == "true"', 'holds'],
    ['trust.claims.ref_protected == "false"', 'it is false'],
    ['trust.claims.n == 5', 'holds'],
    ['trust.claims.flag', 'holds'],
    ['"a" in trust.claims.groups', 'holds'],
    ['client.tier == "high" && client.tags.team == "x"', 'holds'],
    ['scopes.all(s, s.startsWith("deploy:"))', 'holds'],
    ['ttl <= 600', 'holds'],
    ['ttl < 600', 'it is false'],
    ['now < timestamp("2026-11-24T13:00:00Z")', 'holds'],
    ['now < timestamp("2026-11-24T11:00:00Z")', 'it is false'],
    ['now.getHours() == 12', 'holds'],
    ['has(trust.claims.absent)', 'it is false'],
    // Errors refuse, and say which.
    ['trust.claims.absent == "x"', 'No such key: absent'],
    ['trust.claims.absent != "x"', 'No such key: absent'],
    ['unknown == 1', 'Unknown variable: unknown'],
    ['trust.__proto__ == 1', 'No such key: __proto__'],
    // Only true itself holds.
    ['trust.claims.ref_protected', 'it is not true or false'],
    ['trust.claims.n', 'it is not true or false'],
    ['trust.claims.groups', 'it is not true or false'],
  ] as const)('%s: %s', ([expression, expected]) => {
    expect(outcome(expression)).toBe(expected)
  })

  it.for([
    ['1', 'it is a int, and only true can hold'],
    ['"true"', 'it is a string, and only true can hold'],
    ['trust.claims.a.matches("^(a+)+$")', /matches\(\) is not allowed/],
    ['matches("a", "b")', /matches\(\) is not allowed|overload/],
    ['[1].all(a, [1].all(b, [1].all(c, true)))', /loops in one another/],
    [`"${'x'.repeat(2000)}" == ""`, /longer than/],
    ['subject ==', /./],
    ['foo', /Unknown variable/],
    ['(((((((((((((((((((true)))))))))))))))))))'.replaceAll('(', '!('), /./],
  ] as const)('%s is faulty where it is written: %s', ([expression, fault]) => {
    expect(conditions.faultOf(expression)).toMatch(fault)
    expect(outcome(expression)).not.toBe('holds')
  })

  it('is sound where it may hold', () => {
    expect(conditions.faultOf('trust.claims.ref_protected == "true"')).toBeUndefined()
    expect(conditions.faultOf('[1].all(a, [1].all(b, true))')).toBeUndefined()
  })

  it('does not go through a list of any length', () => {
    const claims = { groups: Array.from({ length: 1001 }, () => 'a') }
    const given = { ...variables, trust: { ...variables.trust, claims } }
    expect(outcome('true', given)).toMatch(/more than 1000/)
  })
})
