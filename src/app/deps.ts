import type { Origin } from '#domain/audit/entry.ts'
import type { Held } from '#domain/issuance/issue.ts'
import type { ForeignIssuers } from '#federation/port.ts'
import type { Policy } from '#domain/policy/policy.ts'
import type { Clock, Entropy } from '#kernel/clock.ts'
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
  readonly version: string
}

/** Who calls: `local:root` for the administrator of the machine, `client:ops` for a token's. */
export interface Caller {
  readonly actor: string
  readonly scopes: Held
  readonly origin: Origin
  /** The credential the caller called with, where it was one. */
  readonly credentialId?: string
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
