import { z } from 'zod'
import { reaches, reasons, revocationStates } from '#domain/revocation/revocation.ts'
import {
  Id,
  IdParams,
  NoBody,
  NoParams,
  NoQuery,
  pageOf,
  PageQuery,
  ScopePattern,
  Tags,
  Time,
  TimeInput,
} from '#contract/common.ts'
import { SELECTOR_PATTERNS_MAX, SELECTOR_VALUES_MAX } from '#contract/limits.ts'
import { lazy, route } from '#contract/route.ts'

const Values = lazy(() => z.array(Id).max(SELECTOR_VALUES_MAX))
const LongValues = lazy(() => z.array(z.string().min(1).max(512)).max(SELECTOR_VALUES_MAX))

export const Selector = lazy(() =>
  z
    .object({
      tokens: z.array(z.string()),
      /** Of a list too long for one answer: how many tokens it names; `tokens` is empty then. */
      tokenCount: z.number().int().optional(),
      clients: z.array(z.string()),
      subjects: z.array(z.string()),
      sessions: z.array(z.string()),
      scopes: z.array(z.string()),
      audiences: z.array(z.string()),
      keys: z.array(z.string()),
      trusts: z.array(z.string()),
      tags: z.record(z.string(), z.string()),
      issuedAfter: Time.optional(),
      issuedBefore: Time.optional(),
      all: z.literal(true).optional(),
    })
    .meta({ id: 'Selector' }),
)
export const SelectorInput = lazy(() =>
  z.strictObject({
    tokens: Values().default([]),
    clients: Values().default([]),
    subjects: LongValues().default([]),
    sessions: Values().default([]),
    scopes: z.array(ScopePattern).max(SELECTOR_PATTERNS_MAX).default([]),
    audiences: LongValues().default([]),
    keys: Values().default([]),
    trusts: Values().default([]),
    tags: Tags.default({}),
    issuedAfter: TimeInput.optional(),
    issuedBefore: TimeInput.optional(),
    all: z.literal(true).optional(),
  }),
)
export const Exceptions = lazy(() =>
  z
    .object({
      tokens: z.array(z.string()),
      clients: z.array(z.string()),
      subjects: z.array(z.string()),
      sessions: z.array(z.string()),
    })
    .meta({ id: 'Exceptions' }),
)
const ExceptionsInput = lazy(() =>
  z.strictObject({
    tokens: Values().default([]),
    clients: Values().default([]),
    subjects: LongValues().default([]),
    sessions: Values().default([]),
  }),
)
const Counts = lazy(() => z.record(z.string(), z.number().int()))
export const Matched = lazy(() =>
  z
    .object({
      /** `false`: nobody counted, and the figures say nothing. Absent: they are exact. */
      counted: z.literal(false).optional(),
      credentials: z.number().int(),
      byClient: Counts(),
      byScope: Counts(),
      byAudience: Counts(),
    })
    .meta({ id: 'Matched' }),
)

export const Revocation = lazy(() =>
  z
    .object({
      id: z.string(),
      position: z.number().int(),
      selector: Selector(),
      exceptions: Exceptions(),
      cut: z.number().int().nullable(),
      reach: z.enum(reaches),
      reason: z.enum(reasons),
      message: z.string().optional(),
      graceSeconds: z.number().int(),
      blocks: z.boolean(),
      final: z.boolean(),
      publishedAt: Time,
      enforcedAt: Time.optional(),
      enforcedBy: Time.optional(),
      liftedAt: Time.optional(),
      expiresAt: Time.optional(),
      state: z.enum(revocationStates),
      matched: Matched(),
      actor: z.string(),
      incidentId: z.string().optional(),
    })
    .meta({ id: 'Revocation' }),
)

export const itemResults = ['revoked', 'already-revoked', 'not-found', 'spared', 'failed'] as const
export const RevocationItem = lazy(() =>
  z.object({
    target: z.string(),
    result: z.enum(itemResults),
    detail: z.string().optional(),
  }),
)

/**
 * Of more than 10,000 values that were named, `items` has only those that were not simply revoked, and
 * this says how many had each result.
 */
const ItemCounts = lazy(() =>
  z.object({
    revoked: z.number().int(),
    'already-revoked': z.number().int(),
    'not-found': z.number().int(),
    spared: z.number().int(),
    failed: z.number().int(),
  }),
)

/** Shown to whoever is denied, so: printable ASCII, and short. */
const Message = lazy(() =>
  z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\x20-\x7e]+$/, 'a message holds at most 200 printable ASCII characters'),
)

