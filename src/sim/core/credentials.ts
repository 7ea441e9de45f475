import type { Credential } from '#domain/credential/credential.ts'

/**
 * A credential of the simulated authority, and what only the simulator knows of it: after how many
 * commits it was authorised. By that, and not by its claims, is judged what should hit it.
 */
export interface SimCredential extends Credential {
  readonly n: number
  readonly order: number
  /** Of the sign-in from which it derives. */
  readonly rootOrder: number
}
