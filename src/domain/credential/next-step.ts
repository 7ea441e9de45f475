import type { Revocation } from '#domain/revocation/revocation.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import type { CredentialState } from './credential.ts'

/** What of a revocation decides what its victim should do. */
type By = Partial<Pick<Revocation, 'reason' | 'blocks' | 'expiresAt'>> & {
  readonly graceEndsAt?: Instant | undefined
}

/** What the holder of a credential should do now, as one sentence. */
export function nextStep(state: CredentialState, by: By): string {
  if (state === 'expired') return 'get a new token: this one has expired'
  if (state === 'suspended') {
    const until = by.expiresAt === undefined ? '' : `, or until ${formatInstant(by.expiresAt)}`
    return `wait until it is lifted${until}`
  }
  if (state === 'active') {
    return by.graceEndsAt === undefined
      ? 'use it: it is accepted'
      : `get a new token before ${formatInstant(by.graceEndsAt)}: this one is refused from then on`
  }
  if (by.blocks === true)
    return 'ask an operator: nothing is issued to you until the block is ended'
  if (by.reason === 'compromise') return 'ask an operator: the token may be in other hands'
  return 'get a new token: this one is revoked'
}
