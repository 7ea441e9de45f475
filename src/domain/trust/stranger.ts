import type { Instant } from '#kernel/instant.ts'
import { finding, shown, soleAudience, timeFinding } from './evaluate.ts'
import type { ClaimFinding } from './trust.ts'

type Values = Readonly<Record<string, unknown>>

/**
 * What a table may say of a token that nobody we know has signed: what everybody may know, and what its
 * sender has put into it himself. Of the trusts it says nothing: that would tell a stranger what to forge.
 */
export function strangerFindings(
  { header, claims }: { readonly header: Values; readonly claims: Values },
  {
    issuer,
    now,
    isOfTrust,
  }: {
    /** Ours: whom an identity token has to be for, unless a trust says otherwise. */
    readonly issuer: string
    readonly now: Instant
    /** Whether a trust names its issuer, so that its signature was held against that one's keys. */
    readonly isOfTrust: boolean
  },
): readonly ClaimFinding[] {
  const { iss, aud, exp, nbf } = claims
  const by = isOfTrust
    ? [
        { ...finding('iss', [shown(iss)], iss), ok: true },
        {
          claim: 'signature',
          expected: `by a key of ${shown(iss)}`,
          actual: `does not hold (${shown(header['alg'])}, key ${shown(header['kid'])})`,
          ok: false,
        },
      ]
    : [{ ...finding('iss', [], iss), expected: 'one that a trust names' }]
  return [
    ...by,
    finding('aud', [issuer], soleAudience({ aud })),
    timeFinding('exp', exp, now),
    ...(nbf === undefined ? [] : [timeFinding('nbf', nbf, now)]),
  ]
}
