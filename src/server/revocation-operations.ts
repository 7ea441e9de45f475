import type { Deps } from '#app/deps.ts'
import { liftRevocation, unblockRevocation } from '#app/lift.ts'
import { liftPart } from '#app/lift-part.ts'
import { certifyRevocation, showEnforcement } from '#app/proof.ts'
import { planRevocation } from '#app/revocation-plan.ts'
import { listRevocations, showRevocation, viewRevocation } from '#app/revocations.ts'
import { type Asked, revoke } from '#app/revoke.ts'
import { appendSelection, createSelection, showSelection } from '#app/selections.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Input } from '#contract/route.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import type { Call, Operating } from './dispatch.ts'
import { present } from './present.ts'
import {
  enforcementToWire,
  instantOf,
  itemsToWire,
  matchedToWire,
  pageToWire,
  planToWire,
  revocationToWire,
  selectionToWire,
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
  | 'showEnforcement'
  | 'certifyRevocation'
  | 'createSelection'
  | 'appendSelection'
  | 'showSelection'
> => ({
  async planRevocation(input, call) {
    return planToWire(await planRevocation(deps, call, requestOf(input)))
  },
  async revoke(input, call) {
    const planned = { hash: input.planHash, matched: plannedOf(input) }
    const done = await revoke(deps, call, requestOf(input), planned)
    const { revocation, mintedMeanwhile } = done
    return {
      ...(revocation === undefined ? {} : { revocation: await told(deps, revocation) }),
      ...itemsToWire(done),
      ...present({ mintedMeanwhile }),
    }
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
  async liftRevocation(input, call) {
    return input.onlyTokens === undefined ? lift(deps, input, call) : liftSome(deps, input, call)
  },
  async unblockRevocation({ id, justification }, call) {
    const { revocation, alreadyUnblocked } = await unblockRevocation(deps, call, id, justification)
    return { revocation: await told(deps, revocation), alreadyUnblocked }
  },
  async showEnforcement({ id }) {
    return enforcementToWire(await showEnforcement(deps, id))
  },
  async certifyRevocation({ id }) {
    const { certificate, ...enforced } = await certifyRevocation(deps, id)
    return { enforcement: enforcementToWire(enforced), ...present({ certificate }) }
  },
  async createSelection(_, call) {
    return selectionToWire(await createSelection(deps, call))
  },
  async appendSelection({ id, offset, tokens }, call) {
    return selectionToWire(await appendSelection(deps, call, id, { offset, tokens }))
  },
  async showSelection({ id }, call) {
    return selectionToWire(await showSelection(deps, call, id))
  },
})

/** With the state that it is in: it may have changed since it was written. */
const told = async (deps: Deps, revocation: Revocation) =>
  revocationToWire(await viewRevocation(deps, revocation))

type LiftInput = Input<AdminApi['liftRevocation']>

async function lift(deps: Deps, { id, justification }: LiftInput, call: Call) {
  const lifted = await liftRevocation(deps, call, id, justification)
  return {
    revocation: await told(deps, lifted.revocation),
    alreadyLifted: lifted.alreadyLifted,
    revived: matchedToWire(lifted.revived),
  }
}

async function liftSome(deps: Deps, { id, justification, onlyTokens }: LiftInput, call: Call) {
  const lifted = await liftPart(deps, call, id, { tokens: onlyTokens ?? [], justification })
  return {
    revocation: await told(deps, lifted.revocation),
    alreadyLifted: false,
    revived: matchedToWire(lifted.revived),
    replacement: await told(deps, lifted.replacement),
    items: lifted.items.map((item) => ({ ...item })),
  }
}

const requestOf = (input: Input<AdminApi['planRevocation']>): Asked => ({
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
  count: input.count,
  selectionId: input.selectionId,
})

function plannedOf({ planned }: Input<AdminApi['revoke']>) {
  if (planned === undefined) return undefined
  const { counted, ...figures } = planned
  return { ...figures, ...present({ counted }) }
}
