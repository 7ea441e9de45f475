import { listAudit } from '#app/audit.ts'
import { showAuthority } from '#app/authority.ts'
import { addClientKeys, removeClientKey, rotateClientSecret } from '#app/client-rotation.ts'
import {
  createClient,
  deleteClient,
  disableClient,
  enableClient,
  listClients,
  showClient,
  updateClient,
} from '#app/clients.ts'
import { listCredentials, showCredential } from '#app/credentials.ts'
import type { Caller, Deps } from '#app/deps.ts'
import { issueTokens } from '#app/issue.ts'
import { listKeys, rotateKey, showKey } from '#app/keys.ts'
import { verifyToken } from '#app/verify-token.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Input } from '#contract/route.ts'
import { formatInstant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Operating } from './dispatch.ts'
import { feedOperations } from './feed-operations.ts'
import { present } from './present.ts'
import { revocationOperations } from './revocation-operations.ts'
import { trustOperations } from './trust-operations.ts'
import { verifierOperations } from './verifier-operations.ts'
import {
  auditToWire,
  clientToWire,
  credentialToWire,
  keyToWire,
  optionalInstant,
  pageToWire,
} from './wire.ts'

/** The operations of the contract, each a use case between two translations. */
export const createOperations = (deps: Deps): Operating => ({
  ...authorityOperations(deps),
  ...clientOperations(deps),
  ...credentialOperations(deps),
  ...revocationOperations(deps),
  ...keyOperations(deps),
  ...auditOperations(deps),
  ...trustOperations(deps),
  ...verifierOperations(deps),
  ...feedOperations(deps),
})

type Some<K extends keyof Operating> = Pick<Operating, K>

const authorityOperations = (deps: Deps): Some<'showAuthority'> => ({
  async showAuthority() {
    const { issuer, keyId, position, now } = await showAuthority(deps)
    const { version, policy } = deps
    return {
      issuer,
      version,
      keyId,
      position,
      now: formatInstant(now),
      policyVersion: policy.version,
    }
  },
})

const clientOperations = (
  deps: Deps,
): Some<
  | 'createClient'
  | 'listClients'
  | 'showClient'
  | 'updateClient'
  | 'disableClient'
  | 'enableClient'
  | 'deleteClient'
  | 'addClientKeys'
  | 'removeClientKey'
  | 'rotateClientSecret'
> => ({
  async addClientKeys(input, call) {
    const { client, added } = await addClientKeys(deps, call, input)
    return { client: clientToWire(client), added: [...added] }
  },
  async removeClientKey(input, call) {
    return { client: clientToWire(await removeClientKey(deps, call, input)) }
  },
  async rotateClientSecret(input, call) {
    const { client, clientSecret, previousExpireAt } = await rotateClientSecret(deps, call, input)
    return {
      client: clientToWire(client),
      clientSecret,
      ...(previousExpireAt === undefined
        ? {}
        : { previousExpireAt: formatInstant(previousExpireAt) }),
    }
  },
  async createClient(input, call) {
    const { client, clientSecret } = await createClient(deps, call, input)
    const wire = clientToWire(client)
    return clientSecret === undefined ? { client: wire } : { client: wire, clientSecret }
  },
  async listClients({ limit, cursor, ...filter }) {
    return pageToWire(await listClients(deps, present(filter), { limit, cursor }), clientToWire)
  },
  async showClient({ id }) {
    return clientToWire(await showClient(deps, id))
  },
  async updateClient(input, call) {
    return clientToWire(await updateClient(deps, call, input))
  },
  async disableClient({ id }, call) {
    const { client, ...rest } = await disableClient(deps, call, id)
    return { client: clientToWire(client), ...rest }
  },
  async enableClient({ id }, call) {
    return { client: clientToWire(await enableClient(deps, call, id)) }
  },
  async deleteClient({ id }, call) {
    const { client, ...rest } = await deleteClient(deps, call, id)
    return { client: clientToWire(client), ...rest }
  },
})

const credentialOperations = (
  deps: Deps,
): Some<'issueTokens' | 'listCredentials' | 'showCredential' | 'verifyToken'> => ({
  async issueTokens(input, call) {
    const issued = await issueTokens(deps, call, input)
    return {
      items: issued.map(({ token, ttlSeconds, clampedFromSeconds, ...view }) => ({
        token,
        tokenType: 'Bearer' as const,
        expiresIn: ttlSeconds,
        ...(clampedFromSeconds === undefined ? {} : { clampedFrom: clampedFromSeconds }),
        credential: credentialToWire(view),
      })),
    }
  },
  async listCredentials(input) {
    const { limit, cursor, ...filter } = input
    return pageToWire(
      await listCredentials(deps, credentialQuery(filter), { limit, cursor }),
      credentialToWire,
    )
  },
  async showCredential({ id }) {
    return credentialToWire(await showCredential(deps, id))
  },
  async verifyToken(input, { caller }) {
    refuseReaching(input.issuer, caller)
    const { claims, ...decision } = await verifyToken(deps, input)
    return claims === undefined ? decision : { ...decision, claims: { ...claims } }
  },
})

/**
 * Another issuer's keys are fetched by this machine, from where it stands in its network. Somebody far
 * away may send it to a public issuer, which has TLS, and not to what listens next to it.
 */
function refuseReaching(issuer: string | undefined, { scopes }: Caller): void {
  if (scopes === 'all' || issuer === undefined || issuer.startsWith('https://')) return
  refuse('policy-denied', 'from afar only an https issuer may be named', {
    next: 'verify it on the machine of the authority, or give an https issuer',
  })
}

function credentialQuery(
  filter: Omit<Input<AdminApi['listCredentials']>, 'limit' | 'cursor'>,
): Parameters<typeof listCredentials>[1] {
  const { tag, issuedAfter, issuedBefore, expiresBefore, ...rest } = filter
  return present({
    ...rest,
    tag: tag === undefined ? undefined : tagOf(tag),
    issuedAfter: optionalInstant(issuedAfter),
    issuedBefore: optionalInstant(issuedBefore),
    expiresBefore: optionalInstant(expiresBefore),
  })
}

function tagOf(text: string): { key: string; value: string } {
  const at = text.indexOf('=')
  if (at <= 0) refuse('request-invalid', 'a tag is given as key=value')
  return { key: text.slice(0, at), value: text.slice(at + 1) }
}

const keyOperations = (deps: Deps): Some<'listKeys' | 'showKey' | 'rotateKey'> => ({
  async listKeys({ limit, cursor, purpose, state }) {
    const filter = present({ purpose, states: state === undefined ? undefined : [state] })
    return pageToWire(await listKeys(deps, filter, { limit, cursor }), keyToWire)
  },
  async showKey({ id }) {
    return keyToWire(await showKey(deps, id))
  },
  async rotateKey({ purpose }, call) {
    const { key, previous } = await rotateKey(deps, call, purpose)
    return previous === undefined
      ? { key: keyToWire(key) }
      : { key: keyToWire(key), previous: keyToWire(previous) }
  },
})

const auditOperations = (deps: Deps): Some<'listAudit'> => ({
  async listAudit({ limit, cursor, after, before, ...filter }) {
    const bounds = { after: optionalInstant(after), before: optionalInstant(before) }
    const page = await listAudit(deps, present({ ...filter, ...bounds }), { limit, cursor })
    return pageToWire(page, auditToWire)
  },
})
