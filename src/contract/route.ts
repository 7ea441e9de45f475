import type { z } from 'zod'
import type { AdminScope } from '#domain/client/admin-scopes.ts'
import type { WireProblem } from '#kernel/problem.ts'

/**
 * One operation of the admin API, stated once: the server serves it, the client calls it, the
 * OpenAPI document is derived from it.
 */
export interface Route<Params, Query, Body, Reply, QueryGiven = Query, BodyGiven = Body> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: `/v1/${string}`
  readonly summary: string
  /**
   * What a caller's token must carry. `feed:follow` is no scope of a token: a verifier has it by its
   * credential (or, on loopback, without one), and the local administrator has everything.
   */
  readonly scope: AdminScope | 'feed:follow'
  readonly params: z.ZodType<Params>
  readonly query: z.ZodType<Query, QueryGiven>
  readonly body: z.ZodType<Body, BodyGiven>
  readonly reply: z.ZodType<Reply>
  /** A POST that changes nothing, such as a plan; GETs change nothing anyway. */
  readonly isRead?: true
  /** Every refusal it may answer beside those that any route may. */
  readonly refuses: readonly WireProblem[]
}

// oxlint-disable-next-line typescript/no-explicit-any -- the one place where routes of all shapes meet
export type AnyRoute = Route<any, any, any, any, any, any>
export type Api = Readonly<Record<string, AnyRoute>>
/** What an operation is handed: parsed, with every default filled in. */
export type Input<R> =
  R extends Route<infer P, infer Q, infer B, infer _, infer __, infer ___>
    ? Fields<P> & Fields<Q> & Fields<B>
    : never
/** What a caller gives: what has a default may be left out. */
export type Given<R> =
  R extends Route<infer P, infer _, infer __, infer ___, infer Q, infer B>
    ? Fields<P> & Fields<Q> & Fields<B>
    : never
/** An empty strict object is `Record<string, never>`, which would forbid every field beside it. */
type Fields<T> = string extends keyof T ? unknown : T
export type Reply<R> =
  R extends Route<infer _, infer __, infer ___, infer Y, infer ____, infer _____> ? Y : never

/** The API as functions: what a client holds. */
export type Operations<A extends Api> = {
  readonly [K in keyof A]: (input: Given<A[K]>) => Promise<Reply<A[K]>>
}

/** Whether a call of it changes something. */
export const mutates = ({ method, isRead }: Pick<AnyRoute, 'method' | 'isRead'>): boolean =>
  method !== 'GET' && isRead !== true

/** Makes a value when it is first asked for, and once. */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

/**
 * A route as it is written. Its schemas are made when a call first needs them: a command line makes
 * one call of one route, and to make the schemas of all takes longer than the call.
 */
type Written<P, Q, B, Y, QG, BG> = Omit<
  Route<P, Q, B, Y, QG, BG>,
  'params' | 'query' | 'body' | 'reply'
> & {
  readonly params: () => z.ZodType<P>
  readonly query: () => z.ZodType<Q, QG>
  readonly body: () => z.ZodType<B, BG>
  readonly reply: () => z.ZodType<Y>
}

export function route<P, Q, B, Y, QG, BG>(
  spec: Written<P, Q, B, Y, QG, BG>,
): Route<P, Q, B, Y, QG, BG> {
  const { params, query, body, reply, ...rest } = spec
  const made = { params: lazy(params), query: lazy(query), body: lazy(body), reply: lazy(reply) }
  return {
    ...rest,
    get params() {
      return made.params()
    },
    get query() {
      return made.query()
    },
    get body() {
      return made.body()
    },
    get reply() {
      return made.reply()
    },
  }
}
