import { refuse } from '#kernel/problem.ts'
import type { Choice, Kit } from './kit.ts'

/** What `FILE|-` names, as text. */
export const readInput = (kit: Kit, path: string): Promise<string> =>
  path === '-' ? kit.io.readStdin() : kit.files.readText(path)

/**
 * A token given as `-`, as itself, or not at all and on stdin. One on the command line is readable by
 * every process of the machine and stays in the shell's history, so it works and warns.
 */
export async function readToken(kit: Kit, given: string | undefined): Promise<string> {
  if (given !== undefined && given !== '-') {
    kit.warn('a token on the command line can be read by others on this machine; use `-` and stdin')
    return given.trim()
  }
  if (given === undefined && kit.io.isInTty) {
    if (kit.isInteractive) return (await kit.prompt.password({ message: 'Token:' })).trim()
    refuse('input-required', 'no token', { next: 'give it on stdin, with `-`' })
  }
  return (await kit.io.readStdin()).trim()
}

/** Identifiers on stdin or in a file, one a line; blank lines and `#` comments are passed over. */
export async function readIds(kit: Kit, path: string): Promise<readonly string[]> {
  const lines = (await readInput(kit, path)).split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '' && !line.startsWith('#'))
}

/** `ask` for a flag: a client of the authority. */
export async function askClient(kit: Kit): Promise<string> {
  const { listClients } = await kit.admin()
  const { items } = await listClients({ limit: 1000 })
  if (items.length === 0) {
    refuse('input-required', 'there are no clients to choose from', {
      next: 'credctl client create ID --scope SCOPE',
    })
  }
  const choices: Choice<string>[] = items.map(({ id, tier, scopes }) => ({
    value: id,
    name: id,
    about: `${tier}: ${scopes.join(' ')}`,
  }))
  return await kit.prompt.select({ message: 'Client:', choices })
}
