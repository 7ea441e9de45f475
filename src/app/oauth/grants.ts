import type { Client } from '#domain/client/client.ts'
import type { Origin } from '#domain/audit/entry.ts'
import type { Form } from '#domain/oauth/form.ts'
import type { Presented } from '#domain/oauth/presented.ts'
import type { Writing } from '#store/port.ts'
import type { Deps } from '#app/deps.ts'
import type { Ground, MintOrder } from '#app/mint.ts'
import { clientCredentials } from './client-credentials.ts'
import { jwtBearer, tokenExchange } from './token-exchange.ts'

/** A request to an OAuth endpoint, read but not believed. */
export interface OauthRequest {
  readonly form: Form
  readonly presented: Presented
  readonly origin: Origin
  readonly requestId: string
}

/** What the token endpoint mints for a grant, in the transaction in which it was decided. */
export interface GrantOrder {
  /** For whom: the client that authenticated, or the one that the grant leads to. */
  readonly client: Client
  readonly order: Omit<MintOrder, 'count' | 'createdBy'>
  /** Of the audit entry, beside what every mint says. */
  readonly detail?: Readonly<Record<string, unknown>>
  /** Of the answer, beside what every one has, such as `issued_token_type`. */
  readonly members?: Readonly<Record<string, string>>
  /** Uses up what may be used once, when it is sure that something is minted for it. */
  readonly spend?: () => Promise<void>
}

/** What a grant finds when it decides. */
export interface Granting {
  readonly ground: Ground
  /** `undefined` where none authenticated, which only a grant without `needsClient` meets. */
  readonly client: Client | undefined
}

export type DecideGrant = (tx: Writing, granting: Granting) => Promise<GrantOrder>

/** One way to get a token: an entry in the table below, and in the metadata by that alone. */
export interface GrantType {
  /** As `grant_type` says it. */
  readonly name: string
  /** Whether nobody is served who has not authenticated as a client. */
  readonly needsClient: boolean
  /**
   * Before the transaction: reads what is asked for, and fetches what has to be fetched. What it
   * answers decides in the transaction, on values read there.
   */
  readonly begin: (deps: Deps, request: OauthRequest) => Promise<DecideGrant>
}

export const grantTypes: readonly GrantType[] = [clientCredentials, tokenExchange, jwtBearer]
