import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi'
import { z } from 'zod'
import { adminApi } from '#contract/admin-api.ts'
import { IDEMPOTENCY_KEY_CHARACTERS_MAX } from '#contract/limits.ts'
import { type AnyRoute, mutates } from '#contract/route.ts'
import { type ProblemCode, problems, rowOf } from '#kernel/problem.ts'

const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string(),
    code: z.enum(Object.keys(problems) as [ProblemCode, ...ProblemCode[]]),
    facts: z.record(z.string(), z.unknown()),
    next: z.string().optional(),
    requestId: z.string(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457, with what to do next and the request id' })

const IdempotencyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .regex(/^[\x21-\x7e]+$/)
    .max(IDEMPOTENCY_KEY_CHARACTERS_MAX)
    .optional()
    .meta({
      description:
        'The same request sent again under the same key within 24 hours is done once and answered alike; another request is refused as `idempotency-conflict`.',
    }),
})

/** Every route may be refused so, whatever it does. */
const COMMON_REFUSALS = [
  'request-invalid',
  'authentication-needed',
  'token-refused',
  'scope-insufficient',
  'store-busy',
  'internal',
] as const

/** The OpenAPI 3.1 document, derived from the objects that are served. */
export function openApiDocument(issuer: string, version: string): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [operation, route] of Object.entries(adminApi)) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: operationOf(operation, route),
    }
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'credctl admin API',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: issuer }],
    security: [{ token: [] }],
    components: {
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of this authority, for its issuer as audience.',
        },
      },
    },
    paths: paths as ZodOpenApiPathsObject,
  })
}

function operationOf(operation: string, route: AnyRoute): object {
  const noun = route.path.split('/')[2] ?? 'authority'
  const hasBody = route.method === 'POST' || route.method === 'PATCH'
  return {
    operationId: operation,
    summary: route.summary,
    description: `Needs scope \`${route.scope}\`.`,
    tags: [noun],
    requestParams: {
      path: route.params,
      query: route.query,
      ...(mutates(route) ? { header: IdempotencyHeader } : {}),
    },
    ...(hasBody
      ? { requestBody: { required: true, content: { 'application/json': { schema: route.body } } } }
      : {}),
    responses: {
      '200': { description: 'Done', content: { 'application/json': { schema: route.reply } } },
      ...refusals(route),
    },
  }
}

/** One response a status, naming the codes that it may carry. */
function refusals(route: AnyRoute): Record<string, object> {
  const byStatus = new Map<number, string[]>()
  for (const code of new Set([...COMMON_REFUSALS, ...route.refuses])) {
    const { status } = rowOf(code)
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.join(', '),
        content: { 'application/problem+json': { schema: ProblemSchema } },
      },
    ]),
  )
}
