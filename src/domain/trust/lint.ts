import type { Client } from '#domain/client/client.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import type { Conditions } from './conditions.ts'
import { type FormFacts, formFacts, isKnownClaim } from './forms.ts'
import type { Trust } from './trust.ts'

/** What is wrong with a trust as it is written: `refused` may not be stored, `warned` should be read. */
export interface TrustLint {
  readonly refused: readonly string[]
  readonly warned: readonly string[]
}

/**
 * Looks at a trust before it is stored: one that can never match would be found out by a deploy that
 * fails at night, and one that binds nothing lasting by a stranger.
 */
export function lintTrust(
  trust: Omit<Trust, 'createdAt' | 'updatedAt'>,
  client: Client,
  conditions: Conditions,
): TrustLint {
  const facts = formFacts[trust.form]
  return {
    refused: [
      ...neverMatches(trust, facts),
      ...unbound(trust, facts),
      ...excessScopes(trust, client),
      ...faultyConditions(trust, conditions),
      ...unsafeIssuer(trust),
    ],
    warned: misleading(trust, facts),
  }
}

type Written = Omit<Trust, 'createdAt' | 'updatedAt'>

const OWN = ['iss', 'aud', 'exp', 'nbf', 'iat', 'jti']

function neverMatches({ form, claims }: Written, facts: FormFacts): string[] {
  const faults: string[] = []
  for (const [claim, values] of Object.entries(claims)) {
    if (OWN.includes(claim)) {
      faults.push(`claim ${claim} is checked by itself and is not matched here`)
    } else if (!isKnownClaim(facts, claim)) {
      faults.push(`a token of ${form} never has a claim ${claim}, so nothing would ever match`)
    }
    if (values.length === 0) faults.push(`claim ${claim} allows no value, so nothing would match`)
    for (const value of values) {
      if (value.includes('*')) {
        faults.push(
          `claim ${claim} is compared exactly, so ${value} matches nothing; for patterns use a condition`,
        )
      } else if (value === '' || value !== value.trim()) {
        faults.push(
          `claim ${claim} is compared exactly, and no issuer writes ${JSON.stringify(value)}`,
        )
      } else if (claim.endsWith('_id') && facts.immutable.includes(claim) && isPath(value)) {
        faults.push(`claim ${claim} is an id and never ${value}, which is a name`)
      }
    }
  }
  return faults
}

const isPath = (value: string): boolean => value.includes('/')

/** At least one thing that a stranger cannot come to have. */
function unbound({ form, claims }: Written, { immutable }: FormFacts): string[] {
  const bound = immutable.some((claim) => (claims[claim]?.length ?? 0) !== 0)
  if (bound) return []
  return [
    `it binds no id that never changes hands, so a stranger who takes over a name would get in; bind ${immutable.join(', ')} (${form})`,
  ]
}

/** A trust hands out what its client may have, and no more. */
function excessScopes({ scopes }: Written, client: Client): string[] {
  if (scopes.length === 0) return ['it gives no scope, so nobody could ask for anything']
  return scopes
    .filter((scope) => !client.scopes.some((allowed) => matchesPattern(allowed, scope)))
    .map((scope) => `client ${client.id} may not ask for scope ${scope}`)
}

const faultyConditions = ({ conditions: written }: Written, conditions: Conditions): string[] =>
  written.flatMap((expression) => {
    const fault = conditions.faultOf(expression)
    return fault === undefined ? [] : [`condition \`${expression}\`: ${fault}`]
  })

function unsafeIssuer({ issuer, jwks, jwksUri, allowsPrivate }: Written): string[] {
  const faults: string[] = []
  for (const [name, url] of Object.entries({ issuer, jwksUri })) {
    if (url === undefined) continue
    const parsed = URL.parse(url)
    if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== '') {
      faults.push(`${name} ${url} is no https URL`)
    } else if (parsed.protocol === 'http:' && !allowsPrivate && jwks === undefined) {
      faults.push(`${name} ${url} is not https, so anybody on the way could give other keys`)
    }
  }
  return faults
}

function misleading({ claims, conditions }: Written, facts: FormFacts): string[] {
  const bound = Object.keys(claims)
  const safer = facts.immutable.some((one) => bound.includes(one) && !(one in facts.misleading))
  const warned = bound
    .filter((claim) => Object.hasOwn(facts.misleading, claim) && !safer)
    .map((claim) => `claim ${claim}: ${facts.misleading[claim]}`)
  if (bound.length === 1 && conditions.length === 0) {
    warned.push(
      `only ${bound[0]} is bound, so every job there gets in: any branch, any pull request; bind ref or environment too`,
    )
  }
  return warned
}
