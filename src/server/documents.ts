import { grantTypes } from '#app/oauth/grants.ts'
import { oauthPaths } from '#contract/oauth.ts'
import { ASSERTION_ALGORITHMS } from '#domain/oauth/assertion.ts'
import { STATUS_LISTS_PATH } from '#domain/status-list/status-list.ts'

const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const
/** A client without credentials gets a token by another, and gives back its own; it asks about none. */
const WITH_NONE = [...AUTH_METHODS, 'none'] as const

/**
 * RFC 8414 §2: what there is, and nothing that there is not. The same stands where OpenID Connect
 * Discovery looks, since several verifiers look only there; no provider of identities is claimed.
 */
export const metadata = async (issuer: string): Promise<object> => ({
  issuer,
  token_endpoint: `${issuer}${oauthPaths.token}`,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  response_types_supported: [],
  grant_types_supported: grantTypes.map(({ name }) => name),
  ...authentication('token', WITH_NONE),
  revocation_endpoint: `${issuer}${oauthPaths.revocation}`,
  ...authentication('revocation', WITH_NONE),
  introspection_endpoint: `${issuer}${oauthPaths.introspection}`,
  ...authentication('introspection', AUTH_METHODS),
  introspection_signing_alg_values_supported: ['ES256'],
  status_list_aggregation_endpoint: `${issuer}${STATUS_LISTS_PATH}`,
  service_documentation: `${issuer}/openapi.json`,
})

const authentication = (
  endpoint: string,
  methods: readonly string[],
): Record<string, readonly string[]> => ({
  [`${endpoint}_endpoint_auth_methods_supported`]: methods,
  [`${endpoint}_endpoint_auth_signing_alg_values_supported`]: ASSERTION_ALGORITHMS,
})

let document: Promise<object> | undefined

/** The OpenAPI document; made once, when it is first asked for. */
export const openApi = (issuer: string, version: string): Promise<object> =>
  (document ??= import('./openapi.ts').then(({ openApiDocument }) =>
    openApiDocument(issuer, version),
  ))
