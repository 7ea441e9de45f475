import { liftRevocation, unblockRevocation } from '#app/lift.ts'
import type { Deps } from '#app/deps.ts'
import { planRevocation } from '#app/revocation-plan.ts'
import { listRevocations, revoke, showRevocation } from '#app/revoke.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Input } from '#contract/route.ts'
import type { Operating } from './dispatch.ts'
import { present } from './present.ts'
import {
  instantOf,
  matchedToWire,
  pageToWire,
  planToWire,
  revocationToWire,
  selectorFromWire,
} from './wire.ts'

type Some<K extends keyof Operating> = Pick<Operating, K>

/** What the contract lets a caller do with revocations, each a use case between two translations. */
export const revocationOperations = (
  deps: Deps,
): Some<
  | 'planRevocation'
  | 'revoke'
  | 'listRevocations'
  | 'showRevocation'
  | 'liftRevocation'
  | 'unblockRevocation'
> => ({
  async planRevocation(input, call) {
    return planToWire(await planRevocation(deps, call, requestOf(input)))
  },
  async revoke(input, call) {
    const { revocation, items } = await revoke(deps, call, requestOf(input), input.planHash)
    const results = items.map((item) => ({ ...item }))
    return revocation === undefined
      ? { items: results }
      : { revocation: revocationToWire(revocation), items: results }
  },
  async listRevocations({ limit, cursor, ...filter }) {
    return pageToWire(
      await listRevocations(deps, present(filter), { limit, cursor }),
      revocationToWire,
    )
  },
  async showRevocation({ id }) {
    return revocationToWire(await showRevocation(deps, id))
  },
  async liftRevocation({ id, justification }, call) {
    const lifted = await liftRevocation(deps, call, id, justification)
    return {
      revocation: revocationToWire(lifted.revocation),
      alreadyLifted: lifted.alreadyLifted,
      revived: matchedToWire(lifted.revived),
    }
  },
  async unblockRevocation({ id, justification }, call) {
    const { revocation, alreadyUnblocked } = await unblockRevocation(deps, call, id, justification)
    return { revocation: revocationToWire(revocation), alreadyUnblocked }
  },
})

const requestOf = (input: Input<AdminApi['planRevocation']>): Parameters<typeof revoke>[2] => ({
  selector: selectorFromWire(input.selector),
  exceptions: input.exceptions,
  reason: input.reason,
  reach: input.reach,
  graceSeconds: input.graceSeconds,
  final: input.final,
  message: input.message,
  block: input.block,
  incidentId: input.incidentId,
  expiresAt: input.expiresAt === undefined ? undefined : instantOf(input.expiresAt),
})
