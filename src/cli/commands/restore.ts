import { defineCommand } from '#cli/command.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { file as fileArgument } from '#cli/flags.ts'
import type { Restored } from '#cli/kit.ts'
import { record, shape } from '#cli/view.ts'

const restoredShape = shape<Restored>({
  kind: 'authority',
  id: ({ issuer }) => issuer,
  columns: [
    { key: 'issuer', keep: true },
    { key: 'dataDir', title: 'Data folder' },
    { key: 'epoch', kind: 'number' },
    { key: 'position', kind: 'number' },
    { key: 'keyId', title: 'Signing key' },
    { key: 'revokedKeys', title: 'Revoked keys' },
    { key: 'revocationId', title: 'Revocation of all' },
    { key: 'replaced', title: 'Replaced database' },
  ],
})

const PHRASE = 'restore'

/** `credctl restore`: puts a backup in the place of the database, under a new epoch. */
export const restore = defineCommand({
  path: ['restore'],
  summary: 'Put a backup in the place of the database, under a new epoch',
  description: [
    'What the authority did after the backup is lost, and with it which tokens it issued and revoked since. So nothing of before is trusted: in one transaction a new epoch opens, every earlier signing key is revoked, a new one signs, and everything ever issued is revoked, sparing no one.',
    'Clients and the audit log are those of the backup. Blocks made after it are lost: look for them in the database that was replaced, which is kept beside the new one. A server must be stopped first. The key-encryption key must be that of the backup.',
  ],
  args: { file: fileArgument('The backup', { required: true }) },
  flags: { ...confirmationFlags },
  examples: [
    {
      run: 'credctl restore /var/backups/credctl.db --confirm restore',
      about: 'Restore from a script',
    },
  ],
  output: [restoredShape],
  exits: { 8: 'a server is running on this authority' },
  seeAlso: ['backup', 'init'],

  async run(kit, { file, yes, confirm: confirmPhrase }) {
    mustBeConfirmable(kit, { yes, confirm: confirmPhrase })
    const local = await kit.local()
    await confirm(kit, {
      severity: 'severe',
      question: `This replaces the authority in ${local.dataDir} and revokes every token it ever issued.`,
      phrase: PHRASE,
      yes,
      confirm: confirmPhrase,
    })
    const restored = await local.restore(file)
    kit.hint('lost with what came after the backup: blocks, clients and keys younger than it')
    kit.hint('next: credctl token issue …, for everyone who needs a token again')
    return {
      view: record(restoredShape, restored, {
        headline: [
          `Restored ${restored.issuer} under epoch ${restored.epoch}; every earlier token and key is revoked.`,
        ],
      }),
    }
  },
})
