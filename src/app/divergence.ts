import { formatInstant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading } from '#store/port.ts'

/**
 * Refuses to mint and to sign heads with a database that has forgotten: `authority-restored`. What
 * was revoked after it was copied is alive in it, and tokens that it issues would look older than
 * they are. That is on record (`recordDivergence`) as soon as anybody has seen it, the file beside the
 * database or a verifier, and lasts until `reopen` opens an epoch. Revoking goes on meanwhile.
 */
export async function refuseRestored(tx: Reading): Promise<void> {
  const seen = await tx.divergence()
  if (seen === undefined) return
  const { position } = await tx.feed()
  refuse(
    'authority-restored',
    `an older database was put in place of the newest: ${seen.seenBy} has seen position ${seen.position} of another feed than this one, which is at ${position}`,
    {
      next: 'put the newest database back, or take this one: credctl restore --adopt; revoking still works',
      facts: { position, seenPosition: seen.position, seenAt: formatInstant(seen.at) },
    },
  )
}
