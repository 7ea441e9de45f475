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
      matched: Matched(),
      /** What a responder types to confirm a severe revocation: the selector's canonical form. */
      phrase: z.string(),
      /** Whether it is so large, or so general, that the phrase must be typed. */
      severe: z.boolean(),
      warnings: z.array(z.string()),
      items: z.array(RevocationItem()),
    })
    .meta({ id: 'Plan' }),
)

const refusals = [
  'selector-empty',
  'nothing-matched',
  'policy-denied',
  'clock-behind',
  'plan-drift',
] as const

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
    /** With `planHash`, what was planned is what is revoked, or it is `plan-drift`. */
    body: () => z.strictObject({ ...request(), planHash: z.string().max(128).optional() }),
    reply: () =>
      z.object({ revocation: Revocation().optional(), items: z.array(RevocationItem()) }),
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
    body: () => z.strictObject({ justification: z.string().min(1).max(1000).optional() }),
    /** `revived`: what is accepted again, as no other revocation matches it. */
    reply: () =>
      z.object({ revocation: Revocation(), alreadyLifted: z.boolean(), revived: Matched() }),
    refuses: ['revocation-unknown', 'revocation-final'],
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
}
