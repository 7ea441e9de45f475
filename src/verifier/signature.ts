import type { ParsedToken } from '#domain/credential/token.ts'

/**
 * Whether a signature is a key's. Handed in, so that this room needs no crypto of any one runtime.
 * `text` is the whole JWS, by which an answer may be remembered: key and text fix it for good.
 */
export type VerifySignature = (
  jwk: Readonly<Record<string, string>>,
  parsed: Pick<ParsedToken, 'header' | 'signed' | 'signature'>,
  text: string,
) => boolean
