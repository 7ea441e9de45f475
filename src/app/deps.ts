import type { Origin } from '#domain/audit/entry.ts'
import type { Held } from '#domain/issuance/issue.ts'
import type { Conditions } from '#domain/trust/conditions.ts'
import type { ForeignIssuers, IdentityTokens } from '#federation/port.ts'
import type { Policy } from '#domain/policy/policy.ts'
import type { Clock, Entropy } from '#kernel/clock.ts'
import type { ProblemCode } from '#kernel/problem.ts'
import type { Signer } from '#signer/port.ts'
import type { Store } from '#store/port.ts'

/** Everything a use case may reach for. */
export interface Deps {
  readonly store: Store
  readonly signer: Signer
  readonly clock: Clock
  readonly entropy: Entropy
  readonly policy: Policy
  readonly foreignIssuers: ForeignIssuers
  /** Identity tokens that trusts let in. */
  readonly identityTokens: IdentityTokens
  /** The conditions of trusts; loaded with the first that is written or held against a token. */
  readonly conditions: () => Promise<Conditions>
  readonly version: string
  /**
   * A clock that nobody can set and that runs on through suspend, microseconds since any instant.
   * With it a node sees that authority time was set (`domain/feed/clock-guard.ts`). Absent where no
   * verifier is given heads.
   */
  readonly steadyMicros?: () => number
  /** Tells an operator what nobody may overlook; absent where nobody is watching. */
  readonly alarm?: (code: ProblemCode, detail: string) => void
}

/** Who calls: `local:root` for the administrator of the machine, `client:ops` for a token's. */
export interface Caller {
  readonly actor: string
  readonly scopes: Held
  readonly origin: Origin
  /** The credential the caller called with, where it was one. */
  readonly credentialId?: string
  /** Of a verifier: what it follows the feed with, `ver_…` or `local`. */
  readonly verifierId?: string
}

/** Who asks for what, under which request id: the context of everything that is audited. */
export interface Context {
  readonly caller: Caller
  readonly requestId: string
  readonly idempotency?: Idempotency
}

/** The name under which a mutation may be sent again, and what tells it from another. */
export interface Idempotency {
  readonly key: string
  readonly fingerprint: string
}
