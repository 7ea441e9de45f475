import type { Exceptions, Reach, Revocation, Selector } from './revocation.ts'
import { normaliseExceptions, normaliseSelector } from './selector.ts'

/** What of a request says whom it takes, and for how long. */
export interface Taking {
  readonly selector: Selector
  /** With the sessions of spared tokens. */
  readonly exceptions: Exceptions
  readonly reach: Reach
  readonly final: boolean
}

/**
 * Whether what an earlier revocation took stays dead for as long as a request would have it: because
 * nobody can lift the earlier one, or because it is the same request, which whoever lifts it means to
 * take back. Any other may be lifted by somebody who knows nothing of this one.
 */
export const outlasts = (
  earlier: Pick<Revocation, keyof Taking>,
  { selector, exceptions, reach, final }: Taking,
): boolean =>
  earlier.final ||
  (!final &&
    (earlier.reach === reach || earlier.reach === 'sessions') &&
    isSame(normaliseExceptions(earlier.exceptions), normaliseExceptions(exceptions)) &&
    isSame(normaliseSelector(earlier.selector), normaliseSelector(selector)))

/** A list of a million ids is compared without a text of it being made. */
function isSame(a: Selector | Exceptions, b: Selector | Exceptions): boolean {
  const { tokens: aTokens = [], ...aRest } = a
  const { tokens: bTokens = [], ...bRest } = b
  if (aTokens.length !== bTokens.length || JSON.stringify(aRest) !== JSON.stringify(bRest)) {
    return false
  }
  return aTokens.every((token, i) => token === bTokens[i])
}
