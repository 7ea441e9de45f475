import type { Origin } from '#domain/audit/entry.ts'
import { sameBytes } from '#domain/feed/same-bytes.ts'
import { refuse } from '#kernel/problem.ts'
import type { Caller, Deps } from './deps.ts'
import { LOCAL_VERIFIER } from './follower.ts'
import { verifyToken } from './verify-token.ts'

const FEED_SCOPE = 'feed:follow'

/**
 * Says who calls, by one of our own tokens for the issuer as audience (RFC 6750 §2.1).
 * Refusals: `authentication-needed`, `token-refused`.
 */
export async function authenticateBearer(
  deps: Deps,
  issuer: string,
  authorization: string | undefined,
  origin: Origin,
): Promise<Caller> {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) {
    return refuse('authentication-needed', 'the admin API needs a token of this authority', {
      next: 'on the authority: credctl token issue --client C --scope admin:credentials:read … -o token; then set CREDCTL_TOKEN',
    })
  }
  const { verdict, claims, detail, message, reason, revocationId } = await verifyToken(deps, {
    token,
    audience: issuer,
    scopes: [],
  })
  if (verdict !== 'accepted' || claims === undefined) {
    const said = message === undefined ? '' : `: ${message}`
    return refuse('token-refused', `your token is not accepted: ${detail ?? verdict}${said}`, {
      next: 'set CREDCTL_TOKEN to a fresh token for the audience of the issuer',
      facts: {
        verdict,
        ...(reason === undefined ? {} : { reason }),
        ...(revocationId === undefined ? {} : { revocationId }),
      },
    })
  }
  return {
    actor: `client:${String(claims['client_id'])}`,
    // The feed is for verifiers: a token never follows it, whatever somebody registered for a client.
    scopes: String(claims['scope'])
      .split(' ')
      .filter((scope) => scope !== FEED_SCOPE),
    origin,
    credentialId: String(claims['jti']),
  }
}

/** What marks a verifier's credential, for whoever scans for leaked secrets too. */
const CREDENTIAL = /^Bearer +cvk_([0-9a-z]{22})_([A-Za-z0-9_-]{43})$/i

/** Whether somebody presents what looks like the credential of a verifier. */
export const isVerifierCredential = (authorization: string | undefined): boolean =>
  /^Bearer +cvk_/i.test(authorization ?? '')

/** Whether somebody presents what may be one of our tokens. */
export const isTokenLike = (authorization: string | undefined): boolean =>
  /^Bearer +eyJ/i.test(authorization ?? '')

/**
 * Says which verifier calls. Its credential opens the feed and nothing else. Unknown, wrong and
 * removed ones are told alike. Refusals: `authentication-needed`, `token-refused`.
 */
export async function authenticateVerifier(
  { store, signer }: Deps,
  authorization: string | undefined,
  origin: Origin,
): Promise<Caller> {
  if (authorization === undefined) {
    return refuse('authentication-needed', 'the feed needs the credential of a verifier', {
      next: 'credctl verifier create NAME, and give the verifier its credential',
    })
  }
  const [, name = '', secret = ''] = CREDENTIAL.exec(authorization) ?? []
  const given = signer.hashSecret(secret)
  const verifier = await store.read((tx) => tx.findVerifier(`ver_${name}`))
  const isGood = sameBytes(given, verifier?.secretHash ?? new Uint8Array(given.length))
  if (verifier === undefined || verifier.removedAt !== undefined || !isGood) {
    return refuse('token-refused', 'no verifier has this credential, or it was removed', {
      next: 'credctl verifier create NAME, and give the verifier its credential',
    })
  }
  return followerOf(verifier.id, origin)
}

/** A verifier on this very machine, which needs no credential. */
export const localVerifier = (origin: Origin): Caller => followerOf(LOCAL_VERIFIER, origin)

const followerOf = (verifierId: string, origin: Origin): Caller => ({
  actor: `verifier:${verifierId}`,
  scopes: [FEED_SCOPE],
  origin,
  verifierId,
})
