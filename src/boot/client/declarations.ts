import { z } from 'zod'
import { adminApi } from '#contract/admin-api.ts'
import type { AnyRoute } from '#contract/route.ts'

/** JSON Schema, of which only what zod writes of our contract is read here. */
interface Schema {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, Schema>>
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
}

/**
 * The types of `credctl/client`, written out from the contract: whoever uses the package needs no
 * schema library for them.
 */
export function clientDeclarations(): string {
  const named = new Map<string, string>()
  const operations = Object.entries(adminApi as Readonly<Record<string, AnyRoute>>).map(
    ([name, route]) =>
      `  /** ${route.summary}. */\n  ${name}(input: ${givenOf(route, named)}): Promise<${replyOf(route, named)}>`,
  )
  const types = [...named].map(([name, type]) => `export type ${name} = ${type}`)
  return [BEGINNING, ...types, `export interface Admin {\n${operations.join('\n')}\n}\n`].join(
    '\n\n',
  )
}

const BEGINNING = `/** Where an authority is served: its address, or the socket of \`credctl serve\` on this machine. */
export interface ConnectTo {
  readonly url?: string
  readonly socketPath?: string
  /** A token of the authority with admin scopes; the socket needs none. */
  readonly token?: string
  /** A PEM file that the server's certificate is checked against instead of the system's. */
  readonly caCertFile?: string
  /** Sends again what may be sent again, which is everything; true unless told. */
  readonly isRetrying?: boolean
}

export declare function connect(to: ConnectTo): Admin

/** Every refusal, by its stable code. */
export declare class Problem extends Error {
  readonly name: 'Problem'
  readonly code: string
  readonly next: string | undefined
  readonly facts: Readonly<Record<string, unknown>>
  requestId: string | undefined
}`

function givenOf({ params, query, body }: AnyRoute, named: Map<string, string>): string {
  const parts = [params, query, body]
    .map((schema) => printed(schema, 'input', named))
    .filter((type) => type !== '{}')
  return parts.length === 0 ? 'Record<string, never>' : parts.join(' & ')
}

const replyOf = ({ reply }: AnyRoute, named: Map<string, string>): string =>
  printed(reply, 'output', named)

function printed(type: z.ZodType, io: 'input' | 'output', named: Map<string, string>): string {
  const schema = z.toJSONSchema(type, { io, unrepresentable: 'any' }) as Schema
  for (const [name, one] of Object.entries(schema.$defs ?? {})) {
    const text = typeOf(one)
    const before = named.get(name)
    // What is given and what is answered may differ; then each is written where it stands.
    if (before !== undefined && before !== text) throw new Error(`${name} has two shapes`)
    named.set(name, text)
  }
  return typeOf(schema)
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.replace(/^#\/\$defs\//, '')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return union(schema.enum.map((one) => JSON.stringify(one)))
  const either = schema.anyOf ?? schema.oneOf
  if (either !== undefined) return union(either.map(typeOf))
  if (schema.allOf !== undefined) return schema.allOf.map((one) => `(${typeOf(one)})`).join(' & ')
  const { type } = schema
  if (typeof type === 'object') return union(type.map((one) => typeOf({ ...schema, type: one })))
  switch (type) {
    case 'string':
    case 'boolean':
    case 'null':
      return type
    case 'number':
    case 'integer':
      return 'number'
    case 'array':
      return `readonly (${typeOf(schema.items ?? {})})[]`
    case 'object':
      return objectOf(schema)
    case undefined:
    default:
      return 'unknown'
  }
}

const union = (types: readonly string[]): string => [...new Set(types)].join(' | ')

function objectOf({ properties = {}, required = [], additionalProperties }: Schema): string {
  const members = Object.entries(properties).map(([name, one]) => {
    const mark = required.includes(name) ? '' : '?'
    return `readonly ${/^\w+$/.test(name) ? name : JSON.stringify(name)}${mark}: ${typeOf(one)}`
  })
  if (members.length === 0 && typeof additionalProperties === 'object') {
    return `Readonly<Record<string, ${typeOf(additionalProperties)}>>`
  }
  return members.length === 0 ? '{}' : `{ ${members.join('; ')} }`
}
