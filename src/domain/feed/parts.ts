import type { Revocation } from '#domain/revocation/revocation.ts'
import { type RevokeBody, revokeBody } from './body.ts'

/** One `revoke` entry lists at most this many tokens; a longer list is published in several. */
export const PART_TOKENS_MAX = 5000

/** In how many entries a list of so many tokens is published. */
export const partCount = (tokens: readonly string[] | undefined): number =>
  Math.max(1, Math.ceil((tokens?.length ?? 0) / PART_TOKENS_MAX))

/**
 * The bodies of a revocation's entries, which share everything but their part of the list: one id,
 * and the cut and the publication of the last.
 */
export function revokeBodies(revocation: Revocation, record: string): RevokeBody[] {
  const whole = revokeBody(revocation, record)
  const { tokens } = whole.selector
  if (tokens === undefined) return [whole]
  return Array.from({ length: partCount(tokens) }, (_, i) => ({
    ...whole,
    selector: {
      ...whole.selector,
      tokens: tokens.slice(i * PART_TOKENS_MAX, (i + 1) * PART_TOKENS_MAX),
    },
  }))
}
