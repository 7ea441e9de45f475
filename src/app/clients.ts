import type { AuthMethod, Client, Tier } from '#domain/client/client.ts'
import { refuseBreakGlass, refuseEscalation } from '#domain/issuance/issue.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Instant } from '#kernel/instant.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { ClientFilter, Reading } from '#store/port.ts'
import type { Context, Deps } from './deps.ts'
import type { Memory } from './idempotency.ts'
import { clientKey, hashedSecret, makeSecret } from './client-proofs.ts'
import { record } from './record.ts'
import { revokeForEvent } from './revoke.ts'

export interface NewClient {
  readonly id: string
  readonly tier: Tier
  readonly scopes: readonly string[]
  readonly audiences: readonly string[]
  readonly auth: AuthMethod
  readonly keys: readonly Readonly<Record<string, unknown>>[]
  readonly secret?: string | undefined
  readonly tags: Readonly<Record<string, string>>
}

/** The client, or the refusal that names the way to find the right one. */
export async function clientOf(tx: Reading, id: string): Promise<Client> {
  return (
    (await tx.findClient(id)) ??
    refuse('client-unknown', `no client ${id} is registered`, {
      next: 'credctl client list',
      facts: { clientId: id },
    })
  )
}

export interface Created {
  readonly client: Client
  readonly clientSecret?: string
}

/** A secret whose answer was lost can be told again for a day, and is sealed until then. */
const createdMemory = ({ signer }: Deps, { caller }: Context): Memory<Created> => ({
  keep: ({ client, clientSecret }) => ({
    client,
    sealed: clientSecret === undefined ? null : signer.sealText(client.id, clientSecret),
  }),
  async bring(_, kept) {
    const { client, sealed } = kept as { client: Client; sealed: string | null }
    // The same actor may hold a lesser token by now; it is not handed what a greater one was.
    refuseEscalation(client.scopes, caller.scopes)
    return sealed === null
      ? { client }
      : { client, clientSecret: signer.openText(client.id, sealed) }
  },
})

/**
 * The fingerprint of a request with an imported secret, keyed: a plain hash in the database would let
 * whoever reads it try guesses past the slow one.
 */
function keyedFingerprint({ signer }: Deps, context: Context): Context {
  if (context.idempotency === undefined) return context
  const { key, fingerprint } = context.idempotency
  const keyed = encodeBase64url(signer.hashSecret(fingerprint))
  return { ...context, idempotency: { key, fingerprint: keyed } }
}

/** Registers a client. A secret that we make is answered once and kept only as a keyed hash. */
export function createClient(deps: Deps, context: Context, request: NewClient): Promise<Created> {
  const deed = { action: 'client.create', target: `client:${request.id}` }
  return record<Created>(
    deps,
    request.secret === undefined ? context : keyedFingerprint(deps, context),
    deed,
    async (tx) => {
      refuseBreakGlass(request.id, deps.policy, context.caller.scopes)
      refuseEscalation(request.scopes, context.caller.scopes)
      refuseMismatch(request)
      if ((await tx.findClient(request.id)) !== undefined) {
        refuse('client-exists', `a client ${request.id} is registered already`, {
          next: `credctl client show ${request.id}`,
          facts: { clientId: request.id },
        })
      }
      const now = deps.clock.now()
      const client = newClient(request, now)
      await tx.insertClient(client)
      if (request.auth !== 'secret') {
        return { result: { client }, detail: registered(client) }
      }
      const made = request.secret === undefined ? makeSecret(deps) : undefined
      await tx.insertClientSecret(hashedSecret(deps, request.id, made ?? request.secret ?? '', now))
      return {
        result: made === undefined ? { client } : { client, clientSecret: made },
        detail: registered(client),
      }
    },
    createdMemory(deps, context),
  )
}

function refuseMismatch({ id, auth, keys, secret }: NewClient): void {
  const next = `credctl client create ${id} --help`
  if (auth === 'private-key-jwt' && keys.length === 0) {
    refuse('request-invalid', 'a client that signs its assertions needs a public key', {
      next: 'give it with --key FILE',
    })
  }
  if (auth !== 'private-key-jwt' && 0 < keys.length) {
    refuse('request-invalid', 'a key is of use only with --auth private-key-jwt', { next })
  }
  if (auth !== 'secret' && secret !== undefined) {
    refuse('request-invalid', 'a secret is of use only with --auth secret', { next })
  }
}

