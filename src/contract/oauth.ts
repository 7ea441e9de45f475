/**
 * What the OAuth endpoints say and are asked, without zod: they are on a hot path and speak forms, and
 * the command line that calls them must not pay for schemas at its start.
 */
export const oauthPaths = {
  token: '/oauth/token',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
  /** Ours: whoever holds a token gives that one back, whatever client it is of. */
  selfRevocation: '/oauth/revoke-self',
} as const
export type OauthEndpoint = keyof typeof oauthPaths

/** Below the address of an authority, with or without a proxy that takes a path away. */
export const METADATA_PATH = '/.well-known/openid-configuration'

/** RFC 9701 §4: what a caller accepts that wants the answer of an introspection signed. */
export const INTROSPECTION_JWT = 'token-introspection+jwt'

/** RFC 6749 §5.1. Times are seconds. */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly scope: string
  /** RFC 8693 §2.2.1, of an exchange. */
  readonly issued_token_type?: string
}

/** RFC 6749 §5.2. */
export interface OauthError {
  readonly error: string
  readonly error_description: string
  /** Of a refused exchange: what each trust that was tried expected, and what the token has. */
  readonly trusts?: unknown
  /** Of one whose token its issuer has not signed: what is wrong with the token by itself. */
  readonly claims?: unknown
}

export const selfRevocationResults = ['revoked', 'already-revoked', 'expired', 'unknown'] as const
/** What became of a token that its holder gave back: whichever it is, nothing of it is left. */
export type SelfRevocationResult = (typeof selfRevocationResults)[number]

/** Of `/oauth/revoke-self`. An `unknown` token is none that this authority could tell anything of. */
export interface SelfRevocationResponse {
  readonly result: SelfRevocationResult
  readonly credential_id?: string
}

/** A form's fields, in order; one name may stand several times where its RFC says so. */
export type OauthFields = readonly (readonly [string, string])[]

/** What an OAuth endpoint answers, as it crosses a wire or a function call: the same either way. */
export interface OauthReply {
  readonly status: number
  readonly body: unknown
  /** The name under which the audit log has it. */
  readonly requestId: string
  readonly retryAfterSeconds?: number
}

/**
 * Carries forms to the OAuth endpoints of an authority. Refusal of its own: `authority-unreachable`,
 * whose fact `sent` is false where the form has certainly not been sent.
 */
export interface OauthTransport {
  readonly post: (endpoint: OauthEndpoint, fields: OauthFields) => Promise<OauthReply>
  /** The authority's identifier, as its metadata has it. */
  readonly issuer: () => Promise<string>
}
