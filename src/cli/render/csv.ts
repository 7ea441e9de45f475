import type { Column } from '#cli/view.ts'
import { at, textOf } from './pick.ts'
import { clean } from './text.ts'

/** Records of RFC 4180, but with LF for line ends, as every other line that we write. */
export const csvHead = (columns: readonly Column[]): string =>
  line(columns.map(({ key }) => field(key)))

export const csvRow = (row: unknown, columns: readonly Column[]): string =>
  line(columns.map(({ key }) => cell(at(row, key))))

const line = (fields: readonly string[]): string => `${fields.join(',')}\n`

/** Numbers stay numbers; texts are made safe for the spreadsheet that will open them. */
const cell = (value: unknown): string =>
  typeof value === 'number' ? String(value) : field(inert(textOf(value)))

/** A leading `=`, `+`, `-` or `@` makes a spreadsheet run the cell (OWASP, CSV injection). */
const inert = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text)

/** What needs no quotes and no cleaning. */
const PLAIN = /^[\x20\x21\x23-\x2b\x2d-\x7e]*$/

function field(text: string): string {
  if (PLAIN.test(text)) return text
  const shown = text.split('\n').map(clean).join('\n')
  return /[",\n]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown
}
