import { refuse } from '#kernel/problem.ts'
import type { ProtectedResource, ProtectedResourceOptions } from './types.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
/** The whole name: 127.example.com is somebody else's. */
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/
/** RFC 6749 Appendix A.4. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** RFC 9728 §2: what a resource server says of itself. Refusal: `usage-invalid`. */
export function protectedResourceMetadata(options: ProtectedResourceOptions): ProtectedResource {
  const { resource, authorizationServers, scopes = [], name, documentation } = options
  const url = identifierOf('resource', resource)
  const servers: readonly unknown[] = Array.isArray(authorizationServers)
    ? authorizationServers
    : []
  if (servers.length === 0) {
    wrong('authorizationServers is a list of issuers', "for example ['https://auth.example.com']")
  }
  for (const issuer of servers) identifierOf('authorizationServers', issuer)
  if (!(Array.isArray(scopes) && scopes.every((scope) => SCOPE.test(String(scope))))) {
    wrong('scopes is a list of scopes', "for example scopes: ['orders:read']")
  }
  // §3.1: between host and path; of an identifier that is only a host, its slash goes.
  const path = url.pathname === '/' ? '' : url.pathname
  return {
    url: `${url.origin}${WELL_KNOWN}${path}${url.search}`,
    path: `${WELL_KNOWN}${path}${url.search}`,
    document: {
      resource,
      authorization_servers: [...authorizationServers],
      // What is empty is left out (§3.2).
      ...(scopes.length === 0 ? {} : { scopes_supported: [...scopes] }),
      bearer_methods_supported: ['header'],
      ...(name === undefined ? {} : { resource_name: name }),
      ...(documentation === undefined ? {} : { resource_documentation: documentation }),
    },
  }
}

/** §1.2: https, no fragment. Clients compare it letter by letter, so it is kept as it is. */
function identifierOf(option: string, text: unknown): URL {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return wrong(`${option} is an https URL`, 'for example https://api.example.com')
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    wrong(`${option}: plain http is for loopback only`, 'give an https URL')
  }
  if (String(text).includes('#') || url.username !== '' || url.password !== '') {
    wrong(`${option} has no fragment, user or password`, 'give the URL without it')
  }
  return url
}

const wrong = (detail: string, next: string): never => refuse('usage-invalid', detail, { next })

/** Refusal: `usage-invalid`, where a token that is got for the resource would be refused by it. */
export function settleResource(
  given: ProtectedResource | undefined,
  audiences: readonly string[],
): void {
  const { resource } = given?.document ?? {}
  if (given === undefined || audiences.some((audience) => audience === resource)) return
  wrong(
    'the resource is none of the audiences of this verifier',
    'give `resource` and `audience` the same name',
  )
}

/** Whether a request is for the metadata, which takes no token. */
export const asksForMetadata = (
  { path }: ProtectedResource,
  { method = 'GET', target }: { readonly method: string | undefined; readonly target: string },
): boolean => target === path && (method === 'GET' || method === 'HEAD')

/** The answer with the metadata; anybody may have it, from a page in a browser too. */
export const metadataAnswer = ({ document }: ProtectedResource) => ({
  status: 200,
  headers: {
    'content-type': 'application/json',
    'cache-control': 'public, max-age=3600',
    'access-control-allow-origin': '*',
  },
  body: JSON.stringify(document),
})

/** A challenge that says where the metadata is (§5.1). */
export const pointing = (challenge: string, { url }: ProtectedResource): string =>
  `${challenge}${challenge.includes('=') ? ',' : ''} resource_metadata="${url}"`
