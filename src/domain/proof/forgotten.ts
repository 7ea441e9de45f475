import type { Position } from '#domain/feed/position.ts'
import { instant } from '#kernel/instant.ts'
import type { Incarnation } from './proof.ts'

/**
 * Whoever was given heads that the record knows nothing of. A database that was brought back has
 * forgotten the verifiers that came after it was copied, and how long the others were given heads; each
 * of them may decide by a head of any moment before, for as long as the longest limit. One record
 * stands for them all, so that nothing is certified while any of them may still accept: it is never
 * acknowledged, and lapses when the last of their leases has.
 */
export const forgottenFollowers = ({
  epoch,
  position,
  audiences,
  limitSeconds,
  timeMicros,
}: {
  /** The one that the restore opens, which makes it one of its kind. */
  readonly epoch: number
  /** Where the feed stood before. */
  readonly position: Position
  readonly audiences: readonly string[]
  /** The longest that any mode allows. */
  readonly limitSeconds: number
  /** Authority time of the opening: no head of before is younger. */
  readonly timeMicros: number
}): Incarnation => {
  const at = instant(Math.floor(timeMicros / 1000))
  return {
    id: `before-the-restore-of-epoch-${epoch}`,
    verifierId: 'local',
    name: 'verifiers of before the restore',
    audiences,
    mode: 'relaxed',
    limitSeconds,
    firstPosition: position,
    headsUntilMicros: timeMicros,
    firstSeenAt: at,
    lastSeenAt: at,
  }
}
