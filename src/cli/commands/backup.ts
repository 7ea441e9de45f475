import { defineCommand } from '#cli/command.ts'
import { file as fileArgument } from '#cli/flags.ts'
import type { BackedUp } from '#cli/kit.ts'
import { record, shape } from '#cli/view.ts'

const backupShape = shape<BackedUp>({
  kind: 'backup',
  id: ({ file }) => file,
  columns: [
    { key: 'file', keep: true },
    { key: 'bytes', kind: 'number' },
    { key: 'issuer' },
    { key: 'position', kind: 'number' },
  ],
})

/** `credctl backup`: copies the database while it is in use. */
export const backup = defineCommand({
  path: ['backup'],
  summary: 'Copy the database into a file, while it is in use',
  description: [
    'Nothing has to stop: the copy is consistent, checked, and readable only by its owner (mode 0600). An existing file is never written over.',
    'The signing keys in it are sealed. Keep the key-encryption key as well, and somewhere else: without it the backup cannot be restored, and with it whoever has the backup can sign.',
  ],
  args: { file: fileArgument('Where to write it; a file that does not exist', { required: true }) },
  flags: {},
  examples: [{ run: 'credctl backup /var/backups/credctl.db', about: 'Back up now' }],
  output: [backupShape],
  seeAlso: ['restore'],

  async run(kit, { file }) {
    const local = await kit.local()
    const progress = kit.progress('copying')
    const made = await local.backup(file, (done, total) => progress.update({ done, total }))
    progress.stop()
    return {
      view: record(backupShape, made, { headline: [`Backed up ${made.issuer} to ${made.file}.`] }),
    }
  },
})
