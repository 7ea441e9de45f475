import { sha256 } from '@noble/hashes/sha2.js'
import { encodeBase64url } from '#kernel/base64url.ts'

/** What tells one request from another, whatever was sent under which key: SHA-256, base64url. */
export const fingerprint = (operation: string, input: unknown): string =>
  encodeBase64url(sha256(new TextEncoder().encode(JSON.stringify([operation, input]))))
