/** RFC 8414 §2, as far as there is anything to find; the token endpoint adds to it when it comes. */
export const metadata = async (issuer: string): Promise<object> => ({
  issuer,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  response_types_supported: [],
  service_documentation: `${issuer}/openapi.json`,
})

let document: Promise<object> | undefined

/** The OpenAPI document; made once, when it is first asked for. */
export const openApi = (issuer: string, version: string): Promise<object> =>
  (document ??= import('./openapi.ts').then(({ openApiDocument }) =>
    openApiDocument(issuer, version),
  ))
