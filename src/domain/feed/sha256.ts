import { sha256 as hashOf } from '@noble/hashes/sha2.js'
import { encodeBase64url } from '#kernel/base64url.ts'

/** A hash, and what it is of. */
interface Hashed {
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
  text: string | undefined
}

/** To take in an entry and its head is four hashes: chain, entry, group and digest. */
const HASHED_MAX = 8
/** A group of entries, or a thousand groups. */
const BYTES_MAX = 64 * 1024
const hashed: Hashed[] = []
let oldest = 0

/**
 * SHA-256. Whoever follows a feed hashes what all others hash; where they are in one process, one after
 * the other: so the last few are kept, and known again by every byte.
 */
export const sha256 = (bytes: Uint8Array): Uint8Array =>
  bytes.length <= BYTES_MAX ? remembered(bytes).hash.slice() : hashOf(bytes)

/** The same as base64url. */
export function sha256Text(bytes: Uint8Array): string {
  if (BYTES_MAX < bytes.length) return encodeBase64url(hashOf(bytes))
  const one = remembered(bytes)
  one.text ??= encodeBase64url(one.hash)
  return one.text
}

function remembered(bytes: Uint8Array): Hashed {
  for (const one of hashed) if (isSame(one.bytes, bytes)) return one
  const fresh = { bytes: new Uint8Array(bytes), hash: hashOf(bytes), text: undefined }
  hashed[oldest] = fresh
  oldest = (oldest + 1) % HASHED_MAX
  return fresh
}

/** Nothing here is secret, so it may end where they first differ. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  // By words, since there may be thousands of bytes; ours begin where words do.
  const words = b.byteOffset % WORD_BYTES === 0 ? Math.floor(a.length / WORD_BYTES) : 0
  if (0 < words) {
    const ours = new Uint32Array(a.buffer, 0, words)
    const theirs = new Uint32Array(b.buffer, b.byteOffset, words)
    for (let i = 0; i < words; i++) if (ours[i] !== theirs[i]) return false
  }
  for (let i = words * WORD_BYTES; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const WORD_BYTES = 4