const newClient = (request: NewClient, now: Instant): Client => ({
  id: request.id,
  tier: request.tier,
  scopes: unique(request.scopes),
  audiences: unique(request.audiences),
  authMethods: request.auth === 'none' ? [] : [request.auth],
  keys: request.keys.map((jwk) => clientKey(jwk, now)),
  state: 'enabled',
  tags: request.tags,
  createdAt: now,
})

const unique = (values: readonly string[]): string[] => [...new Set(values)]

const registered = ({ tier, scopes, audiences, authMethods }: Client) => ({
  tier,
  scopes,
  audiences,
  authMethods,
})

export interface ClientChange {
  readonly id: string
  readonly scopes?: readonly string[] | undefined
  readonly tier?: Tier | undefined
  readonly audiences?: readonly string[] | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
}

export function updateClient(deps: Deps, context: Context, change: ClientChange): Promise<Client> {
  const deed = { action: 'client.update', target: `client:${change.id}` }
  return record(deps, context, deed, async (tx) => {
    const client = await clientOf(tx, change.id)
    refuseBreakGlass(client.id, deps.policy, context.caller.scopes)
    const added = change.scopes?.filter((scope) => !client.scopes.includes(scope)) ?? []
    refuseEscalation(added, context.caller.scopes)
    const next: Client = {
      ...client,
      scopes: change.scopes === undefined ? client.scopes : unique(change.scopes),
      tier: change.tier ?? client.tier,
      audiences: change.audiences === undefined ? client.audiences : unique(change.audiences),
      tags: change.tags ?? client.tags,
    }
    await tx.updateClient(next)
    return { result: next, detail: { before: registered(client), after: registered(next) } }
  })
}

export interface ClientEnded {
  readonly client: Client
  /** The revocation that took what the client held. */
  readonly revocationId?: string
}

const ended = (client: Client, revocation: Revocation | undefined): ClientEnded =>
  revocation === undefined ? { client } : { client, revocationId: revocation.id }

/** Stops issuing to a client, and revokes what it holds in the same transaction. */
export function disableClient(deps: Deps, context: Context, id: string): Promise<ClientEnded> {
  const deed = { action: 'client.disable', target: `client:${id}` }
  return record<ClientEnded>(deps, context, deed, async (tx) => {
    const client = await clientOf(tx, id)
    if (client.state === 'disabled') return { result: { client }, detail: { already: true } }
    const next: Client = { ...client, state: 'disabled' }
    await tx.updateClient(next)
    const revocation = await revokeForEvent(deps, context, tx, { clients: [id] })
    return { result: ended(next, revocation), detail: { revocationId: revocation?.id ?? null } }
  })
}

/** Issues to a client again. What was revoked when it was disabled stays revoked. */
export function enableClient(deps: Deps, context: Context, id: string): Promise<Client> {
  const deed = { action: 'client.enable', target: `client:${id}` }
  return record(deps, context, deed, async (tx) => {
    const client = await clientOf(tx, id)
    const next: Client = { ...client, state: 'enabled' }
    if (client.state === 'disabled') await tx.updateClient(next)
    return { result: next, detail: client.state === 'enabled' ? { already: true } : {} }
  })
}

/** Removes a client, and revokes what it holds in the same transaction; its records stay. */
export function deleteClient(deps: Deps, context: Context, id: string): Promise<ClientEnded> {
  const deed = { action: 'client.delete', target: `client:${id}` }
  return record<ClientEnded>(deps, context, deed, async (tx) => {
    const client = await clientOf(tx, id)
    const revocation = await revokeForEvent(deps, context, tx, { clients: [id] })
    await tx.deleteClient(id)
    return {
      result: ended(client, revocation),
      detail: { revocationId: revocation?.id ?? null, ...registered(client) },
    }
  })
}

export const listClients = (
  { store }: Deps,
  filter: ClientFilter,
  page: PageRequest,
): Promise<Page<Client>> => store.read((tx) => tx.listClients(filter, page))

export const showClient = ({ store }: Deps, id: string): Promise<Client> =>
  store.read((tx) => clientOf(tx, id))
