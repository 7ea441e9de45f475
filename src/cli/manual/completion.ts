import type { CommandTable } from '#cli/command.ts'
import { bashScript } from './bash.ts'
import { fishScript } from './fish.ts'
import { grammarOf } from './grammar.ts'
import { zshScript } from './zsh.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

export async function completionScript(shell: Shell, table: CommandTable): Promise<string> {
  const grammar = await grammarOf(table)
  if (shell === 'bash') return bashScript(grammar)
  return shell === 'zsh' ? zshScript(grammar) : fishScript(grammar)
}
