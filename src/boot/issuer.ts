import { refuse } from '#kernel/problem.ts'

export const ISSUER_DEFAULT = 'http://127.0.0.1:7420'

/**
 * Reads an issuer identifier (RFC 8414 §2): an https URL without query and fragment; http only on
 * loopback, where there is no network to listen on. A lone final slash is dropped, because verifiers
 * compare issuers letter by letter.
 */
export function issuerOf(text: string): string {
  const url = URL.parse(text)
  const wrong = (why: string): never =>
    refuse('usage-invalid', `--issuer: ${why}`, {
      next: 'give a URL such as https://auth.example.com, or http://127.0.0.1:7420 for one machine',
    })
  if (url === null || !/^https?:$/.test(url.protocol))
    return wrong('it is not an http or https URL')
  if (url.username !== '' || url.password !== '')
    return wrong('it must not hold a user or password')
  if (text.includes('?') || text.includes('#')) return wrong('it must have no query or fragment')
  const loopback = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/.test(url.hostname)
  if (url.protocol === 'http:' && !loopback) return wrong('only loopback may do without https')
  return url.pathname === '/' ? url.origin : url.origin + url.pathname.replace(/\/$/, '')
}
