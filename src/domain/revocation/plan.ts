import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Policy } from '#domain/policy/policy.ts'
import { formatInstant } from '#kernel/instant.ts'
import type { Exceptions, Matched, Selector } from './revocation.ts'
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

/** By so much more than was planned a revocation may hit, since clients go on with their work. */
const GROWTH_MAX = 0.1

/**
 * How what would be hit now parts from what was planned, as a sentence; `undefined` where it fits: no
 * client, scope or audience that was not in the plan, and no more than a tenth more credentials.
 */
export function driftOf(planned: Matched, matched: Matched): string | undefined {
  for (const [name, before, now] of [
    ['client', planned.byClient, matched.byClient],
    ['scope', planned.byScope, matched.byScope],
    ['audience', planned.byAudience, matched.byAudience],
  ] as const) {
    const fresh = Object.keys(now).filter((value) => !Object.hasOwn(before, value))
    if (0 < fresh.length) {
      const more = fresh.length === 1 ? '' : ` and ${fresh.length - 1} more`
      return `it would hit ${name} ${fresh.sort()[0]}${more}, not in the plan`
    }
  }
  const { credentials } = planned
  return credentials * (1 + GROWTH_MAX) < matched.credentials
    ? `it would hit ${matched.credentials} credentials, and the plan had ${credentials}`
    : undefined
}

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
