import { z } from 'zod'
import { NoBody, NoParams, NoQuery, Time } from '#contract/common.ts'
import { route } from '#contract/route.ts'

export const authorityApi = {
  showAuthority: route({
    method: 'GET',
    path: '/v1/authority',
    summary: 'Say which authority this is and what its policy asks of a responder',
    scope: 'admin:authority:read',
    params: () => NoParams,
    query: () => NoQuery,
    body: () => NoBody,
    reply: () =>
      z
        .object({
          issuer: z.string(),
          version: z.string(),
          keyId: z.string(),
          position: z.number().int(),
          now: Time,
          policyVersion: z.number().int(),
        })
        .meta({ id: 'Authority' }),
    refuses: [],
  }),
}
