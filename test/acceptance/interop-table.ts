import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './harness.ts'

const PAGE = join(root, 'docs', 'oauth.md')
const BEGIN = '<!-- interop: written by test/acceptance/oauth.test.ts -->'
const END = '<!-- end of interop -->'

type Role = 'client' | 'verifier' | 'reader' | 'issuer'
const rows = new Map<string, Set<string>>()

/** Notes that a package did what it was asked, at the end of a test that has seen it. */
export function recordInterop(role: Role, name: string, what: string): void {
  const file = join(root, 'node_modules', name, 'package.json')
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  const key = `| ${role} | ${name} ${version} |`
  const said = rows.get(key) ?? new Set()
  rows.set(key, said.add(what))
}

/**
 * Holds the page to what this run has seen. With CREDCTL_WRITE_DOCS set it writes the table instead, which
 * a whole run does after a change of packages.
 */
export function settleInterop(): void {
  const table = [...rows]
    .map(([key, said]) => `${key} ${[...said].toSorted().join('; ')} |`)
    .toSorted()
  const page = readFileSync(PAGE, 'utf8')
  if (process.env['CREDCTL_WRITE_DOCS'] !== undefined) {
    const before = page.slice(0, page.indexOf(BEGIN) + BEGIN.length)
    const head = ['| As | Package | What it did |', '| --- | --- | --- |']
    writeFileSync(
      PAGE,
      [before, '', ...head, ...table, '', page.slice(page.indexOf(END))].join('\n'),
    )
    return
  }
  const told = bare(page)
  const untold = table.filter((row) => row.split('; ').some((part) => !told.includes(bare(part))))
  if (0 < untold.length) throw new Error(`docs/oauth.md does not say: ${untold.join('\n')}`)
}

/** Without what a formatter adds to a table. */
const bare = (text: string): string => text.replaceAll(/[\s|]+/g, ' ').trim()

/** The claims of a token, unchecked. */
export const claims = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >
