import { z } from 'zod'
import { keyPurposes, keyStates } from '#domain/keys/key.ts'
import { IdParams, NoBody, NoParams, NoQuery, pageOf, PageQuery, Time } from '#contract/common.ts'
import { lazy, route } from '#contract/route.ts'

export const Key = lazy(() =>
  z
    .object({
      id: z.string(),
      purpose: z.enum(keyPurposes),
      algorithm: z.string(),
      state: z.enum(keyStates),
      createdAt: Time,
      activateAfter: Time.optional(),
      retireAfter: Time.optional(),
      liveCredentials: z.number().int(),
      /** The public half as a JWK (RFC 7517): what a certificate is checked with, offline. */
      publicJwk: z.record(z.string(), z.string()),
    })
    .meta({ id: 'Key' }),
)

export const keyApi = {
  listKeys: route({
    method: 'GET',
    path: '/v1/keys',
    summary: 'List signing keys',
    scope: 'admin:keys:read',
    params: () => NoParams,
    query: () =>
      z.strictObject({
        ...PageQuery,
        purpose: z.enum(keyPurposes).optional(),
        state: z.enum(keyStates).optional(),
      }),
    body: () => NoBody,
    reply: () => pageOf(Key()),
    refuses: [],
  }),
  showKey: route({
    method: 'GET',
    path: '/v1/keys/:id',
    summary: 'Show a signing key',
    scope: 'admin:keys:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Key(),
    refuses: ['key-unknown'],
  }),
  rotateKey: route({
    method: 'POST',
    path: '/v1/keys/rotate',
    summary: 'Sign with a new key; the old one stays published as long as tokens need it',
    scope: 'admin:keys:write',
    params: () => NoParams,
    query: () => NoQuery,
    body: () => z.strictObject({ purpose: z.enum(keyPurposes).default('token') }),
    reply: () => z.object({ key: Key(), previous: Key().optional() }),
    refuses: ['key-locked', 'clock-behind'],
  }),
}
