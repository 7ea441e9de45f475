import { defineCommand } from '#cli/command.ts'
import { showPlan } from '#cli/commands/revoke/carry-out.ts'
import { mustNameSomething, readSelection, selectionFlags } from '#cli/commands/revoke/selection.ts'
import { termsFlags, termsOf } from '#cli/commands/revoke/terms.ts'
import { planShape } from './shape.ts'

/** `credctl revocation plan`: what a revocation would hit, for `revocation apply`. */
export const revocationPlan = defineCommand({
  path: ['revocation', 'plan'],
  summary: 'Say what a revocation would hit, for `revocation apply`; nothing is recorded',
  description: [
    'Takes the selectors and terms of `credctl revoke`. Under -o json the plan is what `credctl revocation apply` takes, so that one person can look at it and another apply it.',
    'The plan is bound to its selector, exceptions, terms and policy by a hash. Whatever would be hit beyond it when it is applied (a new client, scope or audience, or a tenth more credentials) is refused as drift.',
  ],
  args: {},
  flags: { ...selectionFlags, ...termsFlags },
  examples: [
    {
      run: 'credctl revocation plan --client deploy-bot --reason compromise -o json > plan.json',
      about: 'Make a plan',
    },
    {
      run: 'credctl revocation plan --subject alice --reason sign-out -o json | jq .matched',
      about: 'How much it would hit',
    },
  ],
  output: [planShape],
  exits: { 3: 'nothing would be hit or blocked' },
  seeAlso: ['revocation apply', 'revoke'],

  async run(kit, input) {
    mustNameSomething(input)
    const request = { ...(await readSelection(kit, input)), ...termsOf(input) }
    const { planRevocation } = await kit.admin()
    return showPlan(await planRevocation(request))
  },
})
