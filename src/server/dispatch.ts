import type { z } from 'zod'
import { type AdminApi, adminApi } from '#contract/admin-api.ts'
import { IDEMPOTENCY_KEY_CHARACTERS_MAX, isIdempotencyKey } from '#contract/limits.ts'
import { type AnyRoute, type Input, mutates, type Reply } from '#contract/route.ts'
import type { WireAnswer, WireCall } from '#contract/transport.ts'
import type { Caller, Context } from '#app/deps.ts'
import { fingerprint } from '#domain/audit/fingerprint.ts'
import { Problem, problemDocument, refuse, toProblem } from '#kernel/problem.ts'

/** A call whose caller is known: what an operation is handed beside its input. */
export type Call = Context

/** What the server provides: an operation a route. A handler never sees HTTP. */
export type Operating = {
  readonly [K in keyof AdminApi]: (
    input: Input<AdminApi[K]>,
    call: Call,
  ) => Promise<Reply<AdminApi[K]>>
}

export type Dispatch = (call: WireCall, caller: Caller) => Promise<WireAnswer>

export interface DispatchOptions {
  /** Records that a caller was refused for want of a scope; what operations refuse, they record. */
  readonly onScopeRefused: (call: WireCall, caller: Caller, problem: Problem) => Promise<void>
  /** Takes what nobody foresaw. Its reader is an operator; nothing of it reaches the caller. */
  readonly onFault: (fault: unknown, call: WireCall) => void
}

/**
 * Serves the contract: authorise by the route's scope, parse, operate, check the reply (which also
 * strips whatever the contract does not name). Called directly when embedded, behind HTTP otherwise.
 */
export function createDispatch(operations: Operating, options: DispatchOptions): Dispatch {
  return async (call, caller) => {
    try {
      const value = await serve(operations, options, call, caller)
      return { ok: true, value }
    } catch (thrown) {
      const problem = toProblem(thrown)
      if (problem.code === 'internal') options.onFault(thrown, call)
      problem.requestId = call.requestId
      return { ok: false, problem: problemDocument(problem, instanceOf(call)) }
    }
  }
}

async function serve(
  operations: Operating,
  options: DispatchOptions,
  call: WireCall,
  caller: Caller,
): Promise<unknown> {
  const route = routeOf(call.operation)
  if (caller.scopes !== 'all' && !caller.scopes.includes(route.scope)) {
    const problem = new Problem(
      'scope-insufficient',
      `${route.summary.toLowerCase()}: this needs scope ${route.scope}, and your token carries ${caller.scopes.join(' ') || 'none'}`,
      {
        next: `issue a token with --scope ${route.scope} and give it in CREDCTL_TOKEN`,
        facts: { scope: route.scope },
      },
    )
    await options.onScopeRefused(call, caller, problem)
    throw problem
  }
  const input = {
    ...parse(route.params, call.params, 'path'),
    ...parse(route.query, call.query, 'query'),
    ...parse(route.body, call.body, 'body'),
  }
  const operation = operations[call.operation as keyof Operating] as (
    input: unknown,
    call: Call,
  ) => Promise<unknown>
  const reply = await operation(input, contextOf(route, call, caller, input))
  return route.reply.parse(reply)
}

function contextOf(route: AnyRoute, call: WireCall, caller: Caller, input: object): Context {
  const { requestId, idempotencyKey: key } = call
  if (key === undefined || !mutates(route)) return { caller, requestId }
  // A run that makes several mutations under its one key numbers them behind it (`client/connect`).
  if (!isIdempotencyKey(key.replace(/#\d{1,6}$/, ''))) {
    refuse(
      'request-invalid',
      `an idempotency key holds 1 to ${IDEMPOTENCY_KEY_CHARACTERS_MAX} printable ASCII characters, and no blanks`,
    )
  }
  const idempotency = { key, fingerprint: fingerprint(call.operation, input) }
  return { caller, requestId, idempotency }
}

function routeOf(operation: string): AnyRoute {
  if (!Object.hasOwn(adminApi, operation)) {
    refuse('route-unknown', `this authority has no operation ${operation.slice(0, 64)}`, {
      next: 'compare `credctl --version` with the version of the authority',
    })
  }
  return adminApi[operation as keyof AdminApi]
}

function parse(schema: z.ZodType, value: unknown, where: string): object {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data as object
  const issues = parsed.error.issues.map((issue) => ({
    at: [where, ...issue.path.map(String)].join('.'),
    message: issue.message,
  }))
  const [first] = issues
  return refuse('request-invalid', `${first?.at ?? where}: ${first?.message ?? 'invalid'}`, {
    next: 'mend that; /openapi.json of a server says what each field may hold',
    facts: { issues: issues.slice(0, 20) },
  })
}

function instanceOf(call: WireCall): string {
  if (!Object.hasOwn(adminApi, call.operation)) return '/'
  const { path } = adminApi[call.operation as keyof AdminApi]
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(call.params[name] ?? ''))
}
