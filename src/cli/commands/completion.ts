import { defineCommand } from '#cli/command.ts'
import { oneOf } from '#cli/flags.ts'
import { completionScript, shells } from '#cli/manual/completion.ts'
import { record, shape } from '#cli/view.ts'

const completionShape = shape<{ readonly shell: string; readonly script: string }>({
  kind: 'completion',
  id: ({ shell }) => shell,
  columns: [{ key: 'shell' }, { key: 'script' }],
})

/**
 * `credctl completion`: print the completion script of a shell.
 *
 * The script asks `credctl __complete` for values such as client ids, for at most a second and a half.
 */
export const completion = defineCommand({
  path: ['completion'],
  summary: 'Print the completion script of a shell',
  description: [
    'The script completes commands, flags and words, and asks the authority for ids of clients, keys and revocations. Packages put it in place; by hand, load it from the start-up file of the shell.',
  ],
  args: { shell: oneOf(shells, 'bash, zsh or fish', { required: true }) },
  flags: {},
  examples: [
    { run: 'source <(credctl completion bash)', about: 'For this bash' },
    {
      run: 'credctl completion zsh > "${fpath[1]}/_credctl"',
      about: 'For every zsh from now on',
    },
    {
      run: 'credctl completion fish > ~/.config/fish/completions/credctl.fish',
      about: 'For every fish from now on',
    },
  ],
  output: [completionShape],

  async run(_kit, { shell }) {
    const { commandTable } = await import('./index.ts')
    const script = await completionScript(shell, commandTable)
    return { view: record(completionShape, { shell, script }, { text: script }) }
  },
})
