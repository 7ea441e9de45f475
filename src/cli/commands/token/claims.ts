import { fromSeconds, type Instant } from '#kernel/instant.ts'

/** NumericDate (RFC 7519 §2), as far as RFC 3339 can tell it: before the year 10000. */
export const dated = (value: unknown): Instant | undefined =>
  typeof value === 'number' && 0 <= value && value < 253_402_300_800
    ? fromSeconds(Math.floor(value))
    : undefined

/** What names mean, in a few words (RFC 7515 §4.1, RFC 7519 §4.1, RFC 9068 §2.2, and ours). */
export const meanings: ReadonlyMap<string, string> = new Map([
  ['typ', 'kind of token'],
  ['alg', 'signature algorithm'],
  ['kid', 'key that signed it'],
  ['iss', 'who issued it'],
  ['sub', 'for whom it speaks'],
  ['aud', 'for which servers it is meant'],
  ['client_id', 'client that asked for it'],
  ['jti', 'its id, by which it is revoked'],
  ['iat', 'issued'],
  ['nbf', 'not valid before'],
  ['exp', 'expires'],
  ['auth_time', 'when its user signed in'],
  ['scope', 'what it allows'],
  ['sid', 'sign-in that it derives from'],
  ['feed_seq', 'place in the feed when issued'],
  ['root_seq', 'place in the feed at its sign-in'],
  ['root_iat', 'time of its sign-in'],
  ['cnf', 'key that its holder must prove (RFC 7800)'],
  ['act', 'who acts for the subject (RFC 8693)'],
])

/** The claims that are a time, whoever issued the token. */
export const timeClaims: readonly string[] = ['iat', 'nbf', 'exp', 'auth_time', 'root_iat']
