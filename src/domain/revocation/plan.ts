import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Policy } from '#domain/policy/policy.ts'
import { formatInstant } from '#kernel/instant.ts'
import type { Exceptions, Selector } from './revocation.ts'
import type { Terms } from './revoke.ts'
import { normaliseExceptions, normaliseSelector } from './selector.ts'

/** Raised with every change to what the hash covers, so that no old plan passes for a new one. */
const PLAN_FORMAT = 1

/**
 * What a plan is bound to, as 64 hexadecimal digits of SHA-256. Whoever applies a plan with another
 * hash would do something else than what was looked at, and that is `plan-drift`.
 *
 * Reason and message are outside it: they tell about a revocation and do not change what it does;
 * what a reason does change (block, grace) is inside.
 */
export const planHash = (
  terms: Pick<
    Terms,
    | 'selector'
    | 'exceptions'
    | 'cutRule'
    | 'reach'
    | 'graceSeconds'
    | 'blocks'
    | 'final'
    | 'expiresAt'
    | 'policyVersion'
  >,
): string =>
  bytesToHex(
    sha256(
      utf8ToBytes(
        JSON.stringify([
          PLAN_FORMAT,
          normaliseSelector(terms.selector),
          normaliseExceptions(terms.exceptions),
          terms.cutRule,
          terms.reach,
          terms.graceSeconds,
          terms.blocks,
          terms.final,
          terms.expiresAt ?? null,
          terms.policyVersion,
        ]),
      ),
    ),
  )

/**
 * Whether a responder must type what is to be revoked: for all, for more credentials than policy's
 * `confirmAbove`, and where nobody counted (`undefined`).
 */
export const isSevere = (
  selector: Selector,
  matchedCredentials: number | undefined,
  { revocation }: Policy,
): boolean =>
  selector.all === true ||
  matchedCredentials === undefined ||
  revocation.confirmAbove < matchedCredentials

/** What a responder should know before confirming, as sentences. */
export function planWarnings(terms: Terms): string[] {
  const { blocks, final, expiresAt, selector, exceptions, message, reason } = terms
  const warnings: string[] = []
  const until = expiresAt === undefined ? undefined : formatInstant(expiresAt)
  if (blocks) {
    warnings.push(
      until === undefined
        ? 'nothing that matches will be issued until the block is ended with `credctl revocation unblock`'
        : `nothing that matches will be issued until ${until}; what is revoked by then stays revoked`,
    )
  } else if (until !== undefined) {
    warnings.push(`this only suspends: unexpired tokens are accepted again from ${until} on`)
  }
  if (selector.keys !== undefined) {
    warnings.push('every token that the key signed is revoked for good, also those of no record')
  } else if (final) {
    warnings.push('this is final: it cannot be lifted')
  }
  if (selector.all === true && exceptions.clients !== undefined) {
    warnings.push(`spared from all: ${describe(exceptions)}`)
  }
  if (reason === 'compromise' && message !== undefined) {
    warnings.push('whoever holds a stolen token will read the message')
  }
  return warnings
}

const describe = ({ clients = [] }: Exceptions): string =>
  clients.map((id) => `client:${id}`).join(' ')
