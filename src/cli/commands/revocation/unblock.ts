import { defineCommand } from '#cli/command.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { type Revocation, unblockedShape } from './shape.ts'

/** `credctl revocation unblock`: lets new tokens be issued; what is dead stays dead. */
export const revocationUnblock = defineCommand({
  path: ['revocation', 'unblock'],
  summary: 'End the block of a revocation; what is revoked stays revoked',
  description: [
    'While a revocation blocks, nothing that it matches is issued. This ends that: new tokens can be issued and are accepted. Every token issued before stays revoked. Doing it twice is no error.',
  ],
  args: {
    id: text('The revocation', { required: true, placeholder: 'ID', complete: 'revocation' }),
  },
  flags: {
    justification: text('Why, for the audit log'),
    ...confirmationFlags,
  },
  examples: [
    {
      run: 'credctl revocation unblock rev_01j9 --justification "host rebuilt"',
      about: 'Issue again once the thief is out',
    },
  ],
  output: [unblockedShape],
  exits: { 3: 'there is no such revocation', 8: 'it was lifted, which ended its block' },
  seeAlso: ['revocation lift', 'revocation show'],

  async run(kit, { id, justification, yes, confirm: phrase }) {
    mustBeConfirmable(kit, { yes, confirm: phrase })
    const admin = await kit.admin()
    if (hasEffect(await admin.showRevocation({ id }))) {
      await confirm(kit, {
        severity: 'moderate',
        question: `End the block of ${id}? New tokens can be issued again; what is revoked stays revoked.`,
        phrase: id,
        yes,
        confirm: phrase,
      })
    }
    const unblocked = await admin.unblockRevocation({ id, justification })
    const headline = unblocked.alreadyUnblocked
      ? `${id} blocks nothing; nothing changed.`
      : `Ended the block of ${id}: tokens can be issued again, and what was revoked stays revoked.`
    return { view: record(unblockedShape, unblocked, { headline: [headline] }) }
  },
})

/** Nobody is asked about what changes nothing or will be refused. */
const hasEffect = ({ blocks, liftedAt }: Revocation): boolean => blocks && liftedAt === undefined
