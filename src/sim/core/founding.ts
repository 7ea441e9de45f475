import { instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { putKey } from './revoking.ts'
import type { CoreWorld } from './world.ts'

/** An authority as `init` leaves it: one key for tokens, one for heads. */
export function keyRows(world: CoreWorld): void {
  const { database, nodes, signatures, plan, judge } = world
  const site = nodes[0]?.site ?? refuse('internal', 'there is no node')
  const at = instant(Math.floor(plan.startMicros / 1000))
  const tx = database.begin()
  for (const purpose of ['token', 'feed'] as const) {
    putKey(site, tx, signatures.newKey(purpose, at, 'active'))
  }
  tx.commit()
  world.noticed(judge)
}
