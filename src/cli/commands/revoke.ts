import { defineCommand } from '#cli/command.ts'
import { confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { toggle } from '#cli/flags.ts'
import { planShape, revokedShape } from './revocation/shape.ts'
import { mustWaitForCertificate, waitFlags } from './revocation/watch.ts'
import { carryOut, showPlan } from './revoke/carry-out.ts'
import { mustNameSomething, readSelection, selectionFlags } from './revoke/selection.ts'
import { termsFlags, termsOf } from './revoke/terms.ts'

/** `credctl revoke`: plan, confirm, apply and wait in one go. */
export const revoke = defineCommand({
  path: ['revoke'],
  summary: 'Revoke credentials: plan, confirm and apply in one go',
  description: [
    'Revokes what the selectors name. Values of one selector are alternatives; different selectors must all hold. An empty selector never means all.',
    'The plan is shown before the question. A severe step (--all, --no-count, or more credentials than policy allows unasked) is confirmed by typing its phrase, or with --confirm PHRASE; for the rest --yes is enough. Without a terminal one of the two is needed.',
    'It is done as soon as it is published: on record, and in the feed that resource servers follow. With --wait enforced it goes on until each of them has said that it applies it, or can decide nothing any more without; the answer then holds a certificate signed by the authority. A terminal is shown that in any case, for as long as --timeout; Ctrl-C ends the waiting and not the revocation.',
    'A list of more than 10,000 lines is sent in parts. The id of the list is printed first, and if the command is cut short, --resume ID goes on where it was.',
    'It is one unit: `credctl revocation lift ID` undoes it, unless it is final. What is revoked already counts as done; where the revocation that did it is another one and can be lifted, this one is recorded too, and keeps it dead.',
    'A resource server that checks only signature and expiry goes on accepting a revoked token until it expires.',
  ],
  args: {},
  flags: {
    ...selectionFlags,
    ...termsFlags,
    dryRun: toggle('Print the plan and do nothing'),
    ...waitFlags,
    ...confirmationFlags,
  },
  examples: [
    {
      run: 'credctl revoke --client deploy-bot --reason compromise',
      about: 'Kill what a client holds and issue nothing to it',
    },
    {
      run: 'credctl revoke --client deploy-bot --reason compromise --wait enforced --yes -o json',
      about: 'And wait for the proof that no resource server accepts it any more',
    },
    {
      run: 'credctl revoke --token - --reason compromise --yes < leaked.jwt',
      about: 'Revoke a token that was found somewhere',
    },
    {
      run: 'credctl revoke --from ids.txt --reason superseded --yes -o json',
      about: 'Revoke a list, with a result for each line',
    },
    {
      run: "credctl revoke --scope 'deploy:*' --except-client release-bot --reason policy-change --dry-run",
      about: 'See what it would hit',
    },
    {
      run: 'credctl revoke --all --reason compromise --confirm all',
      about: 'Revoke everything, from a script',
    },
  ],
  output: [revokedShape, planShape],
  exits: {
    3: 'nothing matched and nothing was blocked; nothing is recorded',
    6: 'some of what was named was not found or failed; results per item in the output',
    7: 'recorded, but --wait enforced was not confirmed in time; the error names who is missing',
    8: 'the plan no longer fits: something changed between plan and revocation',
    130: 'interrupted; with --wait enforced while it waited, the revocation stands',
  },
  seeAlso: ['revocation plan', 'revocation wait', 'revocation lift', 'verifier list'],

  async run(kit, input) {
    mustNameSomething(input)
    mustWaitForCertificate(input)
    if (!input.dryRun) mustBeConfirmable(kit, input)
    const request = { ...(await readSelection(kit, input)), ...termsOf(input) }

    const admin = await kit.admin()
    const plan = await admin.planRevocation(request)
    return input.dryRun ? showPlan(plan) : await carryOut(kit, request, plan, input)
  },
})
