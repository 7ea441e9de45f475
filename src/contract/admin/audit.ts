import { z } from 'zod'
import { NoBody, NoParams, pageOf, PageQuery, Time, TimeInput } from '#contract/common.ts'
import { lazy, route } from '#contract/route.ts'

export const AuditEntry = lazy(() =>
  z
    .object({
      id: z.string(),
      at: Time,
      actor: z.string(),
      action: z.string(),
      target: z.string(),
      outcome: z.string(),
      requestId: z.string(),
      origin: z.object({
        transport: z.enum(['embedded', 'socket', 'http', 'authority']),
        ip: z.string().optional(),
        userAgent: z.string().optional(),
      }),
      justification: z.string().optional(),
      policyVersion: z.number().int().optional(),
      detail: z.record(z.string(), z.unknown()),
    })
    .meta({ id: 'AuditEntry' }),
)

export const auditApi = {
  listAudit: route({
    method: 'GET',
    path: '/v1/audit',
    summary: 'List audit entries, the newest first',
    scope: 'admin:audit:read',
    params: () => NoParams,
    query: () =>
      z.strictObject({
        ...PageQuery,
        actor: z.string().max(256).optional(),
        action: z.string().max(64).optional(),
        target: z.string().max(256).optional(),
        outcome: z.string().max(64).optional(),
        requestId: z.string().max(128).optional(),
        after: TimeInput.optional(),
        before: TimeInput.optional(),
      }),
    body: () => NoBody,
    reply: () => pageOf(AuditEntry()),
    refuses: [],
  }),
}
