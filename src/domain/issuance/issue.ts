import { adminScopes, isAdministrative } from '#domain/client/admin-scopes.ts'
import type { Client } from '#domain/client/client.ts'
import { lifetime, type Lifetime, type Policy } from '#domain/policy/policy.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import { refuse } from '#kernel/problem.ts'

/** What is asked for; what is left out is the client's default. */
export interface IssueRequest {
  readonly scopes?: readonly string[] | undefined
  readonly audience?: readonly string[] | undefined
  readonly subject?: string | undefined
  readonly ttlSeconds?: number | undefined
}

/** What is granted: always concrete, and never more than the client's registration says. */
export interface Grant extends Lifetime {
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  readonly subject: string
}

/** The scopes a caller holds itself; the local administrator may hand out everything. */
export type Held = 'all' | readonly string[]

/**
 * Decides what a client gets (RFC 6749 §3.3: the authority may grant less than was asked for, and
 * says so). Refusals: `client-disabled`, `scope-refused`, `audience-refused`, `policy-denied`.
 */
export function decideIssue(
  client: Client,
  request: IssueRequest,
  { policy, issuer, held }: { policy: Policy; issuer: string; held: Held },
): Grant {
  if (client.state === 'disabled') {
    refuse('client-disabled', `client ${client.id} is disabled, so nothing is issued to it`, {
      next: `credctl client enable ${client.id}`,
      facts: { clientId: client.id },
    })
  }
  refuseBreakGlass(client.id, policy, held)
  const scopes = grantedScopes(client, request.scopes)
  refuseEscalation(scopes, held)
  return {
    scopes,
    audience: grantedAudience(client, request.audience, issuer),
    subject: request.subject ?? client.id,
    ...lifetime(policy, client.tier, request.ttlSeconds),
  }
}

function grantedScopes(client: Client, asked: readonly string[] = client.scopes): string[] {
  const granted = new Set<string>()
  for (const scope of asked) {
    const concrete = scope.includes('*') ? expand(client, scope) : [scope]
    for (const one of concrete) {
      if (!client.scopes.some((allowed) => matchesPattern(allowed, one))) refuseScope(client, one)
      granted.add(one)
    }
    if (concrete.length === 0) refusePattern(client, scope)
  }
  return [...granted]
}

/** A token never carries a `*`, so a pattern stands for the scopes known by name that it matches. */
function expand(client: Client, pattern: string): string[] {
  const named = client.scopes.filter((scope) => !scope.includes('*'))
  return [...new Set([...named, ...adminScopes])].filter(
    (scope) =>
      matchesPattern(pattern, scope) &&
      client.scopes.some((allowed) => matchesPattern(allowed, scope)),
  )
}

const refuseScope = (client: Client, scope: string): never =>
  refuse('scope-refused', `client ${client.id} may not ask for scope ${scope}`, {
    next: `credctl client update ${client.id} --add-scope ${scope}`,
    facts: { clientId: client.id, refused: scope, allowed: client.scopes },
  })

const refusePattern = (client: Client, pattern: string): never =>
  refuse(
    'scope-refused',
    `a token carries no patterns, and no scope known by name of client ${client.id} matches ${pattern}`,
    {
      next: `name the scopes: credctl token issue --client ${client.id} --scope ${pattern.replace('*', 'NAME')}`,
      facts: { clientId: client.id, refused: pattern, allowed: client.scopes },
    },
  )

/**
 * What an `--all` spares is for the administrator of the machine alone: whoever else could use it
 * would outlive every revocation of all.
 */
export function refuseBreakGlass(clientId: string, policy: Policy, held: Held): void {
  if (held === 'all' || !policy.revocation.breakGlassClients.includes(clientId)) return
  refuse('policy-denied', `client ${clientId} is kept for emergencies on the machine itself`, {
    next: 'ask an administrator on the machine of the authority',
    facts: { clientId },
  })
}

/** Nobody hands out more power over the authority than they hold themselves. */
export function refuseEscalation(scopes: readonly string[], held: Held): void {
  if (held === 'all') return
  const missing = scopes.filter((scope) => isAdministrative(scope) && !held.includes(scope))
  if (missing.length === 0) return
  refuse(
    'policy-denied',
    `your own token does not carry ${missing.join(', ')}, so you may not hand it out`,
    {
      next: 'ask an administrator on the machine of the authority',
      facts: { missing },
    },
  )
}

function grantedAudience(
  client: Client,
  asked: readonly string[] | undefined,
  issuer: string,
): readonly string[] {
  if (asked === undefined) return [client.audiences[0] ?? issuer]
  const refused = asked.filter(
    (audience) => audience !== issuer && !client.audiences.includes(audience),
  )
  if (0 < refused.length) {
    refuse(
      'audience-refused',
      `client ${client.id} is not registered for audience ${refused.join(', ')}`,
      {
        next: `credctl client update ${client.id} --add-audience ${refused[0]}`,
        facts: { clientId: client.id, refused, allowed: client.audiences },
      },
    )
  }
  return [...new Set(asked)]
}
