import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose'
import { joinCompact, type ParsedToken } from '#domain/credential/token.ts'
import { type Instant, toDate } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { ForeignIssuers, IdentityFinding } from './port.ts'

/**
 * Reads a JSON document over HTTP; `undefined` where there is none to be had. Given by `boot`. With
 * `onlyPublic` a name that resolves to a private, loopback or link-local address is not spoken to.
 */
export type FetchDocument = (
  url: string,
  options?: { readonly onlyPublic?: boolean },
) => Promise<unknown>

/** Asymmetric only: with a symmetric one, a public key could be used to forge. */
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA', 'Ed25519']
const LEEWAY_SECONDS = 2

/** Other issuers by what they publish: RFC 8414 metadata, or OpenID's, and the key set it names. */
export function createForeignIssuers(fetchDocument: FetchDocument): ForeignIssuers {
  return {
    async verify(issuer, parsed, now) {
      const keys = await keySetOf(issuer, fetchDocument)
      const { isSigned: _, ...finding } = await verifyBy(keys, { issuer, parsed, now })
      return finding
    },
  }
}

/** What an issuer's keys say of a token: its signature, its issuer and its times. */
export async function verifyBy(
  keys: JSONWebKeySet,
  { issuer, parsed, now }: { issuer: string; parsed: ParsedToken; now: Instant },
): Promise<IdentityFinding> {
  try {
    // jose reads spellings that are not canonical; put together from what was parsed there are none.
    const { payload } = await jwtVerify(joinCompact(parsed), createLocalJWKSet(keys), {
      issuer,
      algorithms: ALGORITHMS,
      currentDate: toDate(now),
      clockTolerance: LEEWAY_SECONDS,
      requiredClaims: ['exp'],
    })
    return { verdict: 'accepted', isSigned: true, claims: payload }
  } catch (failure) {
    return findingOf(failure)
  }
}

/** RFC 8414 §3 puts the well-known part before the issuer's path; OpenID Connect puts it behind. */
export async function keySetOf(
  issuer: string,
  fetchDocument: FetchDocument,
): Promise<JSONWebKeySet> {
  if (!/^https?:\/\/[^\s?#]+$/.test(issuer)) {
    refuse('request-invalid', 'an issuer is an http or https URL without query and fragment')
  }
  const [, origin = '', path = ''] =
    /^(https?:\/\/[^/]+)(.*)$/.exec(issuer.replace(/\/$/, '')) ?? []
  const places = [
    `${origin}/.well-known/oauth-authorization-server${path}`,
    `${origin}${path}/.well-known/openid-configuration`,
  ]
  for (const place of places) {
    const metadata = (await fetchDocument(place)) as Readonly<Record<string, unknown>> | undefined
    // RFC 8414 §3.3: metadata of another issuer must not be used.
    const uri = metadata?.['jwks_uri']
    if (metadata?.['issuer'] !== issuer || typeof uri !== 'string') continue
    // RFC 8414 §2 has it under https; over http whoever is on the way could put in keys of his own.
    if (issuer.startsWith('https:') && !uri.startsWith('https:')) continue
    const keys = (await fetchDocument(uri)) as JSONWebKeySet | undefined
    if (Array.isArray(keys?.keys)) return keys
  }
  return refuse('issuer-unreachable', `no key set of issuer ${issuer} can be had`, {
    next: 'check the issuer and that its metadata names a jwks_uri, then try again',
    facts: { issuer },
  })
}

/** jose looks at the claims of nothing whose signature does not hold. */
function findingOf(failure: unknown): IdentityFinding {
  if (failure instanceof errors.JWTExpired) {
    const { payload: claims } = failure
    return { verdict: 'expired', isSigned: true, detail: 'it has expired', claims }
  }
  if (failure instanceof errors.JWTClaimValidationFailed) {
    const { claim } = failure
    const verdict = claim === 'nbf' ? 'not-yet-valid' : 'invalid'
    // By one of this issuer's keys and in the name of another, it is nobody's.
    const isSigned = claim !== 'iss'
    return { verdict, isSigned, detail: `its claim ${claim} is not acceptable` }
  }
  const detail =
    failure instanceof errors.JOSEError
      ? 'its signature does not hold by the keys of its issuer'
      : // jose was given data only, so what it could not import is a key that its issuer publishes.
        'the key that its issuer publishes for it cannot be used'
  return { verdict: 'invalid', isSigned: false, detail }
}
