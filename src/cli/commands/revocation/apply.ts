import { defineCommand } from '#cli/command.ts'
import { carryOut } from '#cli/commands/revoke/carry-out.ts'
import { readPlan, requestOf } from '#cli/commands/revoke/plan-file.ts'
import { visible } from '#cli/commands/revoke/plan-text.ts'
import { confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { file } from '#cli/flags.ts'
import { readInput } from '#cli/input.ts'
import { driftOf } from '#contract/drift.ts'
import { refuse } from '#kernel/problem.ts'
import { type Plan, revokedShape, type ServerPlan } from './shape.ts'
import { mustWaitForCertificate, waitFlags } from './watch.ts'

/**
 * `credctl revocation apply`: what a plan says, or nothing.
 *
 * Nothing in the file is believed but what was asked for: the authority plans it anew, and that plan
 * says how severe it is, what is confirmed, and whether the file still fits.
 */
export const revocationApply = defineCommand({
  path: ['revocation', 'apply'],
  summary: 'Apply a plan of `revocation plan`, unless it no longer fits',
  description: [
    'Confirms and revokes as `credctl revoke` does. Where the plan was changed by hand, or policy is another, or more would be hit than it says, nothing is done.',
    'A plan read from stdin (-) leaves no terminal to ask on: add --yes, or --confirm PHRASE.',
  ],
  args: { file: file('The plan, as -o json printed it; - is stdin', { required: true }) },
  flags: { ...waitFlags, ...confirmationFlags },
  examples: [
    { run: 'credctl revocation apply plan.json', about: 'Look at a plan and apply it' },
    {
      run: 'credctl revocation apply plan.json --wait enforced --yes -o json',
      about: 'Apply it from a script, and wait for the proof',
    },
  ],
  output: [revokedShape],
  exits: {
    2: 'that is no plan, or it was not confirmed',
    6: 'some of what was named was not found or failed; results per item in the output',
    7: 'recorded, but --wait enforced was not confirmed in time; the error names who is missing',
    8: 'the plan no longer fits: it was changed, or more would be hit than it says',
  },
  seeAlso: ['revocation plan', 'revocation wait', 'revoke'],

  async run(kit, input) {
    mustWaitForCertificate(input)
    mustBeConfirmable(kit, input)
    const planned = readPlan(await readInput(kit, input.file), nameOf(input.file))
    const request = requestOf(planned)
    const admin = await kit.admin()
    const plan = await admin.planRevocation(request)
    mustFit(planned, plan)
    return await carryOut(kit, request, plan, { ...input, planned: planned.matched })
  },
})

const nameOf = (path: string): string => (path === '-' ? 'stdin' : visible(path))

/** Refusal: `plan-drift`, with everything that is new. Whoever is asked is asked about what was planned. */
function mustFit(planned: Plan, plan: ServerPlan): void {
  if (planned.hash !== plan.hash) {
    const why =
      planned.policyVersion === plan.policyVersion
        ? 'it was changed after it was made, or made by another authority'
        : `it was made under policy ${planned.policyVersion}, and this is policy ${plan.policyVersion}`
    refuse('plan-drift', `the plan does not fit its hash: ${why}`, { next: NEXT })
  }
  if (planned.matched === undefined || plan.matched === undefined) return
  const drift = driftOf(figures(planned.matched), figures(plan.matched))
  if (drift === undefined) return
  refuse('plan-drift', drift, {
    next: NEXT,
    facts: {
      planned: planned.matched.credentials,
      credentials: plan.matched.credentials,
      newClients: newIn(planned.matched.byClient, plan.matched.byClient),
      newScopes: newIn(planned.matched.byScope, plan.matched.byScope),
      newAudiences: newIn(planned.matched.byAudience, plan.matched.byAudience),
    },
  })
}

const figures = ({ credentials, byClient, byScope, byAudience }: NonNullable<Plan['matched']>) => ({
  credentials,
  byClient,
  byScope,
  byAudience,
})

const NEXT = 'plan it again, look at it, and apply the new plan'

type Counts = Readonly<Record<string, number>>
const newIn = (before: Counts, now: Counts): string[] =>
  Object.keys(now)
    .filter((value) => !Object.hasOwn(before, value))
    .sort()
