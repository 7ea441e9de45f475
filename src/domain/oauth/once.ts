import { sha256 } from '@noble/hashes/sha2.js'

/**
 * Under what a thing that may be used once is remembered, such as an assertion by its `jti`: as long
 * whatever its sender chose, and no two senders share one.
 */
export const onceKey = (scope: string, id: string): Uint8Array =>
  sha256(new TextEncoder().encode(JSON.stringify([scope, id])))
