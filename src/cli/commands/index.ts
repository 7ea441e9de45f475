import type { CommandTable } from '#cli/command.ts'

/**
 * Every command there is. A row is enough for help and completion; the module behind it is loaded
 * when its command runs. A test compares each row with the command that it loads.
 */
export const commandTable: CommandTable = {
  nouns: { revocation: 'List, show, lift and unblock revocations' },
  rows: [
    {
      path: ['init'],
      summary: 'Make an authority in one SQLite file',
      load: async () => (await import('./init.ts')).init,
    },
    {
      path: ['serve'],
      summary: 'Serve the authority over HTTP',
      load: async () => (await import('./serve.ts')).serve,
    },
    {
      path: ['quickstart'],
      summary: 'Show a credential’s whole life in a throw-away authority',
      load: async () => (await import('./quickstart.ts')).quickstart,
    },
    {
      path: ['revoke'],
      summary: 'Revoke credentials: plan, confirm and apply in one go',
      load: async () => (await import('./revoke.ts')).revoke,
    },
    {
      path: ['revocation', 'list'],
      summary: 'List revocations, the newest first',
      load: async () => (await import('./revocation/list.ts')).revocationList,
    },
    {
      path: ['revocation', 'show'],
      summary: 'Show a revocation',
      load: async () => (await import('./revocation/show.ts')).revocationShow,
    },
    {
      path: ['revocation', 'lift'],
      summary: 'Undo a revocation; what another one matches stays revoked',
      load: async () => (await import('./revocation/lift.ts')).revocationLift,
    },
    {
      path: ['revocation', 'unblock'],
      summary: 'End the block of a revocation; what is revoked stays revoked',
      load: async () => (await import('./revocation/unblock.ts')).revocationUnblock,
    },
    {
      path: ['backup'],
      summary: 'Copy the database into a file, while it is in use',
      load: async () => (await import('./backup.ts')).backup,
    },
    {
      path: ['restore'],
      summary: 'Put a backup in the place of the database, under a new epoch',
      load: async () => (await import('./restore.ts')).restore,
    },
    {
      path: ['completion'],
      summary: 'Print the completion script of a shell',
      load: async () => (await import('./completion.ts')).completion,
    },
  ],
}
