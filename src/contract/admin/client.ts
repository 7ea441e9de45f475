import { z } from 'zod'
import { authMethods, clientStates, tiers } from '#domain/client/client.ts'
import {
  Audience,
  AUDIENCES_MAX,
  ClientId,
  Id,
  IdParams,
  NoBody,
  NoParams,
  NoQuery,
  pageOf,
  PageQuery,
  ScopePattern,
  SCOPES_MAX,
  Tags,
  Time,
} from '#contract/common.ts'
import { lazy, route } from '#contract/route.ts'

export const ClientKey = lazy(() =>
  z.object({
    id: z.string(),
    algorithm: z.string(),
    createdAt: Time,
  }),
)

export const Client = lazy(() =>
  z
    .object({
      id: ClientId,
      tier: z.enum(tiers),
      scopes: z.array(z.string()),
      audiences: z.array(z.string()),
      authMethods: z.array(z.enum(authMethods)),
      keys: z.array(ClientKey()),
      state: z.enum(clientStates),
      tags: z.record(z.string(), z.string()),
      createdAt: Time,
    })
    .meta({ id: 'Client' }),
)

const Scopes = lazy(() => z.array(ScopePattern).min(1, 'at least one scope').max(SCOPES_MAX))
const Audiences = lazy(() => z.array(Audience).max(AUDIENCES_MAX))
/** A public JWK (RFC 7517); one with a private member is refused, and never stored. */
const PublicJwk = lazy(() => z.record(z.string(), z.unknown()))

export const clientApi = {
  createClient: route({
    method: 'POST',
    path: '/v1/clients',
    summary: 'Register a client',
    scope: 'admin:clients:write',
    params: () => NoParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        id: ClientId,
        scopes: Scopes(),
        tier: z.enum(tiers).default('standard'),
        audiences: Audiences().default([]),
        auth: z.enum(authMethods).default('none'),
        keys: z.array(PublicJwk()).max(8).default([]),
        /** An imported secret; without it, and with `auth: secret`, one is made. */
        secret: z.string().min(16).max(1024).optional(),
        tags: Tags.default({}),
      }),
    reply: () => z.object({ client: Client(), clientSecret: z.string().optional() }),
    refuses: ['client-exists', 'policy-denied'],
  }),
  listClients: route({
    method: 'GET',
    path: '/v1/clients',
    summary: 'List clients',
    scope: 'admin:clients:read',
    params: () => NoParams,
    query: () =>
      z.strictObject({
        ...PageQuery,
        tier: z.enum(tiers).optional(),
        state: z.enum(clientStates).optional(),
      }),
    body: () => NoBody,
    reply: () => pageOf(Client()),
    refuses: [],
  }),
  showClient: route({
    method: 'GET',
    path: '/v1/clients/:id',
    summary: 'Show a client',
    scope: 'admin:clients:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Client(),
    refuses: ['client-unknown'],
  }),
  updateClient: route({
    method: 'PATCH',
    path: '/v1/clients/:id',
    summary: 'Change a client; what is left out stays as it is',
    scope: 'admin:clients:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        scopes: Scopes().optional(),
        tier: z.enum(tiers).optional(),
        audiences: Audiences().optional(),
        tags: Tags.optional(),
      }),
    reply: () => Client(),
    refuses: ['client-unknown', 'policy-denied'],
  }),
  disableClient: route({
    method: 'POST',
    path: '/v1/clients/:id/disable',
    summary: 'Stop issuing to a client and revoke what it holds',
    scope: 'admin:clients:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => z.strictObject({}),
    reply: () => z.object({ client: Client(), revocationId: z.string().optional() }),
    refuses: ['client-unknown'],
  }),
  enableClient: route({
    method: 'POST',
    path: '/v1/clients/:id/enable',
    summary: 'Issue to a disabled client again; what was revoked stays revoked',
    scope: 'admin:clients:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => z.strictObject({}),
    reply: () => z.object({ client: Client() }),
    refuses: ['client-unknown'],
  }),
  addClientKeys: route({
    method: 'POST',
    path: '/v1/clients/:id/keys',
    summary: 'Have a client sign with more keys; those that it has stay',
    scope: 'admin:clients:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => z.strictObject({ keys: z.array(PublicJwk()).min(1).max(8) }),
    reply: () => z.object({ client: Client(), added: z.array(z.string()) }),
    refuses: ['client-unknown', 'policy-denied'],
  }),
  removeClientKey: route({
    method: 'DELETE',
    path: '/v1/clients/:id/keys/:keyId',
    summary: 'Take a key from a client',
    scope: 'admin:clients:write',
    params: () => z.strictObject({ id: Id, keyId: Id }),
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => z.object({ client: Client() }),
    refuses: ['client-unknown', 'key-unknown', 'policy-denied'],
  }),
  rotateClientSecret: route({
    method: 'POST',
    path: '/v1/clients/:id/secret',
    summary: 'Make a new secret for a client; those before it end after the overlap',
    scope: 'admin:clients:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => z.strictObject({ overlapSeconds: z.int().min(0).max(31_536_000).default(0) }),
    reply: () =>
      z.object({ client: Client(), clientSecret: z.string(), previousExpireAt: Time.optional() }),
    refuses: ['client-unknown', 'policy-denied'],
  }),
  deleteClient: route({
    method: 'DELETE',
    path: '/v1/clients/:id',
    summary: 'Remove a client and revoke what it holds',
    scope: 'admin:clients:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => z.object({ client: Client(), revocationId: z.string().optional() }),
    refuses: ['client-unknown'],
  }),
}
