import type { Decision, GuardOptions, Refused } from './types.ts'

/** What a resource server answers instead of serving. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a request gave as its credential (RFC 6750 §2.1). */
export type Given =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly detail: string }

export interface GivenIn {
  /** Every `Authorization` header of the request. */
  readonly authorization: readonly string[]
  readonly url: string
}

const ALWAYS = { 'cache-control': 'no-store', 'content-type': 'application/json' }

/** `b64token` of RFC 6750 §2.1. */
const BEARER = /^Bearer +([\w.~+/-]+=*) *$/i

/**
 * The token of a request: from the `Authorization` header and from nowhere else. A second one, be it in
 * the query where logs keep it, makes the request one that nobody can mean (RFC 6750 §2).
 */
export function givenIn({ authorization, url }: GivenIn): Given {
  const [header = '', ...more] = authorization
  if (!/^Bearer(?: |$)/i.test(header)) {
    return more.length === 0
      ? { kind: 'none' }
      : { kind: 'malformed', detail: 'the request has more than one Authorization header' }
  }
  if (0 < more.length || hasQueryToken(url)) {
    return { kind: 'malformed', detail: 'the request gives its access token more than once' }
  }
  const [, token] = BEARER.exec(header) ?? []
  return token === undefined
    ? { kind: 'malformed', detail: 'the Authorization header holds no access token' }
    : { kind: 'token', token }
}

const hasQueryToken = (url: string): boolean => {
  const query = url.indexOf('?')
  return query !== -1 && new URLSearchParams(url.slice(query)).has('access_token')
}

/** Asked for a token where none was given: no error is named (RFC 6750 §3.1). */
export const askForToken: Refusal = answer(401, 'Bearer', {
  error_description: 'an access token is needed',
})

export const malformed = (detail: string): Refusal => refused(400, 'invalid_request', detail, {})

/** What the refusal of a token is answered with (RFC 6750 §3, RFC 9470 §3). */
export function refusalOf(decision: Refused, wanted: GuardOptions): Refusal {
  switch (decision.verdict) {
    case 'revoked':
      return refused(401, 'invalid_token', decision.message ?? 'the access token was revoked', {})
    case 'expired':
      return refused(401, 'invalid_token', 'the access token has expired', {})
    case 'not-yet-valid':
      return refused(401, 'invalid_token', 'the access token is not valid yet', {})
    case 'proof-invalid':
      return refused(401, 'invalid_token', 'the access token is bound to a key, unproved here', {})
    case 'invalid':
      return refused(401, 'invalid_token', 'the access token is not valid here', {})
    case 'insufficient-scope':
      return refused(403, 'insufficient_scope', 'the access token lacks a scope', {
        scope: wanted.scopes?.join(' '),
      })
    case 'step-up-required':
      return refused(401, 'insufficient_user_authentication', 'sign in anew, as asked', {
        acr_values: wanted.acr?.join(' '),
        max_age: wanted.maxAgeSeconds?.toString(),
      })
    case 'stale':
      return unknowable(decision.retryAfterSeconds)
  }
}

/** Nobody can say whether the token is good; soon somebody can, so nothing is said of the token. */
const unknowable = (retryAfterSeconds: number): Refusal => ({
  status: 503,
  headers: { ...ALWAYS, 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
  body: JSON.stringify({
    error: 'temporarily_unavailable',
    error_description: 'it cannot be known now whether the access token was revoked; try again',
  }),
})

function refused(
  status: Refusal['status'],
  error: string,
  description: string,
  rest: Readonly<Record<string, string | undefined>>,
): Refusal {
  const members = { error, error_description: description, ...rest }
  const parameters = Object.entries(members)
    .filter((member): member is [string, string] => member[1] !== undefined && member[1] !== '')
    .map(([name, value]) => `${name}="${quotable(value)}"`)
  return answer(status, `Bearer ${parameters.join(', ')}`, members)
}

function answer(
  status: Refusal['status'],
  challenge: string,
  members: Readonly<Record<string, string | undefined>>,
): Refusal {
  const headers = { ...ALWAYS, 'www-authenticate': challenge }
  return { status, headers, body: JSON.stringify(members) }
}

/**
 * What may stand in these parameters (RFC 6750 §3): printable ASCII, without the quote and the
 * backslash that would end them or need escaping. Whatever else comes is no message of an authority.
 */
const quotable = (text: string): string =>
  text
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll('"', "'")
    .replaceAll('\\', '/')

export const isRefused = (decision: Decision): decision is Refused =>
  decision.verdict !== 'accepted'
