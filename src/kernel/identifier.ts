import type { Entropy } from './clock.ts'
import type { Instant } from './instant.ts'

// Crockford's base 32 in lower case: no letter that can be taken for a digit, and its order as text
// is its order as a number.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME_CHARACTERS = 10
const RANDOM_CHARACTERS = 12

export type IdPrefix = 'cred' | 'rev' | 'key' | 'aud' | 'req' | 'plan' | 'ver' | 'sel'

/**
 * Makes a time-sorted identifier: 50 bits of milliseconds, then 60 random bits.
 *
 * Sorted by time, so that rows made together lie together in a B-tree and a list by id is a list by
 * age. It names a thing and opens nothing: no identifier is ever accepted as a proof.
 */
export function newId(prefix: IdPrefix, at: Instant, entropy: Entropy): string {
  let time = ''
  let rest = at as number
  for (let i = 0; i < TIME_CHARACTERS; i++) {
    time = ALPHABET.charAt(rest % 32) + time
    rest = Math.floor(rest / 32)
  }
  let random = ''
  for (const byte of entropy.bytes(RANDOM_CHARACTERS)) random += ALPHABET.charAt(byte & 31)
  return `${prefix}_${time}${random}`
}