const request = lazy(() => ({
  selector: SelectorInput(),
  exceptions: ExceptionsInput().default({ tokens: [], clients: [], subjects: [], sessions: [] }),
  reason: z.enum(reasons),
  reach: z.enum(reaches).default('sessions'),
  message: Message().optional(),
  graceSeconds: z.number().int().min(0).default(0),
  /** Left out: on for `compromise`, off otherwise. */
  block: z.boolean().optional(),
  expiresAt: TimeInput.optional(),
  final: z.boolean().default(false),
  incidentId: Id.optional(),
  /**
   * `false`: nobody waits for a count, which makes it severe, and concerns every known audience.
   */
  count: z.boolean().default(true),
  /** An exact list drawn up before by `appendSelection`, in the place of `selector.tokens`. */
  selectionId: Id.optional(),
}))

export const Plan = lazy(() =>
  z
    .object({
      hash: z.string(),
      position: z.number().int(),
      policyVersion: z.number().int(),
      selector: Selector(),
      exceptions: Exceptions(),
      reach: z.enum(reaches),
      reason: z.enum(reasons),
      message: z.string().optional(),
      graceSeconds: z.number().int(),
      blocks: z.boolean(),
      final: z.boolean(),
      expiresAt: Time.optional(),
      incidentId: z.string().optional(),
      selectionId: z.string().optional(),
      /** Absent where nobody counted. */
      matched: Matched().optional(),
      /** What a responder types to confirm a severe revocation: the selector's canonical form. */
      phrase: z.string(),
      /** Whether it is so large, or so general, that the phrase must be typed. */
      severe: z.boolean(),
      warnings: z.array(z.string()),
      items: z.array(RevocationItem()),
      itemCounts: ItemCounts().optional(),
    })
    .meta({ id: 'Plan' }),
)

/** Where the enforcement of a revocation stands: computed from what is on record, at one instant. */
export const Enforcement = lazy(() =>
  z
    .object({
      revocationId: z.string(),
      state: z.enum(revocationStates),
      position: z.number().int(),
      publishedAt: Time,
      /** Authority time of this answer. */
      at: Time,
      /** From when on enforcement is certain even if nobody is heard of again; grace included. */
      certainBy: Time,
      enforcedAt: Time.optional(),
      graceEndsAt: Time.optional(),
      /** The roster: who was given a head below the revocation and may still have decided by it. */
      verifiers: z.object({
        total: z.number().int(),
        acknowledged: z.number().int(),
        /** Not heard of, but their lease has run out. */
        lapsed: z.number().int(),
        /** Neither yet. */
        waiting: z.number().int(),
      }),
      /** From publication to acknowledgement, milliseconds; absent while there is none. */
      acknowledgedMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }).optional(),
      /** Those of the roster that have not acknowledged, the latest lease first; 100 at most. */
      stragglers: z.array(
        z.object({
          verifierId: z.string(),
          incarnation: z.string(),
          name: z.string(),
          leaseEndsAt: Time,
          lapsed: z.boolean(),
          appliedPosition: z.number().int().optional(),
        }),
      ),
      audiences: z.array(
        z.object({
          audience: z.string(),
          verifiers: z.number().int(),
          state: z.enum(['enforced', 'waiting', 'unproven']),
          /** Of `unproven`: until the last matching token has expired. */
          until: Time.optional(),
          /** Of `unproven`: whoever honours status lists refuses from then on; nobody says who does. */
          statusListUntil: Time.optional(),
        }),
      ),
    })
    .meta({ id: 'Enforcement' }),
)

const refusals = [
  'selector-empty',
  'nothing-matched',
  'policy-denied',
  'clock-behind',
  'plan-drift',
  'selection-unknown',
] as const

export const Selection = lazy(() =>
  z
    .object({ id: z.string(), tokens: z.number().int(), createdAt: Time, expiresAt: Time })
    .meta({ id: 'Selection' }),
)

