import type { AuthMethod, Client } from '#domain/client/client.ts'
import { refuseBreakGlass, refuseEscalation } from '#domain/issuance/issue.ts'
import { formatDuration } from '#kernel/duration.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { CLIENT_KEYS_MAX, clientKey, hashedSecret, makeSecret } from './client-proofs.ts'
import { clientOf } from './clients.ts'
import type { Context, Deps } from './deps.ts'
import type { Memory } from './idempotency.ts'
import { record } from './record.ts'

/**
 * Whoever gives a client a key or a secret of his own can be that client, so he needs what it needs
 * administrative scopes for, as whoever registers it.
 */
function refuseTakeover(deps: Deps, { caller }: Context, client: Client): void {
  refuseBreakGlass(client.id, deps.policy, caller.scopes)
  refuseEscalation(client.scopes, caller.scopes)
}

/** Has a client sign with more keys; those that it has stay. One that it has already changes nothing. */
export function addClientKeys(
  deps: Deps,
  context: Context,
  { id, keys }: { id: string; keys: readonly Readonly<Record<string, unknown>>[] },
): Promise<{ readonly client: Client; readonly added: readonly string[] }> {
  const deed = { action: 'client.key.add', target: `client:${id}` }
  return record(deps, context, deed, async (tx) => {
    const client = await clientOf(tx, id)
    refuseTakeover(deps, context, client)
    const known = new Map(client.keys.map((key) => [key.id, key]))
    const added: string[] = []
    for (const jwk of keys) {
      const key = clientKey(jwk, deps.clock.now())
      if (!known.has(key.id)) added.push(key.id)
      known.set(key.id, known.get(key.id) ?? key)
    }
    if (CLIENT_KEYS_MAX < known.size) {
      refuse('request-invalid', `a client has at most ${CLIENT_KEYS_MAX} keys`, {
        next: `remove one that is not used any more: credctl client key remove ${id} KEY`,
      })
    }
    const next = { ...withMethod(client, 'private-key-jwt'), keys: [...known.values()] }
    await tx.updateClient(next)
    return { result: { client: next, added }, detail: { added } }
  })
}

const withMethod = (client: Client, method: AuthMethod): Client =>
  client.authMethods.includes(method)
    ? client
    : { ...client, authMethods: [...client.authMethods, method] }

/** Takes a key from a client: what it signs from now on proves nothing. */
export function removeClientKey(
  deps: Deps,
  context: Context,
  { id, keyId }: { id: string; keyId: string },
): Promise<Client> {
  const deed = { action: 'client.key.remove', target: `client:${id}` }
  return record(deps, context, deed, async (tx) => {
    const client = await clientOf(tx, id)
    refuseBreakGlass(client.id, deps.policy, context.caller.scopes)
    const keys = client.keys.filter((key) => key.id !== keyId)
    if (keys.length === client.keys.length) {
      refuse('key-unknown', `client ${id} has no key ${keyId.slice(0, 64)}`, {
        next: `credctl client show ${id}`,
        facts: { clientId: id, keys: client.keys.map((key) => key.id) },
      })
    }
    const others = client.authMethods.filter((method) => method !== 'private-key-jwt')
    if (keys.length === 0 && others.length === 0) {
      refuse('request-invalid', 'that is the last thing by which it can prove itself', {
        next: `first add another: credctl client key add ${id} --key FILE; or stop it: credctl client disable ${id}`,
      })
    }
    const authMethods = keys.length === 0 ? others : client.authMethods
    const next: Client = { ...client, keys, authMethods }
    await tx.updateClient(next)
    return { result: next, detail: { keyId } }
  })
}

export interface RotatedSecret {
  readonly client: Client
  readonly clientSecret: string
  /** Until when those that it had are good too; absent where it had none. */
  readonly previousExpireAt?: Instant
}

/** A secret whose answer was lost can be told again for a day, and is sealed until then. */
const rotatedMemory = ({ signer }: Deps, { caller }: Context): Memory<RotatedSecret> => ({
  keep: ({ clientSecret, ...rest }) => ({
    ...rest,
    sealed: signer.sealText(rest.client.id, clientSecret),
  }),
  async bring(_, kept) {
    const { sealed, ...rest } = kept as Omit<RotatedSecret, 'clientSecret'> & { sealed: string }
    refuseEscalation(rest.client.scopes, caller.scopes)
    return { ...rest, clientSecret: signer.openText(rest.client.id, sealed) }
  },
})

/**
 * Makes a new secret, which is answered once and kept only as a keyed hash. Those before it end at
 * once, or after the overlap: whoever holds one has until then to put the new one in its place.
 */
export function rotateClientSecret(
  deps: Deps,
  context: Context,
  { id, overlapSeconds }: { id: string; overlapSeconds: number },
): Promise<RotatedSecret> {
  const deed = { action: 'client.secret.rotate', target: `client:${id}` }
  return record<RotatedSecret>(
    deps,
    context,
    deed,
    async (tx) => {
      const client = await clientOf(tx, id)
      refuseTakeover(deps, context, client)
      refuseLong(overlapSeconds, deps.policy.clientAuthentication.secretOverlapSecondsMax)
      const now = deps.clock.now()
      const at = instant(now + overlapSeconds * 1000)
      const isFirst = (await tx.clientSecrets(id)).length === 0
      await tx.endClientSecrets(id, { at, now })
      const clientSecret = makeSecret(deps)
      await tx.insertClientSecret(hashedSecret(deps, id, clientSecret, now))
      const next = withMethod(client, 'secret')
      if (next !== client) await tx.updateClient(next)
      return {
        result: { client: next, clientSecret, ...(isFirst ? {} : { previousExpireAt: at }) },
        detail: { overlapSeconds },
      }
    },
    rotatedMemory(deps, context),
  )
}

function refuseLong(overlapSeconds: number, secondsMax: number): void {
  if (overlapSeconds <= secondsMax) return
  refuse(
    'policy-denied',
    `two secrets are good together for ${formatDuration(secondsMax)} at most`,
    {
      next: `credctl client secret rotate … --overlap ${formatDuration(secondsMax)}`,
      facts: { overlapSeconds, secondsMax },
    },
  )
}
