import { z } from 'zod'
import { credentialStates } from '#domain/credential/credential.ts'
import { decisionCauses, verdicts } from '#domain/credential/decision.ts'
import {
  Audience,
  AUDIENCES_MAX,
  Id,
  IdParams,
  Justification,
  NoBody,
  NoParams,
  NoQuery,
  pageOf,
  PageQuery,
  ScopePattern,
  SCOPES_MAX,
  Subject,
  Tags,
  Time,
  TimeInput,
} from '#contract/common.ts'
import { COUNT_MAX } from '#contract/limits.ts'
import { lazy, route } from '#contract/route.ts'

export const Credential = lazy(() =>
  z
    .object({
      id: z.string(),
      clientId: z.string(),
      subject: z.string(),
      scopes: z.array(z.string()),
      audience: z.array(z.string()),
      issuedAt: Time,
      expiresAt: Time,
      keyId: z.string(),
      sessionId: z.string(),
      parentId: z.string().optional(),
      state: z.enum(credentialStates),
      revocationId: z.string().optional(),
      createdBy: z.string(),
      justification: z.string().optional(),
      tags: z.record(z.string(), z.string()),
      lastSeenAt: Time.optional(),
    })
    .meta({ id: 'Credential' }),
)

export const IssuedToken = lazy(() =>
  z.object({
    token: z.string(),
    tokenType: z.literal(['Bearer', 'DPoP']),
    expiresIn: z.number().int(),
    /** Seconds that were asked for, where policy allows fewer. */
    clampedFrom: z.number().int().optional(),
    credential: Credential(),
  }),
)

/** RFC 7519 claims by their registered names, as the token carries them. */
const Claims = lazy(() => z.record(z.string(), z.unknown()))

export const Decision = lazy(() =>
  z
    .object({
      verdict: z.enum(verdicts),
      reason: z.string().optional(),
      message: z.string().optional(),
      revocationId: z.string().optional(),
      claims: Claims().optional(),
      graceSeconds: z.number().int().optional(),
      cause: z.enum(decisionCauses).optional(),
      retryAfterSeconds: z.number().int().optional(),
      /** Why, in words. */
      detail: z.string().optional(),
      audienceChecked: z.boolean(),
      revocationChecked: z.boolean(),
    })
    .meta({ id: 'Decision' }),
)

export const credentialApi = {
  issueTokens: route({
    method: 'POST',
    path: '/v1/credentials',
    summary: 'Issue tokens',
    scope: 'admin:credentials:write',
    params: () => NoParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        clientId: Id,
        /** Left out, all that the client may have. */
        scopes: z.array(ScopePattern).min(1).max(SCOPES_MAX).optional(),
        audience: z.array(Audience).min(1).max(AUDIENCES_MAX).optional(),
        subject: Subject.optional(),
        ttlSeconds: z.number().int().positive().optional(),
        tags: Tags.default({}),
        justification: Justification.optional(),
        count: z.number().int().min(1).max(COUNT_MAX).default(1),
      }),
    reply: () => z.object({ items: z.array(IssuedToken()) }),
    refuses: [
      'client-unknown',
      'client-disabled',
      'scope-refused',
      'audience-refused',
      'issuance-blocked',
      'policy-denied',
      'clock-behind',
      'clock-stepped',
      'authority-restored',
      'key-locked',
    ],
  }),
  listCredentials: route({
    method: 'GET',
    path: '/v1/credentials',
    summary: 'List credentials, never their tokens',
    scope: 'admin:credentials:read',
    params: () => NoParams,
    query: () =>
      z.strictObject({
        ...PageQuery,
        clientId: Id.optional(),
        subject: z.string().max(256).optional(),
        scope: ScopePattern.optional(),
        audience: z.string().max(512).optional(),
        state: z.enum(credentialStates).optional(),
        sessionId: Id.optional(),
        keyId: Id.optional(),
        createdBy: z.string().max(256).optional(),
        /** `key=value`. */
        tag: z.string().max(320).optional(),
        issuedAfter: TimeInput.optional(),
        issuedBefore: TimeInput.optional(),
        expiresBefore: TimeInput.optional(),
      }),
    body: () => NoBody,
    reply: () => pageOf(Credential()),
    refuses: [],
  }),
  showCredential: route({
    method: 'GET',
    path: '/v1/credentials/:id',
    summary: 'Show a credential',
    scope: 'admin:credentials:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Credential(),
    refuses: ['credential-unknown'],
  }),
  verifyToken: route({
    method: 'POST',
    path: '/v1/credentials/verify',
    isRead: true,
    summary: 'Decide on a token',
    scope: 'admin:credentials:read',
    params: () => NoParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        token: z.string().max(1_000_000),
        audience: z.string().max(512).optional(),
        scopes: z.array(z.string().max(256)).max(SCOPES_MAX).default([]),
        issuer: z.string().max(2048).optional(),
      }),
    reply: () => Decision(),
    refuses: ['issuer-unreachable'],
  }),
}
