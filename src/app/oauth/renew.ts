import type { Client } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { claimsOf, type ParsedToken, parseToken } from '#domain/credential/token.ts'
import { decideRenewal } from '#domain/issuance/renew.ts'
import { readAsked } from '#domain/oauth/asked.ts'
import { type Presented, refuseClient } from '#domain/oauth/presented.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading } from '#store/port.ts'
import { clientOf } from '#app/clients.ts'
import type { Deps } from '#app/deps.ts'
import { decideSigned, signatureFault } from '#app/verify-token.ts'
import type { DecideGrant, GrantOrder, Granting, OauthRequest } from './grants.ts'

export const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/**
 * RFC 8693, with one of our own tokens as its subject: a live token is exchanged for one that lives
 * longer, or may do less. It derives from it: session, sign-in, trust and tags are inherited, so that
 * whatever revokes those, or the token with what derives from it, takes it along.
 *
 * A client that has credentials proves itself by them; one without renews by holding the token.
 *
 * Refusals: `subject-refused`, the same to its sender whatever is wrong with the token; `client-refused`,
 * `scope-refused`, `audience-refused`.
 */
export async function beginRenewal(
  deps: Deps,
  { form, presented }: OauthRequest,
): Promise<DecideGrant> {
  const text = form.one('subject_token') ?? refuse('request-invalid', 'subject_token is missing')
  const asked = readAsked(form)
  const parsed = parseToken(text)
  if (typeof parsed === 'string') return refuseSubject(`it is no token: ${parsed}`)
  // Here, so that what is forged keeps no writer waiting. What may have changed since is asked again
  // in the transaction, after position and time.
  await deps.store.read(async (tx) => {
    const fault = await signatureFault(deps, tx, parsed, (await tx.authority())?.issuer ?? '')
    if (fault !== undefined) refuseSubject(fault)
    await liveSubject(deps, tx, parsed)
  })
  return async (tx, { ground, client: proven }) => {
    const parent = await liveSubject(deps, tx, parsed)
    const client = await clientFor(tx, parent, { proven, presented })
    return orderOf(deps, tx, parent, { client, ground, asked, isProven: proven !== undefined })
  }
}

const refuseSubject = (because: string, credentialId?: string): never =>
  refuse('subject-refused', 'the subject token is not one that can be exchanged', {
    next: 'get a new token: credctl token issue',
    facts: { because, ...(credentialId === undefined ? {} : { credentialId }) },
  })

/** The record of a token that is good at this moment; in grace it is not, though servers still take it. */
async function liveSubject(deps: Deps, tx: Reading, parsed: ParsedToken): Promise<Credential> {
  const { verdict, detail, graceSeconds, claims } = await decideSigned(deps, tx, parsed)
  const id = typeof claims?.['jti'] === 'string' ? claims['jti'] : undefined
  if (verdict !== 'accepted') return refuseSubject(detail ?? `it is ${verdict}`, id)
  if (graceSeconds !== undefined) return refuseSubject('it is revoked, and in its grace period', id)
  const credential = id === undefined ? undefined : await tx.findCredential(id)
  const issuer = (await tx.authority())?.issuer ?? ''
  if (credential === undefined || !isOnRecord(credential, issuer, parsed)) {
    // Signed, and not by us: whoever has stolen a key must not get a token of another key for it.
    return refuseSubject('it is not on record as it stands', id)
  }
  return credential
}

/** Every claim that its record would be given is the token's. */
const isOnRecord = (credential: Credential, issuer: string, { header, claims }: ParsedToken) =>
  header['kid'] === credential.keyId &&
  Object.entries(claimsOf(credential, issuer)).every(
    ([name, value]) => JSON.stringify(value) === JSON.stringify(claims[name]),
  )

/** The client that the token is of, as far as it has to prove itself. */
async function clientFor(
  tx: Reading,
  { clientId, id }: Credential,
  { proven, presented }: { readonly proven: Client | undefined; readonly presented: Presented },
): Promise<Client> {
  if (proven !== undefined) {
    return proven.id === clientId ? proven : refuseSubject('it is of another client', id)
  }
  const client = await clientOf(tx, clientId)
  if (0 < client.authMethods.length) return refuseClient('no credentials, and its client has some')
  if (presented.clientId !== undefined && presented.clientId !== clientId) {
    return refuseClient('a token of another client than client_id names')
  }
  return client
}

async function orderOf(
  deps: Deps,
  tx: Reading,
  parent: Credential,
  {
    client,
    ground,
    asked,
    isProven,
  }: Pick<Granting, 'ground'> & {
    readonly client: Client
    readonly asked: ReturnType<typeof readAsked>
    readonly isProven: boolean
  },
): Promise<GrantOrder> {
  const { trustId } = parent
  const trust = trustId === undefined ? undefined : await tx.findTrust(trustId)
  if (trustId !== undefined && (trust?.mode !== 'enforce' || trust.clientId !== client.id)) {
    return refuseSubject('its trust gives nothing any more', parent.id)
  }
  const { scopes, audience, ttlSeconds, clampedFromSeconds } = decideRenewal(parent, asked, {
    client,
    trust,
    policy: deps.policy,
    issuer: ground.issuer,
    now: ground.time.at,
    isProven,
  })
  return {
    client,
    order: {
      scopes,
      audience,
      subject: parent.subject,
      ttlSeconds,
      tags: parent.tags,
      // It carries them itself, and gets no more.
      held: parent.scopes,
      trustId,
      parent,
    },
    detail: {
      parentId: parent.id,
      sessionId: parent.sessionId,
      ...(clampedFromSeconds === undefined ? {} : { clampedFromSeconds }),
    },
    members: { issued_token_type: ACCESS_TOKEN },
  }
}
