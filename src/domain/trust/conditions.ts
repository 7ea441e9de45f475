/** What a condition sees; everything else is an error, and an error refuses. */
export interface ConditionVariables {
  readonly trust: {
    readonly issuer: string
    readonly claims: Readonly<Record<string, unknown>>
  }
  readonly client: {
    readonly id: string
    readonly tier: string
    readonly tags: Readonly<Record<string, string>>
  }
  readonly subject: string
  readonly scopes: readonly string[]
  readonly audience: readonly string[]
  /** Seconds. */
  readonly ttl: number
  /** Authority time, milliseconds since the epoch. */
  readonly now: number
}

/** The evaluator of CEL, handed in: the language is not ours, and the rules stay free of it. */
export interface Conditions {
  /** What is wrong with an expression, as it is written; `undefined` for a sound one. */
  faultOf(expression: string): string | undefined
  /** Only the value `true` itself holds. `detail`: why it did not, or what it came to. */
  evaluate(
    expression: string,
    variables: ConditionVariables,
  ): { readonly holds: true } | { readonly holds: false; readonly detail: string }
}
