import { type AnyRoute, type Api, mutates, type Operations } from '#contract/route.ts'
import type { Transport, WireCall } from '#contract/transport.ts'
import { isProblemCode, Problem, type ProblemDocument } from '#kernel/problem.ts'
import { type Retry, retrying } from './retry.ts'

export interface ConnectOptions {
  /** Sends again what may be sent again; without it, every call is sent once. */
  readonly retry?: Retry
  /** A name under which the mutations of this run may be sent again; by default each has its own. */
  readonly idempotencyKey?: string
}

/** The contract from the other side: a function for each route, over any transport. */
export function connect<A extends Api>(
  api: A,
  transport: Transport,
  newRequestId: () => string,
  options: ConnectOptions = {},
): Operations<A> {
  const { retry } = options
  let mutations = 0
  /** A run may make several mutations under the one key it was given; their order tells them apart. */
  const keyOf = (requestId: string): string => {
    const { idempotencyKey } = options
    mutations += 1
    if (idempotencyKey === undefined) return requestId
    return mutations === 1 ? idempotencyKey : `${idempotencyKey}#${mutations}`
  }
  const calls = Object.entries(api).map(([operation, route]) => {
    const call = async (input: Readonly<Record<string, unknown>>): Promise<unknown> => {
      const requestId = newRequestId()
      const wire: WireCall = {
        operation,
        ...split(route, input),
        requestId,
        ...(mutates(route) ? { idempotencyKey: keyOf(requestId) } : {}),
      }
      const send = (): Promise<unknown> => sendOnce(transport, wire)
      return retry === undefined ? send() : retrying(retry, send)
    }
    return [operation, call]
  })
  return Object.fromEntries(calls) as Operations<A>
}

async function sendOnce(transport: Transport, call: WireCall): Promise<unknown> {
  const answer = await transport(call).catch((thrown: unknown) => named(thrown, call.requestId))
  if (answer.ok) return answer.value
  throw revive(answer.problem)
}

/** Also a call that never arrived has its id, under which the other end may yet have seen it. */
function named(thrown: unknown, requestId: string): never {
  if (thrown instanceof Problem) thrown.requestId ??= requestId
  throw thrown
}

/** Path parameters go into the path, the rest into the query of a GET or DELETE, else the body. */
function split(
  route: AnyRoute,
  input: Readonly<Record<string, unknown>>,
): Pick<WireCall, 'params' | 'query' | 'body'> {
  const params: Record<string, string> = {}
  const rest: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue
    if (route.path.includes(`:${name}`)) params[name] = asText(value)
    else rest[name] = value
  }
  if (route.method === 'POST' || route.method === 'PATCH') return { params, query: {}, body: rest }
  const query = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, asText(value)]),
  )
  return { params, query, body: {} }
}

/** Paths and queries carry texts; what is no text or number there is a fault of ours. */
const asText = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

/** The refusal as it was thrown, with its request id, so that both ends name the same event. */
function revive(document: ProblemDocument): Problem {
  const code = isProblemCode(document.code) ? document.code : 'internal'
  const problem = new Problem(code, document.detail, {
    facts: document.facts,
    ...(document.next === undefined ? {} : { next: document.next }),
  })
  problem.requestId = document.requestId
  return problem
}
