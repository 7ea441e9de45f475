import { defineCommand } from '#cli/command.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { text } from '#cli/flags.ts'
import { record } from '#cli/view.ts'
import { deletedTrustShape } from './shape.ts'

/** `credctl trust delete`: nobody gets in by it any more, and who did is put out. */
export const trustDelete = defineCommand({
  path: ['trust', 'delete'],
  summary: 'Remove a trust and revoke what was issued under it',
  args: { id: text('The trust', { required: true, placeholder: 'ID' }) },
  flags: { ...confirmationFlags },
  examples: [{ run: 'credctl trust delete deploys --yes', about: 'Without a question' }],
  output: [deletedTrustShape],
  exits: { 3: 'there is no such trust' },
  seeAlso: ['trust list', 'revocation show'],

  async run(kit, { id, yes, confirm: phrase }) {
    mustBeConfirmable(kit, { yes, confirm: phrase })
    const admin = await kit.admin()
    await admin.showTrust({ id })
    await confirm(kit, {
      severity: 'moderate',
      question: `Delete trust ${id}? What was issued under it is revoked.`,
      phrase: id,
      yes,
      confirm: phrase,
    })
    const deleted = await admin.deleteTrust({ id })
    const { revocationId } = deleted
    const headline =
      revocationId === undefined
        ? `Deleted ${id}. Nothing issued under it was still valid.`
        : `Deleted ${id}. ${revocationId} revoked what was issued under it.`
    await kit.show(record(deletedTrustShape, deleted, { headline: [headline] }))
    return {}
  },
})
