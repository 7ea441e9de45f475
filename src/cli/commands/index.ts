import type { CommandTable } from '#cli/command.ts'

/**
 * Every command there is. A row is enough for help and completion; the module behind it is loaded
 * when its command runs. A test compares each row with the command that it loads.
 */
export const commandTable: CommandTable = {
  nouns: {},
  rows: [
    {
      path: ['completion'],
      summary: 'Print the completion script of a shell',
      load: async () => (await import('./completion.ts')).completion,
    },
  ],
}
