import type { z } from 'zod'
import type { Deps } from '#app/deps.ts'
import {
  createVerifier,
  listVerifiers,
  removeVerifier,
  showVerifier,
  type VerifierView,
} from '#app/verifiers.ts'
import type { Verifier as VerifierWire } from '#contract/admin/verifier.ts'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import type { Operating } from './dispatch.ts'
import { present } from './present.ts'
import { pageToWire } from './wire.ts'

type Some<K extends keyof Operating> = Pick<Operating, K>

/** Whose credentials there are, and how each who uses one stands. */
export const verifierOperations = (
  deps: Deps,
): Some<'createVerifier' | 'listVerifiers' | 'showVerifier' | 'removeVerifier'> => ({
  async createVerifier(input, call) {
    const { verifier, credential } = await createVerifier(deps, call, input)
    return { verifier: verifierToWire(verifier), credential }
  },
  async listVerifiers({ limit, cursor, ...filter }) {
    return pageToWire(await listVerifiers(deps, present(filter), { limit, cursor }), verifierToWire)
  },
  async showVerifier({ id }) {
    return verifierToWire(await showVerifier(deps, id))
  },
  async removeVerifier({ id }, call) {
    const { verifier, leasesEndAt } = await removeVerifier(deps, call, id)
    const wire = verifierToWire(verifier)
    return leasesEndAt === undefined
      ? { verifier: wire }
      : { verifier: wire, leasesEndAt: formatInstant(leasesEndAt) }
  },
})

const timeMember = <K extends string>(name: K, at: Instant | undefined): { [P in K]?: string } =>
  at === undefined ? {} : ({ [name]: formatInstant(at) } as { [P in K]?: string })

function verifierToWire(view: VerifierView): z.output<ReturnType<typeof VerifierWire>> {
  const { leaseEndsAt, lastSeenAt, removedAt, audiences, keyIds, ...rest } = view
  return {
    ...rest,
    audiences: [...audiences],
    keyIds: [...keyIds],
    ...timeMember('leaseEndsAt', leaseEndsAt),
    ...timeMember('lastSeenAt', lastSeenAt),
    ...timeMember('removedAt', removedAt),
  }
}
