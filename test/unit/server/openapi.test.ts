import { describe, expect, it } from 'vitest'
import { adminApi } from '#contract/admin-api.ts'
import { rowOf } from '#kernel/problem.ts'
import { openApiDocument } from '#server/openapi.ts'
import { served } from './served.ts'

type Json = Record<string, unknown>
const document = JSON.parse(
  JSON.stringify(openApiDocument('https://auth.example.com', '1.2.3')),
) as Json & {
  paths: Record<string, Record<string, Json>>
  components: { schemas: Record<string, Json>; securitySchemes: Json }
}

function* nodesOf(value: unknown): Generator<Json> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield value as Json
  for (const child of Object.values(value)) yield* nodesOf(child)
}

/** RFC 6901: follows a reference within the document. */
const resolve = (ref: string): unknown =>
  ref
    .replace(/^#\//, '')
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((at, part) => (at as Json | undefined)?.[part], document)

describe('the OpenAPI document', () => {
  it('is 3.1, names itself and says how to authenticate', () => {
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'credctl admin API', version: '1.2.3' },
      servers: [{ url: 'https://auth.example.com' }],
      security: [{ token: [] }],
    })
    expect(Object.keys(document.components.securitySchemes)).toEqual(['token'])
    const known = ['openapi', 'info', 'servers', 'security', 'components', 'paths']
    expect(Object.keys(document).filter((key) => !known.includes(key))).toEqual([])
  })

  it.for(Object.entries(adminApi))('has operation %s', ([operation, route]) => {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    const found = document.paths[path]?.[route.method.toLowerCase()] as Json & {
      parameters?: { name: string; in: string; required?: boolean; schema: Json }[]
      responses: Record<string, { description: string; content: Json }>
    }
    expect(found['operationId']).toBe(operation)
    expect(found['summary']).toBe(route.summary)
    const parameters = found.parameters ?? []
    const inPath = parameters.filter((one) => one.in === 'path')
    expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? [])
    for (const one of inPath) expect(one.required).toBe(true)
    for (const one of parameters) expect(one.schema).toBeTypeOf('object')
    const hasBody = route.method === 'POST' || route.method === 'PATCH'
    expect('requestBody' in found).toBe(hasBody)
    expect(Object.keys(found.responses['200']?.content ?? {})).toEqual(['application/json'])
    for (const code of [...route.refuses, 'authentication-needed', 'internal'] as const) {
      const response = found.responses[String(rowOf(code).status)]
      expect(response?.description.split(', ')).toContain(code)
      expect(Object.keys(response?.content ?? {})).toEqual(['application/problem+json'])
    }
  })

  it('has no operation beside the contract’s, and no name twice', () => {
    const operations = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((operation) => operation['operationId']),
    )
    expect(new Set(operations)).toEqual(new Set(Object.keys(adminApi)))
    expect(operations).toHaveLength(Object.keys(adminApi).length)
  })

  it('has every schema that it refers to, and every response a description', () => {
    let references = 0
    for (const node of nodesOf(document)) {
      if (typeof node['$ref'] !== 'string') continue
      references += 1
      expect(node['$ref']).toMatch(/^#\//)
      expect(resolve(node['$ref']), node['$ref']).toBeTypeOf('object')
    }
    expect(references).toBeGreaterThan(20)
    for (const methods of Object.values(document.paths)) {
      for (const operation of Object.values(methods)) {
        for (const response of Object.values(operation['responses'] as Record<string, Json>)) {
          expect(response['description']).toBeTypeOf('string')
        }
      }
    }
  })

  it('writes no JSON Schema of 3.0: nullable, or an exclusive bound that is a boolean', () => {
    for (const node of nodesOf(document)) {
      expect(node).not.toHaveProperty('nullable')
      expect(node['exclusiveMinimum']).not.toBeTypeOf('boolean')
    }
  })

  it('is served to anyone, with the version that serves it', async () => {
    const { app } = await served()
    const reply = await app.inject('/openapi.json')
    expect(reply.statusCode).toBe(200)
    expect(reply.headers['content-type']).toMatch(/^application\/json/)
    expect(Object.keys(reply.json().paths)).toEqual(Object.keys(document.paths))
  })
})
