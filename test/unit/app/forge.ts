import { decodeBase64url, encodeBase64url } from '#kernel/base64url.ts'
import type { TestWorld } from '../world.ts'

type Json = Readonly<Record<string, unknown>>

const utf8 = new TextEncoder()
const segment = (value: Json): string => encodeBase64url(utf8.encode(JSON.stringify(value)))
const parsed = (text = ''): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(decodeBase64url(text))) as Record<string, unknown>

/** A token's header and claims, believed. */
export function opened(token: string): {
  header: Record<string, unknown>
  claims: Record<string, unknown>
  signature: string
} {
  const [header, claims, signature = ''] = token.split('.')
  return { header: parsed(header), claims: parsed(claims), signature }
}

/** The token with other contents under the signature it had: what a thief without a key can do. */
export function altered(token: string, change: { header?: Json; claims?: Json }): string {
  const { header, claims, signature } = opened(token)
  const head = segment({ ...header, ...change.header })
  return `${head}.${segment({ ...claims, ...change.claims })}.${signature}`
}

/**
 * The token with other contents, signed by the authority's own key: what no caller can get, to see
 * that a good signature alone opens nothing. A member set to `undefined` is left out.
 */
export async function resigned(
  { store, deps }: TestWorld,
  token: string,
  change: { header?: Json; claims?: Json },
): Promise<string> {
  const { header, claims } = opened(token)
  const keyId = String(header['kid'])
  const sealed = await store.read((tx) => tx.sealedKey(keyId))
  if (sealed === undefined) throw new Error(`no key ${keyId}`)
  const input = `${segment({ ...header, ...change.header })}.${segment({ ...claims, ...change.claims })}`
  return `${input}.${encodeBase64url(deps.signer.sign(keyId, sealed, utf8.encode(input)))}`
}
