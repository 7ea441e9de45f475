import { duration, file, many, oneOf, text, toggle } from '#cli/flags.ts'
import { readInput } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { trustModes } from '#contract/words.ts'
import { refuse } from '#kernel/problem.ts'

/** What `create` and `update` share. */
export const trustFlags = {
  claim: many('A claim that must be exactly this, as NAME=VALUE; one name again is “or”', {
    placeholder: 'NAME=VALUE',
    whole: true,
  }),
  when: many('A condition in CEL that must hold too', { placeholder: 'CEL', whole: true }),
  scope: many('A scope or pattern that may be asked for', { placeholder: 'SCOPE' }),
  issuer: text('The issuer of the identity tokens, as in `iss`', { placeholder: 'URL' }),
  audience: text('What `aud` must be; the issuer of this authority unless given', {
    placeholder: 'AUDIENCE',
  }),
  ttlMax: duration('The longest that a token may live'),
  mode: oneOf(trustModes, 'audit gives nothing and records what it would have given'),
  jwks: file('The issuer’s keys (JWK Set), pinned; - for stdin'),
  jwksUri: text('Where the issuer’s keys are, if its metadata does not say', {
    placeholder: 'URL',
  }),
  allowPrivate: toggle('The issuer may be at a private address'),
}

interface Given {
  readonly claim: readonly string[]
  readonly when: readonly string[]
  readonly scope: readonly string[]
  readonly issuer: string | undefined
  readonly audience: string | undefined
  readonly ttlMax: number | undefined
  readonly mode: (typeof trustModes)[number] | undefined
  readonly jwks: string | undefined
  readonly jwksUri: string | undefined
  readonly allowPrivate: boolean
}

/** What was given, as the contract has it; what was not is left out. */
export async function trustOf(kit: Kit, given: Given) {
  const { claim, when, scope, issuer, audience, ttlMax, mode, jwks, jwksUri, allowPrivate } = given
  return {
    ...(claim.length === 0 ? {} : { claims: claimsOf(claim) }),
    ...(when.length === 0 ? {} : { conditions: [...when] }),
    ...(scope.length === 0 ? {} : { scopes: [...scope] }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
    ...(ttlMax === undefined ? {} : { ttlSecondsMax: ttlMax }),
    ...(mode === undefined ? {} : { mode }),
    ...(jwks === undefined ? {} : { jwks: await readKeySet(kit, jwks) }),
    ...(jwksUri === undefined ? {} : { jwksUri }),
    ...(allowPrivate ? { allowsPrivate: true } : {}),
  }
}

function claimsOf(pairs: readonly string[]): Record<string, string[]> {
  const claims = new Map<string, string[]>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at <= 0) {
      refuse('usage-invalid', '--claim takes NAME=VALUE', {
        next: 'for example --claim repository_id=4711 --claim ref=refs/heads/main',
      })
    }
    const name = pair.slice(0, at)
    claims.set(name, [...(claims.get(name) ?? []), pair.slice(at + 1)])
  }
  return Object.fromEntries(claims)
}

async function readKeySet(kit: Kit, path: string): Promise<{ keys: Record<string, unknown>[] }> {
  const given = await readInput(kit, path)
  try {
    const value = JSON.parse(given) as { readonly keys?: unknown } | null
    if (Array.isArray(value?.keys)) return { keys: value.keys as Record<string, unknown>[] }
  } catch {
    // Said below, without a word of what was in the file.
  }
  return refuse('request-invalid', '--jwks: that is no JWK Set in JSON (RFC 7517 §5)', {
    next: 'for example: curl https://token.actions.githubusercontent.com/.well-known/jwks',
  })
}
