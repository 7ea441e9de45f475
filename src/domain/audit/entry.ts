import type { Instant } from '#kernel/instant.ts'

/** Where a request came from. */
export interface Origin {
  readonly transport: 'embedded' | 'socket' | 'http' | 'authority'
  readonly ip?: string
  readonly userAgent?: string
}

/** One line of the audit log: who did what to what, and how it ended. Never a secret. */
export interface AuditEntry {
  readonly id: string
  readonly at: Instant
  readonly actor: string
  readonly action: string
  /** `client:deploy-bot`, `credential:cred_…`: the thing acted on. */
  readonly target: string
  /** `ok`, or the code of the refusal. */
  readonly outcome: string
  readonly requestId: string
  readonly origin: Origin
  readonly justification?: string
  readonly policyVersion?: number
  readonly detail: Readonly<Record<string, unknown>>
}
