import { defineCommand } from '#cli/command.ts'
import { credentials } from '#cli/commands/revoke/plan-text.ts'
import { readTokenIds } from '#cli/commands/revoke/selection.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { many, text } from '#cli/flags.ts'
import { below, record } from '#cli/view.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { type Lifted, liftedItemShape, liftedShape, type Revocation } from './shape.ts'

/** `credctl revocation lift`: the only undo, of a revocation as a whole or of a part. */
export const revocationLift = defineCommand({
  path: ['revocation', 'lift'],
  summary: 'Undo a revocation; what another one matches stays revoked',
  description: [
    'Tokens that it revoked and that have not expired are accepted again, unless another revocation matches them; its block ends too. A final revocation cannot be lifted. Lifting twice is no error.',
    'With --only-token just these tokens, and the sessions that they belong to, are given back. The rest stays revoked, by a new revocation that takes the place of the old one in the same instant.',
  ],
  args: {
    id: text('The revocation', { required: true, placeholder: 'ID', complete: 'revocation' }),
  },
  flags: {
    onlyToken: many('Give back this token alone, by its id; - reads the token itself from stdin', {
      placeholder: 'ID',
      complete: 'credential',
    }),
    reason: text('Why, in your words, for the audit log', { placeholder: 'TEXT' }),
    justification: text('The same as --reason'),
    ...confirmationFlags,
  },
  examples: [
    {
      run: 'credctl revocation lift rev_01j9 --reason "false alarm"',
      about: 'Undo a revocation',
    },
    {
      run: 'credctl revocation lift rev_01j9 --only-token cred_7f3k,cred_9m2p --yes',
      about: 'Give two tokens back, and leave the rest revoked',
    },
  ],
  output: [liftedShape],
  exits: {
    3: 'there is no such revocation, or it hit none of the tokens named',
    6: 'some of the tokens named were not given back; results per item in the output',
    8: 'it is final, or, for a part, was lifted already',
  },
  seeAlso: ['revocation unblock', 'revocation show'],

  async run(kit, { id, onlyToken, reason, justification = reason, yes, confirm: phrase }) {
    if (reason !== undefined && justification !== reason) {
      refuse('usage-invalid', '--reason and --justification say two things', {
        next: 'give one of them',
      })
    }
    mustBeConfirmable(kit, { yes, confirm: phrase })
    const tokens = await readTokenIds(kit, onlyToken, '--only-token')
    const admin = await kit.admin()
    const before = await admin.showRevocation({ id })
    if (hasEffect(before)) {
      await confirm(kit, {
        severity: 'moderate',
        question: questionOf(before, tokens.length),
        phrase: id,
        yes,
        confirm: phrase,
      })
    }
    const part = tokens.length === 0 ? {} : { onlyTokens: tokens }
    const lifted = await admin.liftRevocation({ id, justification, ...part })
    const items = lifted.items ?? []
    await kit.show(
      record(liftedShape, lifted, {
        headline: [headline(lifted)],
        below: below(liftedItemShape, items),
      }),
    )
    return { problem: shortfall(items) }
  },
})

/** Nobody is asked about what changes nothing or will be refused. */
const hasEffect = ({ liftedAt, final }: Revocation): boolean => liftedAt === undefined && !final

function questionOf({ id, reason, matched }: Revocation, tokens: number): string {
  if (0 < tokens) {
    const what = tokens === 1 ? '1 token' : `${tokens} tokens`
    return `Give ${what} of ${id} (${reason}) back? The rest stays revoked.`
  }
  const what =
    matched.counted === false
      ? 'Of what it revoked, whatever is'
      : `Of the ${credentials(matched.credentials)} that it revoked, those`
  const verb = matched.counted === false ? 'is' : 'are'
  return `Lift ${id} (${reason})? ${what} still unexpired ${verb} accepted again, unless another revocation matches ${verb === 'is' ? 'it' : 'them'}.`
}

function headline({ revocation, alreadyLifted, revived, replacement }: Lifted): string {
  const { id } = revocation
  if (alreadyLifted) return `${id} was lifted at ${revocation.liftedAt}; nothing changed.`
  const count = revived.credentials
  const rest = replacement === undefined ? '' : ` ${replacement.id} keeps the rest revoked.`
  if (count === 0) return `Lifted ${id}; no unexpired credential is valid again by it.${rest}`
  const clients = Object.keys(revived.byClient).sort()
  const whom = clients.length <= 3 ? clients.join(', ') : `${clients.length} clients`
  return `Lifted ${id}: ${credentials(count)} of ${whom} ${count === 1 ? 'is' : 'are'} valid again.${rest}`
}

function shortfall(items: NonNullable<Lifted['items']>): Problem | undefined {
  const missed = items.filter(({ result }) => result !== 'revived')
  if (missed.length === 0) return undefined
  return new Problem(
    'partly-done',
    `${missed.length} of ${items.length} tokens named were not given back`,
    { next: 'look at items in the output', facts: { items: missed } },
  )
}
