import type { CommandTable } from '#cli/command.ts'
import { completionScript } from './completion.ts'
import { commandPage, pageName, programPage } from './roff.ts'

/** Every file that is written from the command objects, by its path from the package's root. */
export async function manualFiles(table: CommandTable): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  files.set('man/credctl.1', programPage(table))
  for (const row of table.rows) {
    files.set(`man/${pageName(row.path)}.1`, commandPage(await row.load(), table))
  }
  files.set('completions/credctl.bash', await completionScript('bash', table))
  files.set('completions/_credctl', await completionScript('zsh', table))
  files.set('completions/credctl.fish', await completionScript('fish', table))
  return files
}

const BEGIN = '<!-- commands:begin -->'
const END = '<!-- commands:end -->'

/** A page with the table of commands between its markers; as it is where it has none. */
export function withCommands(page: string, table: CommandTable): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin === -1 || end < begin) return page
  const rows = table.rows.map(
    ({ path, summary }) =>
      [`\`credctl ${path.join(' ')}\``, summary.replaceAll('|', '\\|')] as const,
  )
  const lines = markdownTable([['Command', 'What it does'], ...rows])
  return `${page.slice(0, begin + BEGIN.length)}\n\n${lines.join('\n')}\n\n${page.slice(end)}`
}

/** Padded, as the formatter would have it, so that the two never undo each other's work. */
function markdownTable(rows: readonly (readonly [string, string])[]): string[] {
  const wide = (at: 0 | 1): number => Math.max(...rows.map((row) => row[at].length))
  const [left, right] = [wide(0), wide(1)]
  const lines = rows.map(([a, b]) => `| ${a.padEnd(left)} | ${b.padEnd(right)} |`)
  lines.splice(1, 0, `| ${'-'.repeat(left)} | ${'-'.repeat(right)} |`)
  return lines
}
