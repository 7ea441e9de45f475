import { decodeBase64url } from '#kernel/base64url.ts'
import { refuse } from '#kernel/problem.ts'
import { decodeFormText, type Form } from './form.ts'

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** What a caller shows of itself; nothing of it is believed yet. */
export type Presented =
  | { readonly kind: 'secret'; readonly clientId: string; readonly secret: string }
  | { readonly kind: 'assertion'; readonly clientId?: string; readonly assertion: string }
  | { readonly kind: 'none'; readonly clientId?: string }

/**
 * How a client authenticates in one request (RFC 6749 §2.3, RFC 7521 §4.2): by one method, or by none.
 * Refusals: `request-invalid` where it shows two, `client-refused` for what is no method here.
 */
export function readPresented(form: Form, authorization: string | undefined): Presented {
  const clientId = form.one('client_id')
  const secret = form.one('client_secret')
  const assertion = readAssertion(form)
  const shown = [authorization, secret, assertion].filter((one) => one !== undefined)
  if (1 < shown.length) {
    refuse('request-invalid', 'the client authenticates in more than one way')
  }
  if (authorization !== undefined) return readBasic(authorization, clientId)
  if (assertion !== undefined) return { kind: 'assertion', assertion, ...named(clientId) }
  if (secret === undefined) return { kind: 'none', ...named(clientId) }
  if (clientId === undefined) return refuse('request-invalid', 'client_id is missing')
  return { kind: 'secret', clientId, secret }
}

const named = (clientId: string | undefined): { clientId?: string } =>
  clientId === undefined ? {} : { clientId }

function readAssertion(form: Form): string | undefined {
  const type = form.one('client_assertion_type')
  const assertion = form.one('client_assertion')
  if (type === undefined && assertion === undefined) return undefined
  if (assertion === undefined) return refuse('request-invalid', 'client_assertion is missing')
  if (type === undefined) return refuse('request-invalid', 'client_assertion_type is missing')
  if (type !== ASSERTION_TYPE) return refuseClient('an assertion of an unknown type')
  return assertion
}

/** RFC 7617, with name and secret form-encoded before that (RFC 6749 §2.3.1). */
function readBasic(authorization: string, alsoNamed: string | undefined): Presented {
  const credentials = /^basic +([A-Za-z0-9+/]+)={0,2}$/i.exec(authorization)?.[1]
  if (credentials === undefined) return refuseClient('an Authorization header that is not Basic')
  const bytes = decodeBase64url(credentials.replaceAll('+', '-').replaceAll('/', '_'))
  const pair = bytes === undefined ? '' : textOf(bytes)
  const colon = pair.indexOf(':')
  const clientId = decodeFormText(pair.slice(0, Math.max(0, colon)))
  const secret = decodeFormText(pair.slice(colon + 1))
  if (colon === -1 || clientId === undefined || secret === undefined) {
    return refuseClient('an Authorization header that is not well encoded')
  }
  if (alsoNamed !== undefined && alsoNamed !== clientId) {
    refuse('request-invalid', 'client_id is not the client that authenticates')
  }
  return { kind: 'secret', clientId, secret }
}

/** Bytes that are not UTF-8 are no text: mended, many would be one name or one secret. */
function textOf(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return ''
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The one refusal of whoever does not prove to be the client it says it is. `because` is for the audit
 * log: told to the caller, it would help to guess.
 */
export const refuseClient = (because: string): never =>
  refuse('client-refused', 'the client could not be authenticated', { facts: { because } })
