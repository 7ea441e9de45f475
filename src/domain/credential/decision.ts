export const verdicts = [
  'accepted',
  'revoked',
  'expired',
  'not-yet-valid',
  'stale',
  'insufficient-scope',
  'step-up-required',
  'proof-invalid',
  'invalid',
] as const
/** What a verifier says of a token. "Not covered" is never "accepted". */
export type Verdict = (typeof verdicts)[number]

export const decisionCauses = ['cold', 'lease', 'behind', 'clock'] as const
/** Why a verifier cannot know. */
export type DecisionCause = (typeof decisionCauses)[number]
