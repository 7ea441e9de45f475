import type { Client, ClientKey } from '#domain/client/client.ts'
import { type ParsedToken, parseToken } from '#domain/credential/token.ts'
import { algorithmsOf, readAsserted } from '#domain/oauth/assertion.ts'
import { onceKey } from '#domain/oauth/once.ts'
import { type Presented, refuseClient } from '#domain/oauth/presented.ts'
import { isOurSecret, isSecretValid, sameSecretBytes } from '#domain/oauth/secret.ts'
import { fromSeconds, type Instant, toSeconds } from '#kernel/instant.ts'
import type { Reading, Writing } from '#store/port.ts'
import type { Deps } from '#app/deps.ts'
import type { Gate } from './secret-gate.ts'

/** What is worked out of what a caller shows, before any transaction; still nothing is believed. */
export type Evidence =
  | { readonly kind: 'none'; readonly clientId: string | undefined }
  | { readonly kind: 'assertion'; readonly clientId: string; readonly assertion: ParsedToken }
  | {
      readonly kind: 'secret'
      readonly clientId: string
      readonly method: 'hmac-sha256' | 'scrypt'
      readonly hash: Uint8Array
    }

const ASSERTION_CHARACTERS_MAX = 8192
const NO_SALT = new Uint8Array(16)

/**
 * Works out what does not depend on who the client is, or only on its salt. A secret of our form costs
 * a fast hash and any other a slow one, whether or not there is such a client: neither the time nor the
 * answer tells whether there is. Refusals: `client-refused`, `rate-limited`.
 */
export async function gatherEvidence(
  { store, signer }: Deps,
  gate: Gate,
  presented: Presented,
): Promise<Evidence> {
  if (presented.kind === 'none') return { kind: 'none', clientId: presented.clientId }
  if (presented.kind === 'assertion') return readAssertion(presented)
  const { clientId, secret } = presented
  if (isOurSecret(secret)) {
    return { kind: 'secret', clientId, method: 'hmac-sha256', hash: signer.hashSecret(secret) }
  }
  const hash = await gate.pass(async () => {
    const secrets = await store.read((tx) => tx.clientSecrets(clientId))
    const imported = secrets.findLast(({ method }) => method === 'scrypt')
    return signer.hashImportedSecretAside(secret, imported?.salt ?? NO_SALT)
  })
  return { kind: 'secret', clientId, method: 'scrypt', hash }
}

function readAssertion(presented: Presented & { readonly kind: 'assertion' }): Evidence {
  const assertion = parseToken(presented.assertion, ASSERTION_CHARACTERS_MAX)
  if (typeof assertion === 'string') return refuseClient(`an assertion that is none: ${assertion}`)
  const { sub } = assertion.claims
  if (typeof sub !== 'string') return refuseClient('an assertion without sub')
  if (presented.clientId !== undefined && presented.clientId !== sub) {
    return refuseClient('an assertion of another client than client_id names')
  }
  return { kind: 'assertion', clientId: sub, assertion }
}

/** What a client proves itself at. */
export interface Counter {
  readonly issuer: string
  readonly now: Instant
}

/**
 * The client that the evidence proves, disabled or not: that is another question, and answered only to
 * the client itself. An assertion is used up by it. Refusal: `client-refused`, the same for every cause.
 */
export async function authenticateClient(
  deps: Deps,
  tx: Writing,
  evidence: Evidence,
  counter: Counter,
): Promise<Client> {
  if (evidence.kind === 'none') return refuseClient('no credentials')
  if (evidence.kind === 'secret') return bySecret(tx, evidence, counter.now)
  return byAssertion(deps, tx, evidence, counter)
}

/** As `authenticateClient`, for what can be proved without a transaction that writes. */
export async function bySecret(
  tx: Reading,
  { clientId, method, hash }: Evidence & { readonly kind: 'secret' },
  now: Instant,
): Promise<Client> {
  const client = await tx.findClient(clientId)
  const secrets = await tx.clientSecrets(clientId)
  const matching = secrets.filter(
    (secret) => secret.method === method && sameSecretBytes(secret.hash, hash),
  )
  if (client === undefined) return refuseClient('an unknown client')
  if (!client.authMethods.includes('secret')) return refuseClient('not its method')
  if (matching.length === 0) return refuseClient('a wrong secret')
  if (!matching.some((secret) => isSecretValid(secret, now))) {
    return refuseClient('a secret that another has taken the place of')
  }
  return client
}

async function byAssertion(
  deps: Deps,
  tx: Writing,
  { clientId, assertion }: Evidence & { readonly kind: 'assertion' },
  { issuer, now }: Counter,
): Promise<Client> {
  const client = await tx.findClient(clientId)
  const isSigned = isSignedBy(deps, client?.keys ?? [], assertion)
  const { assertionSecondsMax, leewaySeconds } = deps.policy.clientAuthentication
  const asserted = readAsserted(assertion, {
    issuer,
    nowSeconds: toSeconds(now),
    leewaySeconds,
    lifetimeSecondsMax: assertionSecondsMax,
  })
  if (client === undefined) return refuseClient('an unknown client')
  if (!client.authMethods.includes('private-key-jwt')) return refuseClient('not its method')
  if (!isSigned) return refuseClient('an assertion that none of its keys has signed')
  if (typeof asserted === 'string') return refuseClient(`its assertion: ${asserted}`)
  const { jti, untilSeconds } = asserted
  const hash = onceKey(`client:${client.id}`, jti)
  if (!(await tx.useOnce(hash, fromSeconds(untilSeconds)))) {
    return refuseClient('an assertion that was used before')
  }
  return client
}

/** Somebody's key, P-256: who has none of his own is checked against it, to take as long. */
const NOBODY: ClientKey = {
  id: 'nobody',
  jwk: {
    kty: 'EC',
    crv: 'P-256',
    x: 'axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY',
    y: 'T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU',
  },
  createdAt: fromSeconds(0),
}

/** The algorithm is the registered key's; a token that names another names no key of the client. */
function isSignedBy(
  { signer }: Deps,
  keys: readonly ClientKey[],
  { header, signed, signature }: ParsedToken,
): boolean {
  const { alg, kid } = header
  const candidates = keys.filter(
    ({ id, jwk }) =>
      algorithmsOf(jwk).some((name) => name === alg) &&
      (kid === undefined || kid === id || kid === jwk['kid']),
  )
  if (candidates.length === 0) {
    signer.verifyClientKey(NOBODY.id, NOBODY.jwk, signed, signature)
    return false
  }
  return candidates.some(({ id, jwk }) => signer.verifyClientKey(id, jwk, signed, signature))
}
