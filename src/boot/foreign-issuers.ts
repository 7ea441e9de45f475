import type { Dispatcher } from 'undici'
import type { Conditions } from '#domain/trust/conditions.ts'
import type { ForeignIssuers, IdentityTokens } from '#federation/port.ts'
import { lookupPublic, mayBePublic } from './public-address.ts'

const ANSWER_MS_MAX = 5_000
/** A key set or a metadata document is a few kilobytes. */
const DOCUMENT_BYTES_MAX = 512 * 1024

/** Loads jose and undici only when another issuer's token is at hand. */
export const lazyForeignIssuers = (): ForeignIssuers => ({
  async verify(issuer, parsed, now) {
    const { createForeignIssuers } = await import('#federation/jwks.ts')
    return createForeignIssuers(fetchDocument).verify(issuer, parsed, now)
  },
})

/** Identity tokens of CI systems; jose and undici are loaded with the first of them. */
export function lazyIdentityTokens(): IdentityTokens {
  let made: Promise<IdentityTokens> | undefined
  return {
    async verify(source, parsed, now) {
      made ??= import('#federation/identity.ts').then(({ createIdentityTokens }) =>
        createIdentityTokens(fetchDocument),
      )
      return (await made).verify(source, parsed, now)
    },
  }
}

let conditions: Promise<Conditions> | undefined

/** CEL, with the first condition there is. */
export const lazyConditions = (): Promise<Conditions> =>
  (conditions ??= import('#federation/conditions.ts').then(({ createConditions }) =>
    createConditions(),
  ))

let publicOnly: Promise<Dispatcher> | undefined

/** Connections to public addresses alone, checked when the name is resolved for the connection. */
const publicDispatcher = (): Promise<Dispatcher> =>
  (publicOnly ??= import('undici').then(
    ({ Agent }) => new Agent({ connect: { lookup: lookupPublic } }),
  ))

/** No redirects: a document is published where its issuer says, or it is not its issuer's. */
async function fetchDocument(
  url: string,
  { onlyPublic = false }: { readonly onlyPublic?: boolean } = {},
): Promise<unknown> {
  const { request } = await import('undici')
  if (onlyPublic && !mayBePublic(url)) return undefined
  try {
    const { statusCode, body } = await request(url, {
      headers: { accept: 'application/json' },
      ...(onlyPublic ? { dispatcher: await publicDispatcher() } : {}),
      headersTimeout: ANSWER_MS_MAX,
      bodyTimeout: ANSWER_MS_MAX,
      signal: AbortSignal.timeout(ANSWER_MS_MAX * 2),
    })
    if (statusCode !== 200) {
      await body.dump()
      return undefined
    }
    let text = ''
    body.setEncoding('utf8')
    for await (const chunk of body) {
      text += String(chunk)
      if (DOCUMENT_BYTES_MAX < text.length) return undefined
    }
    return JSON.parse(text) as unknown
  } catch {
    // Whatever went wrong, there is no document to be had; the caller says which was wanted.
    return undefined
  }
}
