import type { Position } from '#domain/feed/position.ts'
import type { Coverage } from '#domain/proof/proof.ts'
import type { Policy } from '#domain/policy/policy.ts'
import { formatDuration } from '#kernel/duration.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Exceptions, Matched, Reach, Reason, Revocation, Selector } from './revocation.ts'
import { isDue } from './revocation.ts'
import { type Loose, normaliseExceptions, readSelector, resolvesToList } from './selector.ts'

/** What a responder asks for. `block` left out: on for `compromise` where it can be, else off. */
export interface RevocationRequest {
  readonly selector: Loose<Selector>
  readonly exceptions?: Loose<Exceptions> | undefined
  readonly reason: Reason
  readonly reach?: Reach | undefined
  readonly message?: string | undefined
  readonly graceSeconds?: number | undefined
  readonly block?: boolean | undefined
  readonly expiresAt?: Instant | undefined
  readonly final?: boolean | undefined
  readonly incidentId?: string | undefined
}

/**
 * Below which position it hits: `position`, that of its own entry; `moving`, whatever is minted
 * while its block lasts too; `none`, a key's: every token, at every position.
 */
export type CutRule = 'position' | 'moving' | 'none'

/** A request made definite: everything about a revocation that is known before it has a position. */
export interface Terms {
  readonly selector: Selector
  readonly exceptions: Exceptions
  readonly cutRule: CutRule
  readonly reach: Reach
  readonly reason: Reason
  readonly message?: string
  readonly graceSeconds: number
  readonly blocks: boolean
  readonly final: boolean
  readonly suspends: boolean
  readonly expiresAt?: Instant
  readonly incidentId?: string
  readonly policyVersion: number
}

/**
 * Decides on what terms a request is a revocation, for its plan and its execution alike.
 *
 * Refusals: `selector-empty`; `request-invalid` for what no policy could allow; `policy-denied` for
 * what this one does not.
 */
export function decideTerms(
  request: RevocationRequest,
  { policy, now }: { readonly policy: Policy; readonly now: Instant },
): Terms {
  const { selector, exceptions } = readSelector(request.selector, request.exceptions)
  const { reason, reach = 'sessions', graceSeconds = 0, expiresAt, message, incidentId } = request
  const isKey = selector.keys !== undefined
  if (isKey) refuseBesideKey(request)
  refuseGrace(reason, graceSeconds, policy)
  const blocks = decideBlock(request, selector)
  const final = isKey || request.final === true
  refuseExpiry({ expiresAt, blocks, final }, now)
  return {
    selector,
    exceptions: selector.all === true ? spareBreakGlass(exceptions, policy) : exceptions,
    cutRule: isKey ? 'none' : blocks ? 'moving' : 'position',
    reach,
    reason,
    ...(message === undefined ? {} : { message }),
    graceSeconds,
    blocks,
    final,
    suspends: expiresAt !== undefined && !blocks,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(incidentId === undefined ? {} : { incidentId }),
    policyVersion: policy.version,
  }
}

/** A lost key is lost for good, at once and whole: whatever would soften that is refused. */
function refuseBesideKey({ reach, graceSeconds = 0, block, expiresAt }: RevocationRequest): void {
  const beside: string[] = []
  if (reach === 'tokens') beside.push('reach tokens')
  if (graceSeconds !== 0) beside.push('grace')
  if (block === true) beside.push('block')
  if (expiresAt !== undefined) beside.push('expires')
  if (beside.length === 0) return
  refuse(
    'request-invalid',
    `a key is revoked at once, whole and for good, so ${beside.join(', ')} cannot apply`,
    { next: 'leave it out; a new key signs from the same moment on', facts: { beside } },
  )
}