export const revocationApi = {
  planRevocation: route({
    method: 'POST',
    path: '/v1/revocations/plan',
    isRead: true,
    summary: 'Say what a revocation would hit; nothing is recorded',
    scope: 'admin:revocations:write',
    params: () => NoParams,
    query: () => NoQuery,
    body: () => z.strictObject(request()),
    reply: () => Plan(),
    refuses: refusals,
  }),
  revoke: route({
    method: 'POST',
    path: '/v1/revocations',
    summary: 'Revoke',
    scope: 'admin:revocations:write',
    params: () => NoParams,
    query: () => NoQuery,
    /**
     * With `planHash`, what was planned is what is revoked, or it is `plan-drift`; with `planned`
     * also where a client, scope or audience is hit that was not in the plan, or 10 % more
     * credentials are.
     */
    body: () =>
      z.strictObject({
        ...request(),
        planHash: z.string().max(128).optional(),
        planned: Matched().optional(),
      }),
    reply: () =>
      z.object({
        revocation: Revocation().optional(),
        items: z.array(RevocationItem()),
        itemCounts: ItemCounts().optional(),
        /** How many credentials were minted between plan and revocation, and revoked too. */
        mintedMeanwhile: z.number().int().optional(),
      }),
    refuses: refusals,
  }),
  listRevocations: route({
    method: 'GET',
    path: '/v1/revocations',
    summary: 'List revocations',
    scope: 'admin:revocations:read',
    params: () => NoParams,
    query: () =>
      z.strictObject({
        ...PageQuery,
        state: z.enum(revocationStates).optional(),
        reason: z.enum(reasons).optional(),
        actor: z.string().max(256).optional(),
      }),
    body: () => NoBody,
    reply: () => pageOf(Revocation()),
    refuses: [],
  }),
  showRevocation: route({
    method: 'GET',
    path: '/v1/revocations/:id',
    summary: 'Show a revocation',
    scope: 'admin:revocations:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Revocation(),
    refuses: ['revocation-unknown'],
  }),
  liftRevocation: route({
    method: 'POST',
    path: '/v1/revocations/:id/lift',
    summary: 'Undo a revocation; what another one matches stays dead',
    scope: 'admin:revocations:write',
    params: () => IdParams,
    query: () => NoQuery,
    /**
     * With `onlyTokens` just these are given back, and of the rest nothing changes: the revocation is
     * lifted and published anew in the same transaction, with them (and their sessions) spared.
     */
    body: () =>
      z.strictObject({
        justification: z.string().min(1).max(1000).optional(),
        onlyTokens: Values().optional(),
      }),
    /** `revived`: what is accepted again, as no other revocation matches it. */
    reply: () =>
      z.object({
        revocation: Revocation(),
        alreadyLifted: z.boolean(),
        revived: Matched(),
        /** Of a part: what is in force instead. */
        replacement: Revocation().optional(),
        /** Of a part: what became of each token named. */
        items: z
          .array(
            z.object({
              target: z.string(),
              result: z.enum(['revived', 'not-revoked-by-it', 'still-revoked', 'not-found']),
              detail: z.string().optional(),
            }),
          )
          .optional(),
      }),
    refuses: ['revocation-unknown', 'revocation-final', 'revocation-lifted', 'nothing-matched'],
  }),
  unblockRevocation: route({
    method: 'POST',
    path: '/v1/revocations/:id/unblock',
    summary: 'End a block; what is dead stays dead',
    scope: 'admin:revocations:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => z.strictObject({ justification: z.string().min(1).max(1000).optional() }),
    reply: () => z.object({ revocation: Revocation(), alreadyUnblocked: z.boolean() }),
    refuses: ['revocation-unknown', 'revocation-lifted'],
  }),
  showEnforcement: route({
    method: 'GET',
    path: '/v1/revocations/:id/enforcement',
    summary: 'Say where the enforcement of a revocation stands',
    scope: 'admin:revocations:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Enforcement(),
    refuses: ['revocation-unknown'],
  }),
  certifyRevocation: route({
    method: 'POST',
    path: '/v1/revocations/:id/certificate',
    // It can be asked again and again; each time the authority states what is so then.
    isRead: true,
    summary: 'Sign a certificate that a revocation is enforced',
    scope: 'admin:revocations:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    /** `certificate`: a JWS of type feed-certificate+jwt; absent while it is not enforced. */
    reply: () => z.object({ enforcement: Enforcement(), certificate: z.string().optional() }),
    refuses: ['revocation-unknown', 'key-locked', 'clock-behind'],
  }),
  createSelection: route({
    method: 'POST',
    path: '/v1/selections',
    isRead: true,
    summary: 'Begin an exact list of tokens that is too long for one request',
    scope: 'admin:revocations:write',
    params: () => NoParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Selection(),
    refuses: [],
  }),
  /** Sent again with the same offset it changes nothing, so that a cut line is gone on with. */
  appendSelection: route({
    method: 'POST',
    path: '/v1/selections/:id/items',
    isRead: true,
    summary: 'Add tokens to an exact list',
    scope: 'admin:revocations:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        /** How many came before these. */
        offset: z.number().int().min(0),
        tokens: Values(),
      }),
    reply: () => Selection(),
    refuses: ['selection-unknown', 'selection-gap'],
  }),
  showSelection: route({
    method: 'GET',
    path: '/v1/selections/:id',
    summary: 'Show how far an exact list has come',
    scope: 'admin:revocations:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Selection(),
    refuses: ['selection-unknown'],
  }),
}
