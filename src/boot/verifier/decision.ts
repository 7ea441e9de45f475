import type { VerifierDecision } from '#verifier/config.ts'
import type { Decision } from './types.ts'

/**
 * A decision that knows its token, so that a watch can be set by it. The token is in a private field:
 * no log, no JSON and no copy of the decision has it.
 */
class Remembering {
  readonly #token: string

  constructor(decision: VerifierDecision, token: string) {
    Object.assign(this, decision)
    this.#token = token
  }

  static tokenOf(value: object): string | undefined {
    return #token in value ? value.#token : undefined
  }
}

/** Of what kind a decision is says its verdict; the core fills in what belongs to each. */
export const remembering = (decision: VerifierDecision, token: string): Decision =>
  new Remembering(decision, token) as unknown as Decision

export const published = (decision: VerifierDecision): Decision => decision as unknown as Decision

/** The token that a decision of ours was about. */
export const tokenOf = (decision: unknown): string | undefined =>
  typeof decision === 'object' && decision !== null ? Remembering.tokenOf(decision) : undefined
