import { defineCommand } from '#cli/command.ts'
import { confirm, confirmationFlags, mustBeConfirmable } from '#cli/confirm.ts'
import { file as fileArgument, toggle } from '#cli/flags.ts'
import type { Restored } from '#cli/kit.ts'
import { record, shape } from '#cli/view.ts'
import { refuse } from '#kernel/problem.ts'

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

const RESTORE = 'restore'
const ADOPT = 'adopt'

/** `credctl restore`: puts a backup, or what lies there already, in use under a new epoch. */
export const restore = defineCommand({
  path: ['restore'],
  summary: 'Put a backup in the place of the database, under a new epoch',
  description: [
    'What the authority did after the backup is lost, and with it which tokens it issued and revoked since. So nothing of before is trusted: in one transaction a new epoch opens, every earlier signing key is revoked, a new one signs, and everything ever issued is revoked, sparing no one.',
    'Clients and the audit log are those of the backup. Blocks made after it are lost: look for them in the database that was replaced, which is kept beside the new one. A server must be stopped first. The key-encryption key must be that of the backup.',
    'A database that was put in place by other means is found out: by authority.position, a file beside it, or by a verifier that has followed the feed further. Then nothing is issued and no head is signed until the newest database is back, or --adopt takes the old one as it is, under a new epoch like a backup. Revoking works all the while.',
    'Feed keys younger than the backup are lost as well. Verifiers that have learned of one do not follow an older one: give them the key anew, or remove what they have kept of the feed.',
  ],
  args: { file: fileArgument('The backup') },
  flags: {
    ...confirmationFlags,
    adopt: toggle('Take the database that lies there, an older one than was in use'),
  },
  examples: [
    {
      run: 'credctl restore /var/backups/credctl.db --confirm restore',
      about: 'Restore from a script',
    },
    { run: 'credctl restore --adopt', about: 'Go on with an older database that was copied back' },
  ],
  output: [restoredShape],
  exits: { 8: 'a server is running on this authority' },
  seeAlso: ['backup', 'init'],

  async run(kit, { file, adopt, yes, confirm: confirmPhrase }) {
    if ((file === undefined) !== adopt) {
      refuse('usage-invalid', 'restore takes a backup, or --adopt and none', {
        next: 'credctl restore FILE, or credctl restore --adopt',
      })
    }
    mustBeConfirmable(kit, { yes, confirm: confirmPhrase })
    const local = await kit.local()
    await confirm(kit, {
      severity: 'severe',
      question: adopt
        ? `This goes on with the older authority in ${local.dataDir} and revokes every token it ever issued.`
        : `This replaces the authority in ${local.dataDir} and revokes every token it ever issued.`,
      phrase: adopt ? ADOPT : RESTORE,
      yes,
      confirm: confirmPhrase,
    })
    const restored = file === undefined ? await local.adopt() : await local.restore(file)
    kit.hint(
      'lost with what came after it: blocks, clients, keys; verifiers that know a younger feed key need theirs anew',
    )
    kit.hint('next: credctl token issue …, for everyone who needs a token again')
    return {
      view: record(restoredShape, restored, {
        headline: [
          `${adopt ? 'Adopted' : 'Restored'} ${restored.issuer} under epoch ${restored.epoch}; every earlier token and key is revoked.`,
        ],
      }),
    }
  },
})
