import { defineCommand } from '#cli/command.ts'
import { showSecret } from '#cli/commands/client/proofs.ts'
import { rotatedSecretShape } from '#cli/commands/shapes.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { duration, text } from '#cli/flags.ts'
import { askClient } from '#cli/input.ts'
import { record } from '#cli/view.ts'
import { formatDuration } from '#kernel/duration.ts'

/** `credctl client secret rotate`: a new secret; the old one ends, at once or a little later. */
export const clientSecretRotate = defineCommand({
  path: ['client', 'secret', 'rotate'],
  summary: 'Make a new secret for a client',
  description: [
    'The new secret is shown once; only a keyed hash of it is kept. Those before it end at once, or after --overlap, in which both are good: long enough to put the new one wherever the old one is. A client that had no secret gets its first.',
    'Tokens that were issued before stay as they are: where the secret was exposed, rotate it without --overlap and revoke them too.',
  ],
  args: {
    id: text('The client', {
      required: true,
      placeholder: 'ID',
      complete: 'client',
      ask: askClient,
    }),
  },
  flags: {
    overlap: duration('For how long the old secret is good too; not at all unless given'),
    ...confirmationFlags,
  },
  examples: [
    {
      run: 'credctl client secret rotate api --overlap 1h -o json | jq -r .clientSecret',
      about: 'Change it without a pause',
    },
    { run: 'credctl client secret rotate api --yes', about: 'Nobody uses the old one any more' },
  ],
  output: [rotatedSecretShape],
  exits: { 3: 'there is no such client' },
  seeAlso: ['client key add', 'client create', 'revoke'],

  async run(kit, { id, overlap, yes, confirm: phrase }) {
    const isAbrupt = overlap === undefined
    if (isAbrupt) mustBeConfirmable(kit, { yes, confirm: phrase })
    const admin = await kit.admin()
    const { authMethods } = await admin.showClient({ id })
    // Nobody is asked about a first secret, or about what goes on being good for a while.
    if (isAbrupt && authMethods.includes('secret')) {
      await confirm(kit, {
        severity: 'moderate',
        question: `Make a new secret for ${id}? Whoever uses the old one is refused from then on.`,
        phrase: id,
        yes,
        confirm: phrase,
      })
    }
    const rotated = await admin.rotateClientSecret({ id, overlapSeconds: overlap ?? 0 })
    const until =
      isAbrupt || rotated.previousExpireAt === undefined
        ? ''
        : ` The old one is good for ${formatDuration(overlap)} more.`
    const headline = [`Made a new secret for ${id}.${until}`]
    await kit.show(record(rotatedSecretShape, rotated, { headline }))
    await showSecret(kit, rotated.clientSecret, id)
    return {}
  },
})
