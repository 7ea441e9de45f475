import { defineCommand } from '#cli/command.ts'
import { credentials } from '#cli/commands/revoke/plan-text.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { type Lifted, liftedShape, type Revocation } from './shape.ts'

/** `credctl revocation lift`: the only undo, of a revocation as a whole. */
export const revocationLift = defineCommand({
  path: ['revocation', 'lift'],
  summary: 'Undo a revocation; what another one matches stays revoked',
  description: [
    'Tokens that it revoked and that have not expired are accepted again, unless another revocation matches them; its block ends too. A final revocation cannot be lifted. Lifting twice is no error.',
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
      run: 'credctl revocation lift rev_01j9 --justification "false alarm"',
      about: 'Undo a revocation',
    },
  ],
  output: [liftedShape],
  exits: { 3: 'there is no such revocation', 8: 'it is final' },
  seeAlso: ['revocation unblock', 'revocation show'],

  async run(kit, { id, justification, yes, confirm: phrase }) {
    mustBeConfirmable(kit, { yes, confirm: phrase })
    const admin = await kit.admin()
    const before = await admin.showRevocation({ id })
    if (hasEffect(before)) {
      await confirm(kit, {
        severity: 'moderate',
        question: `Lift ${id} (${before.reason})? Of the ${credentials(before.matched.credentials)} that it revoked, those still unexpired are accepted again, unless another revocation matches them.`,
        phrase: id,
        yes,
        confirm: phrase,
      })
    }
    const lifted = await admin.liftRevocation({ id, justification })
    return { view: record(liftedShape, lifted, { headline: [headline(lifted)] }) }
  },
})

/** Nobody is asked about what changes nothing or will be refused. */
const hasEffect = ({ liftedAt, final }: Revocation): boolean => liftedAt === undefined && !final

function headline({ revocation, alreadyLifted, revived }: Lifted): string {
  if (alreadyLifted)
    return `${revocation.id} was lifted at ${revocation.liftedAt}; nothing changed.`
  const count = revived.credentials
  if (count === 0) return `Lifted ${revocation.id}; no unexpired credential is valid again by it.`
  const clients = Object.keys(revived.byClient).sort()
  const whom = clients.length <= 3 ? clients.join(', ') : `${clients.length} clients`
  return `Lifted ${revocation.id}: ${credentials(count)} of ${whom} ${count === 1 ? 'is' : 'are'} valid again.`
}
