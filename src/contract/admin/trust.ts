import { z } from 'zod'
import { trustForms, trustModes } from '#domain/trust/trust.ts'
import {
  Audience,
  ClientId,
  IdParams,
  NoBody,
  NoParams,
  NoQuery,
  pageOf,
  PageQuery,
  ScopePattern,
  SCOPES_MAX,
  Time,
} from '#contract/common.ts'
import { lazy, route } from '#contract/route.ts'

const CLAIMS_MAX = 32
const VALUES_MAX = 64
const CONDITIONS_MAX = 8
const TOKEN_CHARACTERS_MAX = 16_384

/** A name of ours, as a client's. */
const TrustId = ClientId
const Claims = lazy(() =>
  z
    .record(z.string().min(1).max(128), z.array(z.string().max(512)).max(VALUES_MAX))
    .refine((claims) => Object.keys(claims).length <= CLAIMS_MAX, `at most ${CLAIMS_MAX} claims`),
)
const Jwks = lazy(() => z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(32) }))
const Url = z.string().min(1).max(512)

export const Trust = lazy(() =>
  z
    .object({
      id: z.string(),
      form: z.enum(trustForms),
      issuer: z.string(),
      audience: z.string(),
      claims: z.record(z.string(), z.array(z.string())),
      conditions: z.array(z.string()),
      clientId: z.string(),
      scopes: z.array(z.string()),
      ttlSecondsMax: z.number().int().optional(),
      mode: z.enum(trustModes),
      jwks: Jwks().optional(),
      jwksUri: z.string().optional(),
      allowsPrivate: z.boolean(),
      createdAt: Time,
      updatedAt: Time,
    })
    .meta({ id: 'Trust' }),
)

const given = lazy(() => ({
  form: z.enum(trustForms),
  /** Left out: that of the form, where there is one for all. */
  issuer: Url.optional(),
  /** Left out: the issuer of this authority. */
  audience: Audience.optional(),
  claims: Claims(),
  conditions: z.array(z.string().min(1).max(2000)).max(CONDITIONS_MAX),
  clientId: ClientId,
  scopes: z.array(ScopePattern).max(SCOPES_MAX),
  ttlSecondsMax: z.number().int().positive().optional(),
  mode: z.enum(trustModes),
  jwks: Jwks().optional(),
  jwksUri: Url.optional(),
  allowsPrivate: z.boolean(),
}))

/** A trust and what the authority would have its author think about again. */
const Written = lazy(() => z.object({ trust: Trust(), warnings: z.array(z.string()) }))

/** How a token stands to a trust, line by line. */
export const TrustFinding = lazy(() =>
  z
    .object({
      trustId: z.string(),
      mode: z.enum(trustModes),
      matched: z.boolean(),
      /** Whether a token would be issued now: matched, enforced, not used before, its client enabled. */
      granted: z.boolean(),
      /** What stands in the way, in words. */
      because: z.array(z.string()),
      claims: z.array(
        z.object({
          claim: z.string(),
          expected: z.string(),
          /** Absent: the token has no such claim. */
          actual: z.string().optional(),
          ok: z.boolean(),
        }),
      ),
      conditions: z.array(
        z.object({ expression: z.string(), ok: z.boolean(), detail: z.string().optional() }),
      ),
      grant: z
        .object({ clientId: z.string(), scopes: z.array(z.string()), ttlSeconds: z.number().int() })
        .optional(),
    })
    .meta({ id: 'TrustFinding' }),
)

export const trustApi = {
  createTrust: route({
    method: 'POST',
    path: '/v1/trusts',
    summary: 'Say whose identity tokens may be exchanged, and for what',
    scope: 'admin:trusts:write',
    params: () => NoParams,
    query: () => NoQuery,
    body: () => {
      const { conditions, allowsPrivate, mode, ...rest } = given()
      return z.strictObject({
        id: TrustId,
        ...rest,
        conditions: conditions.default([]),
        allowsPrivate: allowsPrivate.default(false),
        mode: mode.default('enforce'),
      })
    },
    reply: () => Written(),
    refuses: ['trust-exists', 'trust-unsound', 'client-unknown', 'scope-refused'],
  }),
  listTrusts: route({
    method: 'GET',
    path: '/v1/trusts',
    summary: 'List trusts',
    scope: 'admin:trusts:read',
    params: () => NoParams,
    query: () => z.strictObject({ ...PageQuery, clientId: z.string().max(128).optional() }),
    body: () => NoBody,
    reply: () => pageOf(Trust()),
    refuses: [],
  }),
  showTrust: route({
    method: 'GET',
    path: '/v1/trusts/:id',
    summary: 'Show a trust',
    scope: 'admin:trusts:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Trust(),
    refuses: ['trust-unknown'],
  }),
  updateTrust: route({
    method: 'PATCH',
    path: '/v1/trusts/:id',
    summary: 'Change a trust; what is left out stays as it is',
    scope: 'admin:trusts:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => {
      const { form: _, clientId: __, ...changeable } = given()
      return z.strictObject(changeable).partial()
    },
    reply: () => Written(),
    refuses: ['trust-unknown', 'trust-unsound', 'client-unknown', 'scope-refused'],
  }),
  deleteTrust: route({
    method: 'DELETE',
    path: '/v1/trusts/:id',
    summary: 'Remove a trust and revoke what was issued under it',
    scope: 'admin:trusts:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => z.object({ trust: Trust(), revocationId: z.string().optional() }),
    refuses: ['trust-unknown'],
  }),
  testTrust: route({
    method: 'POST',
    path: '/v1/trusts/:id/test',
    // It runs the real evaluator on a real token, and neither issues nor uses the token up.
    isRead: true,
    summary: 'Say how an identity token stands to a trust; nothing is issued',
    scope: 'admin:trusts:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        token: z.string().min(1).max(TOKEN_CHARACTERS_MAX),
        scopes: z.array(ScopePattern).max(SCOPES_MAX).optional(),
      }),
    reply: () => TrustFinding(),
    refuses: ['trust-unknown', 'token-malformed', 'issuer-unreachable'],
  }),
}
