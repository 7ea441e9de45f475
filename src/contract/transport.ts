import type { ProblemDocument } from '#kernel/problem.ts'

/** One call of the admin API, as it crosses a wire or a function call: the same either way. */
export interface WireCall {
  /** The route's name in the contract. */
  readonly operation: string
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly body: unknown
  readonly requestId: string
  /** The same mutation sent again under the same key is done once and answered alike. */
  readonly idempotencyKey?: string
}

export type WireAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: ProblemDocument }

/** Carries a call to an authority. Refusal of its own: `authority-unreachable`. */
export type Transport = (call: WireCall) => Promise<WireAnswer>