function refuseGrace(reason: Reason, graceSeconds: number, policy: Policy): void {
  if (!Number.isSafeInteger(graceSeconds) || graceSeconds < 0) {
    refuse('request-invalid', 'a grace period is a whole number of seconds, 0 or more')
  }
  if (graceSeconds === 0) return
  // No policy can allow this one, so it is the request that is wrong (2), not a policy's no (5).
  if (reason === 'compromise') {
    refuse('request-invalid', 'a compromised token gets no grace: its holder may be the thief', {
      next: 'leave out --grace, or give another --reason',
      facts: { graceSeconds },
    })
  }
  const { graceSecondsMax } = policy.defaults
  if (graceSecondsMax < graceSeconds) {
    refuse(
      'policy-denied',
      `a grace of ${formatDuration(graceSeconds)} is more than the ${formatDuration(graceSecondsMax)} that policy version ${policy.version} allows`,
      {
        next: `ask for --grace ${formatDuration(graceSecondsMax)} or less`,
        facts: { graceSeconds, graceSecondsMax, policyVersion: policy.version },
      },
    )
  }
}

function decideBlock(
  { reason, block, graceSeconds = 0 }: RevocationRequest,
  selector: Selector,
): boolean {
  const canBlock = selector.keys === undefined && !resolvesToList(selector)
  if (block === undefined) return reason === 'compromise' && canBlock
  if (!block) return false
  if (!canBlock) {
    refuse('request-invalid', 'no future token is on an exact list, so a list cannot be blocked', {
      next: 'block the client, subject, session, scope, audience or trust, or leave out --block',
    })
  }
  if (0 < graceSeconds) {
    refuse('request-invalid', 'a block refuses at once what a grace period would still accept', {
      next: 'leave out --block or --grace',
      facts: { graceSeconds },
    })
  }
  return true
}

function refuseExpiry(
  { expiresAt, blocks, final }: Pick<Loose<Terms>, 'expiresAt'> & Pick<Terms, 'blocks' | 'final'>,
  now: Instant,
): void {
  if (expiresAt === undefined) return
  if (expiresAt <= now) {
    refuse('request-invalid', `it would expire at ${formatInstant(expiresAt)}, which has passed`, {
      next: 'give a later --expires, or leave it out',
      facts: { expiresAt: formatInstant(expiresAt), now: formatInstant(now) },
    })
  }
  if (final && !blocks) {
    refuse(
      'request-invalid',
      'without a block an expiry is a lift, and a final one is not lifted',
      {
        next: 'leave out --final or --expires',
      },
    )
  }
}

/** Someone must still be able to repair what an `--all` broke. */
const spareBreakGlass = (exceptions: Exceptions, policy: Policy): Exceptions =>
  normaliseExceptions({
    ...exceptions,
    clients: [...(exceptions.clients ?? []), ...policy.revocation.breakGlassClients],
  })

export interface Publication {
  readonly id: string
  /** Of its entry in the feed. */
  readonly position: Position
  /** Authority time of that entry. */
  readonly publishedAt: Instant
  readonly actor: string
  readonly recordSalt: string
  readonly matched: Matched
  readonly coverage?: Coverage
  /** The exact list, where the selector stands for one. */
  readonly resolved?: Selector | undefined
  /** The exceptions with the sessions of spared tokens, where there are any. */
  readonly resolvedExceptions?: Exceptions | undefined
}

/** The revocation that is published on these terms. */
export function decideRevocation(
  terms: Terms,
  publication: Publication,
): { readonly revocation: Revocation } {
  const { selector, exceptions, cutRule, policyVersion: _, ...asked } = terms
  const { resolved, resolvedExceptions, ...published } = publication
  if (resolvesToList(selector) && resolved === undefined) {
    refuse('internal', 'the selector stands for a list, and the list was not drawn up')
  }
  return {
    revocation: {
      ...asked,
      ...published,
      selector,
      exceptions: resolvedExceptions ?? exceptions,
      resolved: resolved ?? selector,
      cut: cutRule === 'position' ? published.position : null,
    },
  }
}

/**
 * Whether recording it would change nothing: no token is hit and no minting forbidden. A key counts
 * even without live tokens, since whoever has it can make them.
 */
export const isVain = (
  { blocks, selector }: Terms,
  matched: Pick<Matched, 'credentials'>,
): boolean => matched.credentials === 0 && !blocks && selector.keys === undefined

/** A changed revocation and whether it did change: what did not needs no entry in the feed. */
export interface Change {
  readonly revocation: Revocation
  readonly changed: boolean
}

