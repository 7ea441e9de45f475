/**
 * Limits that the command line tells before it asks, without zod: its start-up must not pay for
 * schemas that it never runs.
 */

/** One request names at most this many values in one dimension. */
export const SELECTOR_VALUES_MAX = 10_000
/** A list that is sent in parts holds at most this many tokens. */
export const SELECTION_TOKENS_MAX = 1_000_000
/** Scopes of a selector may be patterns, each of which is held against every scope of every token. */
export const SELECTOR_PATTERNS_MAX = 100

/** A key under which a mutation may be sent again: printable ASCII without blanks, this many at most. */
export const IDEMPOTENCY_KEY_CHARACTERS_MAX = 128

export const isIdempotencyKey = (text: string): boolean =>
  text.length <= IDEMPOTENCY_KEY_CHARACTERS_MAX && /^[\x21-\x7e]+$/.test(text)

/** One request issues at most this many tokens. */
export const COUNT_MAX = 10_000
