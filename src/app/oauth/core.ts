import { type AuthorityTime, authorityTime } from '#app/feed.ts'
import { type Ground, mintingGround } from '#app/mint.ts'
import type { Context, Deps } from '#app/deps.ts'
import type { Client } from '#domain/client/client.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading } from '#store/port.ts'
import { authenticateClient, bySecret, gatherEvidence } from './authenticate-client.ts'
import { createFailures, type Failures } from './failures.ts'
import type { OauthRequest } from './grants.ts'
import { createGroupCommit, type GroupCommit } from './group-commit.ts'
import { createGate, type Gate } from './secret-gate.ts'
import { createSelfRevocations, type SelfRevocations } from './self-revocations.ts'

/** How many seconds a caller has to wait before its next request; 0 lets this one through. */
export type Limit = (key: string) => number

export interface OauthOptions {
  /** Resolves when whatever came in together has been handed over: what shares a transaction. */
  readonly endOfTick: () => Promise<void>
  readonly clientLimit: Limit
}

/** What the OAuth endpoints of one authority share. */
export interface OauthCore {
  readonly deps: Deps
  readonly gate: Gate
  readonly failures: Failures
  readonly selfRevocations: SelfRevocations
  readonly clientLimit: Limit
  readonly mints: GroupCommit<Ground>
  /** For assertions that are used up where nothing is minted. */
  readonly uses: GroupCommit<Here>
}

interface Here extends AuthorityTime {
  readonly issuer: string
}

export const createOauthCore = (
  deps: Deps,
  { endOfTick, clientLimit }: OauthOptions,
): OauthCore => ({
  deps,
  gate: createGate(),
  failures: createFailures(deps),
  selfRevocations: createSelfRevocations(deps),
  clientLimit,
  mints: createGroupCommit(deps.store, (tx) => mintingGround(deps, tx), endOfTick),
  uses: createGroupCommit(deps.store, (tx) => here(deps, tx), endOfTick),
})

const here = async (deps: Deps, tx: Reading): Promise<Here> => ({
  ...(await authorityTime(deps, tx)),
  issuer: (await tx.authority())?.issuer ?? '',
})

/** Who asks, where nothing is minted. Refusals: `client-refused`, `rate-limited`. */
export async function callingClient(core: OauthCore, { presented }: OauthRequest): Promise<Client> {
  const { deps } = core
  const evidence = await gatherEvidence(deps, core.gate, presented)
  const client =
    evidence.kind === 'secret'
      ? await deps.store.read(async (tx) =>
          bySecret(tx, evidence, (await authorityTime(deps, tx)).at),
        )
      : await core.uses.submit((tx, { issuer, at }) =>
          authenticateClient(deps, tx, evidence, { issuer, now: at }),
        )
  mustNotHurry(core, client)
  mustBeEnabled(client)
  return client
}

/** Only one who has authenticated is counted: nobody can use up what is another's. */
export function mustNotHurry({ clientLimit }: OauthCore, { id }: Client): void {
  const retryAfterSeconds = clientLimit(id)
  if (retryAfterSeconds === 0) return
  refuse('rate-limited', `client ${id} asks too often`, { facts: { retryAfterSeconds } })
}

function mustBeEnabled({ id, state }: Client): void {
  if (state === 'enabled') return
  refuse('client-disabled', `client ${id} is disabled`, {
    next: `credctl client enable ${id}`,
    facts: { clientId: id },
  })
}

/** Under whose name a client's own deeds are on record. */
export const contextOf = ({ id }: Client, { origin, requestId }: OauthRequest): Context => ({
  caller: { actor: `client:${id}`, scopes: [], origin },
  requestId,
})