/** Undoes a revocation, and ends its block. Lifting twice is no error. Refusal: `revocation-final`. */
export function decideLift(revocation: Revocation, now: Instant): Change {
  if (revocation.liftedAt !== undefined) return { revocation, changed: false }
  if (revocation.final) {
    refuse('revocation-final', `${revocation.id} was made final, so it cannot be lifted`, {
      next: revocation.blocks
        ? `end its block: credctl revocation unblock ${revocation.id}; what is dead stays dead`
        : 'issue new tokens to those who should have them',
      facts: { revocationId: revocation.id },
    })
  }
  return { revocation: { ...revocation, blocks: false, liftedAt: now }, changed: true }
}

/** What stands in the place of a revocation from which a part is taken. */
export interface Replacement {
  readonly id: string
  /** Of its entry in the feed; its cut is that of the old one. */
  readonly position: Position
  readonly actor: string
  readonly recordSalt: string
  readonly matched: Matched
  readonly coverage?: Coverage
  /** What is given back: tokens, and the sessions that they belong to. */
  readonly spared: { readonly tokens: readonly string[]; readonly sessions: readonly string[] }
}

/**
 * Gives a part of what a revocation hits back: the revocation is lifted, and this one stands in its
 * place from the same moment. It hits what the old one did, but for what is spared: the same selector,
 * window and cut, so that nothing minted since is hit and nothing else comes back; and it was published
 * when the old one was, so that its grace ends when that would have. Refusals: `revocation-final`,
 * `revocation-lifted`.
 */
export function decideReplacement(before: Revocation, replacement: Replacement): Revocation {
  refuseNoPart(before)
  const { spared, ...own } = replacement
  const { enforcedAt: _, enforcedBy: __, coverage: ___, ...kept } = before
  const { exceptions } = before
  return {
    ...kept,
    ...own,
    exceptions: normaliseExceptions({
      ...exceptions,
      tokens: [...(exceptions.tokens ?? []), ...spared.tokens],
      sessions: [...(exceptions.sessions ?? []), ...spared.sessions],
    }),
  }
}

/** What cannot be lifted, or was, has no part that can. `revocation-final`, `revocation-lifted`. */
export function refuseNoPart(revocation: Revocation): void {
  const { id, liftedAt } = decideLift(revocation, revocation.publishedAt).revocation
  if (revocation.liftedAt === undefined || liftedAt === undefined) return
  refuse('revocation-lifted', `${id} was lifted already`, {
    next: 'credctl revocation list; where a part was lifted, the rest is in force under another id',
    facts: { revocationId: id, liftedAt: formatInstant(liftedAt) },
  })
}

/**
 * Ends a block. The position of the entry that says so becomes the cut, so all that was minted up to
 * it stays dead. Ending it twice is no error. Refusal: `revocation-lifted`.
 */
export function decideUnblock(revocation: Revocation, position: Position): Change {
  if (revocation.liftedAt !== undefined) {
    refuse('revocation-lifted', `${revocation.id} was lifted, and its block ended with that`, {
      next: `credctl revocation show ${revocation.id}`,
      facts: { revocationId: revocation.id, liftedAt: formatInstant(revocation.liftedAt) },
    })
  }
  if (!revocation.blocks) return { revocation, changed: false }
  return { revocation: { ...revocation, blocks: false, cut: position }, changed: true }
}

export interface Settlement {
  readonly op: 'unblock' | 'lift'
  readonly revocation: Revocation
}

/**
 * What the authority itself does to a revocation whose expiry has passed: ends its block, or lifts
 * a suspension. `undefined` where nothing is due. In force until the entry for it is written.
 */
export function decideSettlement(
  revocation: Revocation,
  { now, position }: { readonly now: Instant; readonly position: Position },
): Settlement | undefined {
  if (!isDue(revocation, now)) return undefined
  return revocation.blocks
    ? { op: 'unblock', revocation: decideUnblock(revocation, position).revocation }
    : { op: 'lift', revocation: decideLift(revocation, now).revocation }
}
