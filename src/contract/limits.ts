/**
 * Limits that the command line tells before it asks, without zod: its start-up must not pay for
 * schemas that it never runs.
 */

/** One request names at most this many values in one dimension. */
export const SELECTOR_VALUES_MAX = 10_000

/** One request issues at most this many tokens. */
export const COUNT_MAX = 10_000
