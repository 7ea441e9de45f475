import type { IssueRequest } from '#domain/issuance/issue.ts'
import { refuse } from '#kernel/problem.ts'
import type { Form } from './form.ts'

const SCOPES_MAX = 64
const TARGETS_MAX = 32
const TARGET_CHARACTERS_MAX = 512
/** RFC 6749 Appendix A.4. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/
const VISIBLE = /^[\x21-\x7e]+$/
/** RFC 3986 §4.3: a scheme and something behind it. */
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[\x21\x23-\x7e]+$/

/**
 * What a token request asks for, whatever its grant: `scope`, `resource` (RFC 8707) and `audience`
 * (RFC 8693), and, as an extension of ours, `expires_in`: a lifetime in seconds, which policy may
 * shorten. Refusals: `scope-refused`, `audience-refused`, `request-invalid`.
 */
export function readAsked(form: Form): Omit<IssueRequest, 'subject'> {
  const scopes = form.one('scope')?.split(' ').filter(Boolean)
  if (scopes !== undefined && !(scopes.length <= SCOPES_MAX && scopes.every(isScope))) {
    refuse('scope-refused', 'scope is not a list of scopes')
  }
  const audience = [...form.all('resource').map(resource), ...form.all('audience').map(target)]
  if (TARGETS_MAX < audience.length) refuse('audience-refused', 'there are too many audiences')
  const ttlSeconds = lifetimeOf(form.one('expires_in'))
  return {
    ...(scopes === undefined || scopes.length === 0 ? {} : { scopes }),
    ...(audience.length === 0 ? {} : { audience }),
    ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
  }
}

const isScope = (scope: string): boolean => SCOPE_TOKEN.test(scope)

/** RFC 8707 §2: an absolute URI, without a fragment. */
const resource = (uri: string): string =>
  ABSOLUTE_URI.test(uri) && !uri.includes('#')
    ? target(uri)
    : refuse('audience-refused', 'resource is not an absolute URI without a fragment')

const target = (name: string): string =>
  VISIBLE.test(name) && name.length <= TARGET_CHARACTERS_MAX
    ? name
    : refuse('audience-refused', 'that is no audience')

function lifetimeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    refuse('request-invalid', 'expires_in is not a whole number of seconds')
  }
  return Number(text)
}
