import type { Tier } from '#domain/client/client.ts'

/** The rules that only restrict. Until the policy document comes, this typed object decides. */
export interface Policy {
  readonly version: number
  readonly defaults: {
    readonly ttlSeconds: number
    readonly ttlSecondsMax: number
    readonly leewaySeconds: number
    readonly staleness: 'strict' | 'standard' | 'relaxed'
    readonly graceSecondsMax: number
  }
  /** Of each class: how old the newest head may be that a verifier still decides by. */
  readonly stalenessSeconds: Readonly<Record<'strict' | 'standard' | 'relaxed', number>>
  readonly feed: {
    /** A signed head is issued at least this often while someone listens. */
    readonly heartbeatMs: number
    /** This many entries at least can be fetched one by one; older ones only as a snapshot. */
    readonly entriesKept: number
    /** Live leases of one verifier credential at a time. */
    readonly leasesPerCredentialMax: number
  }
  readonly statusLists: {
    /** For so long a status list may be used: what is revoked since is not known by it. */
    readonly ttlSeconds: number
    /** How many credentials share a list; the more, the less a look-up tells of one. */
    readonly size: number
  }
  readonly tiers: Readonly<
    Record<Tier, { readonly ttlSecondsMax: number; readonly retentionSeconds: number }>
  >
  readonly revocation: {
    /** More credentials than this and a responder must type what is to be revoked. */
    readonly confirmAbove: number
    /** Spared from `--all`, so that someone can still repair what an `--all` broke. */
    readonly breakGlassClients: readonly string[]
  }
  readonly renewal: {
    /** From its sign-in on: nothing that derives from it lives longer. */
    readonly absoluteSeconds: number
    /** Until then a token is renewed by who holds it; from then on its client has to prove itself too. */
    readonly reauthenticateSeconds: number
  }
  readonly limits: {
    readonly issue: {
      /** Of one client, counted only once it has authenticated: nobody can use up another's. */
      readonly perClient: Rate
    }
    readonly oauth: {
      /** Requests from one address to all OAuth endpoints together. */
      readonly perAddress: Rate
      /** Failed authentications from one address; above it the address waits, whatever it sends. */
      readonly failuresPerAddress: Rate
    }
  }
  readonly clientAuthentication: {
    /** How far ahead a client assertion may expire. */
    readonly assertionSecondsMax: number
    /** How far a client's clock may be off. */
    readonly leewaySeconds: number
    /** For how long two secrets of a client may be good at the same time. */
    readonly secretOverlapSecondsMax: number
  }
}

/** A token bucket: this many a second, and this many at once after a pause. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

const HOUR = 3600
const DAY = 24 * HOUR

export const defaultPolicy: Policy = {
  version: 1,
  defaults: {
    ttlSeconds: 600,
    ttlSecondsMax: HOUR,
    leewaySeconds: 2,
    staleness: 'standard',
    graceSecondsMax: 30,
  },
  stalenessSeconds: { strict: 10, standard: 30, relaxed: 300 },
  feed: { heartbeatMs: 1000, entriesKept: 10_000, leasesPerCredentialMax: 10_000 },
  statusLists: { ttlSeconds: 60, size: 2 ** 20 },
  tiers: {
    low: { ttlSecondsMax: 900, retentionSeconds: 7 * DAY },
    standard: { ttlSecondsMax: HOUR, retentionSeconds: 30 * DAY },
    high: { ttlSecondsMax: HOUR, retentionSeconds: 365 * DAY },
  },
  revocation: { confirmAbove: 1000, breakGlassClients: ['break-glass'] },
  renewal: { absoluteSeconds: 30 * DAY, reauthenticateSeconds: DAY },
  limits: {
    issue: { perClient: { perSecond: 100, burst: 200 } },
    oauth: {
      perAddress: { perSecond: 1000, burst: 2000 },
      failuresPerAddress: { perSecond: 1, burst: 60 },
    },
  },
  clientAuthentication: {
    assertionSecondsMax: 300,
    leewaySeconds: 30,
    secretOverlapSecondsMax: 30 * DAY,
  },
}

export interface Lifetime {
  readonly ttlSeconds: number
  /** What was asked for, where it was more than policy allows. */
  readonly clampedFromSeconds?: number
}

/** The lifetime a request gets: what it asked for, the default, or the most its tier allows. */
export function lifetime(policy: Policy, tier: Tier, askedSeconds: number | undefined): Lifetime {
  const most = ttlSecondsMax(policy, tier)
  if (askedSeconds === undefined) return { ttlSeconds: Math.min(policy.defaults.ttlSeconds, most) }
  if (askedSeconds <= most) return { ttlSeconds: askedSeconds }
  return { ttlSeconds: most, clampedFromSeconds: askedSeconds }
}

/**
 * For how long after its sign-in a token may derive from another. Never for longer than the shortest that
 * a record is kept: a token is revoked with what derives from it, and that has to be on record.
 */
export const renewalSecondsMax = (
  { renewal, tiers }: Policy,
  { isSignedIn }: { readonly isSignedIn: boolean },
): number =>
  Math.min(
    renewal.absoluteSeconds,
    isSignedIn ? Infinity : renewal.reauthenticateSeconds,
    ...Object.values(tiers).map(({ retentionSeconds }) => retentionSeconds),
  )

const ttlSecondsMax = (policy: Policy, tier: Tier): number =>
  Math.min(policy.defaults.ttlSecondsMax, policy.tiers[tier].ttlSecondsMax)

/** The longest lifetime that any token may be given now; the feed's `maxTtl`. */
export const maxTtlSeconds = (policy: Policy): number =>
  Math.max(...(['low', 'standard', 'high'] as const).map((tier) => ttlSecondsMax(policy, tier)))

/** Seconds by mode, as heads tell them: `relaxed` takes effect only where policy's default is relaxed. */
export const stalenessLimits = ({
  defaults,
  stalenessSeconds,
}: Policy): Readonly<Record<'strict' | 'standard' | 'relaxed', number>> => {
  const most = stalenessSeconds[defaults.staleness]
  return {
    strict: Math.min(stalenessSeconds.strict, most),
    standard: Math.min(stalenessSeconds.standard, most),
    relaxed: Math.min(stalenessSeconds.relaxed, most),
  }
}
