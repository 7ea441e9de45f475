import type { Client } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { lifetime, type Lifetime, type Policy, renewalSecondsMax } from '#domain/policy/policy.ts'
import { matchesPattern } from '#domain/revocation/pattern.ts'
import type { Trust } from '#domain/trust/trust.ts'
import { type Instant, toSeconds } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { IssueRequest } from './issue.ts'

/** What a renewal is decided by, all of it as it is now. */
export interface RenewalGround {
  readonly client: Client
  /** Under which it was exchanged, where it was; gone, its tokens are revoked, and nothing derives. */
  readonly trust?: Trust | undefined
  readonly policy: Policy
  readonly issuer: string
  readonly now: Instant
  /** Whether the client has proved who it is, with credentials of its own. */
  readonly isProven: boolean
}

/** What a token is renewed to: never more than it is, and never more than its client may be given now. */
export interface Renewal extends Lifetime {
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
}

/**
 * Decides what a live token is exchanged for (RFC 8693). Left out, scopes and audiences are those of the
 * token that its client, and its trust, still have. Refusals: `scope-refused`, `audience-refused`;
 * `subject-refused` where nothing may derive from its sign-in any more.
 */
export function decideRenewal(
  parent: Credential,
  asked: Omit<IssueRequest, 'subject'>,
  ground: RenewalGround,
): Renewal {
  return {
    scopes: scopesOf(parent, asked.scopes, ground),
    audience: audienceOf(parent, asked.audience, ground),
    ...lifetimeOf(parent, asked.ttlSeconds, ground),
  }
}

function scopesOf(
  { scopes: carried }: Credential,
  asked: readonly string[] | undefined,
  { client, trust }: RenewalGround,
): readonly string[] {
  const isHeld = (scope: string): boolean =>
    [client.scopes, trust?.scopes].every(
      (held) => held === undefined || held.some((pattern) => matchesPattern(pattern, scope)),
    )
  const named = asked?.flatMap((wanted) => {
    // A token carries no patterns, so one stands for those of its scopes that it matches.
    const found = carried.filter((scope) => matchesPattern(wanted, scope))
    return 0 < found.length ? found : refuseScopes(client, [wanted])
  })
  if (named === undefined) {
    const kept = carried.filter(isHeld)
    return 0 < kept.length || carried.length === 0 ? kept : refuseScopes(client, carried)
  }
  const refused = named.filter((scope) => !isHeld(scope))
  return refused.length === 0 ? [...new Set(named)] : refuseScopes(client, refused)
}

const refuseScopes = (client: Client, refused: readonly string[]): never =>
  refuse(
    'scope-refused',
    `a token is renewed to what it carries, and what client ${client.id} may still ask for; not ${refused.join(', ')}`,
    {
      next: 'ask for fewer scopes, or issue a token: credctl token issue',
      facts: { clientId: client.id, refused, allowed: client.scopes },
    },
  )

function audienceOf(
  { audience: carried }: Credential,
  asked: readonly string[] | undefined,
  { client, issuer }: RenewalGround,
): readonly string[] {
  const isHeld = (audience: string): boolean =>
    audience === issuer || client.audiences.includes(audience)
  const wanted = [...new Set(asked ?? carried.filter(isHeld))]
  const refused = wanted.filter((one) => !carried.includes(one) || !isHeld(one))
  if (refused.length === 0 && 0 < wanted.length) return wanted
  return refuse(
    'audience-refused',
    `a token is renewed for servers that it is for, and that client ${client.id} is still registered for`,
    {
      next: `credctl client show ${client.id}`,
      facts: { clientId: client.id, refused, allowed: carried.filter(isHeld) },
    },
  )
}

/** The most of what its tier allows, its trust allows, and is left of the time since its sign-in. */
function lifetimeOf(
  parent: Credential,
  askedSeconds: number | undefined,
  { client, trust, policy, now, isProven }: RenewalGround,
): Lifetime {
  // Whoever proves to be the client it is for has signed in anew; nobody else's sign-in is proved by it.
  const isOwn = parent.subject === client.id && parent.trustId === undefined
  const endSeconds =
    toSeconds(parent.rootIssuedAt) + renewalSecondsMax(policy, { isSignedIn: isProven && isOwn })
  const leftSeconds = endSeconds - toSeconds(now)
  if (leftSeconds <= 0) {
    refuse('subject-refused', 'what derives from its sign-in has had all the time it may have', {
      next: 'get a new token: credctl token issue',
      facts: { credentialId: parent.id, because: 'its absolute lifetime is over' },
    })
  }
  const most = Math.min(leftSeconds, trust?.ttlSecondsMax ?? Infinity)
  const { ttlSeconds, clampedFromSeconds } = lifetime(policy, client.tier, askedSeconds)
  if (ttlSeconds <= most) {
    return clampedFromSeconds === undefined ? { ttlSeconds } : { ttlSeconds, clampedFromSeconds }
  }
  return askedSeconds === undefined
    ? { ttlSeconds: most }
    : { ttlSeconds: most, clampedFromSeconds: askedSeconds }
}
