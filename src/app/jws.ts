import { signingInput } from '#domain/credential/token.ts'
import type { Key } from '#domain/keys/key.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import type { Deps } from './deps.ts'

const utf8 = new TextEncoder()

/** A compact JWS (RFC 7515 §7.1) of one of our types. */
export function signJws(
  { signer }: Deps,
  { key, sealed }: { readonly key: Key; readonly sealed: Uint8Array },
  typ: string,
  claims: object,
): string {
  const input = signingInput({ typ, alg: key.algorithm, kid: key.id }, claims)
  return `${input}.${encodeBase64url(signer.sign(key.id, sealed, utf8.encode(input)))}`
}
