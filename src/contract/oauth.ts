/**
 * What the OAuth endpoints say and are asked, without zod: they are on a hot path and speak forms, and
 * the command line that calls them must not pay for schemas at its start.
 */
export const oauthPaths = {
  token: '/oauth/token',
  revocation: '/oauth/revoke',
  introspection: '/oauth/introspect',
} as const
export type OauthEndpoint = keyof typeof oauthPaths

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
}
