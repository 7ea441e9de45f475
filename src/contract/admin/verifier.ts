import { z } from 'zod'
import { verifierModes } from '#domain/feed/head.ts'
import { verifierStates } from '#domain/proof/verifier-state.ts'
import {
  Audience,
  AUDIENCES_MAX,
  IdParams,
  NoBody,
  NoParams,
  NoQuery,
  pageOf,
  PageQuery,
  Time,
} from '#contract/common.ts'
import { lazy, route } from '#contract/route.ts'

/**
 * A verifier as the staleness board shows it: one running process (`id` its incarnation), or a
 * credential that nobody follows the feed with yet (`id` the credential's own, state `gone`).
 */
export const Verifier = lazy(() =>
  z
    .object({
      id: z.string(),
      /** The credential it uses: `local`, or the id that `verifier create` gave. */
      verifierId: z.string(),
      name: z.string(),
      audiences: z.array(z.string()),
      mode: z.enum(verifierModes),
      /** Absent before the first acknowledgement. */
      appliedPosition: z.number().int().optional(),
      /** From the publication of what it acknowledged last to its acknowledgement. */
      lagMs: z.number().optional(),
      /** How old the newest head is that it is known to hold. */
      headAgeMs: z.number().optional(),
      clockOffsetMs: z.number().optional(),
      keyIds: z.array(z.string()),
      /** When its lease ends at the latest. */
      leaseEndsAt: Time.optional(),
      lastSeenAt: Time.optional(),
      removedAt: Time.optional(),
      state: z.enum(verifierStates),
    })
    .meta({ id: 'Verifier' }),
)

export const verifierApi = {
  createVerifier: route({
    method: 'POST',
    path: '/v1/verifiers',
    summary: 'Create the credential that a resource server follows the feed with',
    scope: 'admin:verifiers:write',
    params: () => NoParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        name: z
          .string()
          .regex(
            /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
            'a name holds 1 to 64 letters, digits, `.`, `_` and `-`, and begins with a letter or digit',
          ),
        /** Left out: any. A verifier with this credential may follow for these only. */
        audiences: z.array(Audience).max(AUDIENCES_MAX).default([]),
        mode: z.enum(verifierModes).default('standard'),
      }),
    /** `credential`: the secret, told once. */
    reply: () => z.object({ verifier: Verifier(), credential: z.string() }),
    refuses: ['verifier-exists'],
  }),
  listVerifiers: route({
    method: 'GET',
    path: '/v1/verifiers',
    summary: 'List the verifiers, and how fresh each is',
    scope: 'admin:verifiers:read',
    params: () => NoParams,
    query: () =>
      z.strictObject({
        ...PageQuery,
        state: z.enum(verifierStates).optional(),
        name: z.string().max(128).optional(),
        audience: z.string().max(512).optional(),
      }),
    body: () => NoBody,
    reply: () => pageOf(Verifier()),
    refuses: [],
  }),
  showVerifier: route({
    method: 'GET',
    path: '/v1/verifiers/:id',
    summary: 'Show a verifier, by its id or, where it is the only one, its name',
    scope: 'admin:verifiers:read',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => Verifier(),
    refuses: ['verifier-unknown'],
  }),
  removeVerifier: route({
    method: 'DELETE',
    path: '/v1/verifiers/:id',
    summary: 'Take a verifier’s credential away; its leases on record run out by themselves',
    scope: 'admin:verifiers:write',
    params: () => IdParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () => z.object({ verifier: Verifier(), leasesEndAt: Time.optional() }),
    refuses: ['verifier-unknown'],
  }),
}
