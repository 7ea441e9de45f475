import type { Style } from '#cli/kit.ts'
import type { Column } from '#cli/view.ts'
import { type Cell, type CellContext, cellOf, titleOf } from './cell.ts'
import { cut, padEnd, widthOf } from './text.ts'

const GUTTER = '  '
/** A column is not cut below this; a terminal too narrow for that many columns wraps the lines. */
const COLUMN_WIDTH_MIN = 6

export interface TableOptions extends CellContext {
  readonly columns: readonly Column[]
  readonly withHeaders: boolean
  /** Columns of the terminal; `undefined` where nothing is cut. */
  readonly width: number | undefined
  /** Whether a column may be left out, so that what people copy stays whole. */
  readonly mayOmit?: boolean
}

/**
 * Writes a table page by page: the first page sets the widths, and later rows keep to them as far as
 * they can. One record is one line. Our own layout, because cli-table3 takes 0.2 ms a row, which
 * makes three minutes of a million rows; it lays out single records.
 */
export function tableWriter(options: TableOptions): (rows: readonly unknown[]) => string {
  const { style, withHeaders } = options
  let columns = options.columns
  let widths: readonly number[] | undefined
  return (rows) => {
    const isFirst = widths === undefined
    if (isFirst) columns = columnsShown(rows, options)
    const heads = columns.map((column) => titleOf(column).toUpperCase())
    const cells = rows.map((row) => columns.map((column) => cellOf(row, column, options)))
    widths ??= fitted(naturalOf(cells, withHeaders ? heads : [], columns), columns, options)
    const lines = isFirst && withHeaders ? [headLine(heads, cells, widths, style)] : []
    for (const row of cells) lines.push(lineOf(row, widths, options.width !== undefined))
    return lines.map((line) => `${line}\n`).join('')
  }
}

function headLine(
  heads: readonly string[],
  cells: readonly (readonly Cell[])[],
  widths: readonly number[],
  style: Style,
): string {
  const row = heads.map((text, index) => ({ text, isRight: cells[0]?.[index]?.isRight === true }))
  return style.dim(lineOf(row, widths, true))
}

function lineOf(row: readonly Cell[], widths: readonly number[], isCut: boolean): string {
  return row
    .map(({ text, paint, isRight = false }, index) => {
      const width = widths[index] ?? 0
      const shown = isCut ? cut(text, width) : text
      const blank = ' '.repeat(Math.max(0, width - widthOf(shown)))
      const painted = paint === undefined ? shown : paint(shown)
      if (isRight) return blank + painted
      return index === row.length - 1 ? painted : painted + blank
    })
    .join(GUTTER)
}

/** The columns for these rows: all of them, but where the terminal is too narrow for what is copied. */
function columnsShown(rows: readonly unknown[], options: TableOptions): readonly Column[] {
  const { columns, width, withHeaders, mayOmit = false } = options
  if (!mayOmit || width === undefined) return columns
  const heads = withHeaders ? columns.map((column) => titleOf(column)) : []
  const cells = rows.map((row) => columns.map((column) => cellOf(row, column, options)))
  const natural = naturalOf(cells, heads, columns)
  return shown(natural, columns, width).flatMap((index) => columns[index] ?? [])
}

/** So many columns stay, whatever becomes of what people copy. */
const COLUMNS_MIN = 3

/** Which columns are shown: an id that is cut is of no use, so those at the right give way to it. */
export function shown(
  natural: readonly number[],
  columns: readonly Pick<Column, 'keep'>[],
  width: number,
): readonly number[] {
  let indices = columns.map((_, index) => index)
  for (;;) {
    const widthOfColumn = (index: number): number => natural[index] ?? 0
    const kept = (index: number): boolean => columns[index]?.keep === true
    const widths = fit(
      indices.map(widthOfColumn),
      indices.map((index) => columns[index] ?? {}),
      width,
    )
    const isWhole = indices.every((index, at) => !kept(index) || widths[at] === natural[index])
    const last = indices.findLast((index) => !kept(index))
    if (isWhole || last === undefined || indices.length <= COLUMNS_MIN) return indices
    indices = indices.filter((index) => index !== last)
  }
}

const naturalOf = (
  cells: readonly (readonly Cell[])[],
  heads: readonly string[],
  columns: readonly Column[],
): readonly number[] =>
  columns.map((_, index) => {
    let widest = widthOf(heads[index] ?? '')
    for (const row of cells) widest = Math.max(widest, widthOf(row[index]?.text ?? ''))
    return widest
  })

const fitted = (
  natural: readonly number[],
  columns: readonly Column[],
  { width }: TableOptions,
): readonly number[] => (width === undefined ? natural : fit(natural, columns, width))

/** Takes from the widest column first, and from those that people copy only when nothing else is left. */
export function fit(
  natural: readonly number[],
  columns: readonly Pick<Column, 'keep'>[],
  width: number,
): readonly number[] {
  const widths = [...natural]
  const available = width - GUTTER.length * (widths.length - 1)
  for (const mayCut of [(index: number) => columns[index]?.keep !== true, () => true]) {
    for (;;) {
      const excess = widths.reduce((sum, one) => sum + one, 0) - available
      if (excess <= 0) return widths
      const open = widths.flatMap((one, index) =>
        mayCut(index) && COLUMN_WIDTH_MIN < one ? [index] : [],
      )
      if (open.length === 0) break
      const sizes = open.map((index) => widths[index] ?? 0).toSorted((a, b) => b - a)
      const widest = sizes[0] ?? 0
      // Down to the next widest, so that two long columns share the loss.
      const floor = Math.max(sizes.find((size) => size < widest) ?? 0, COLUMN_WIDTH_MIN)
      const index = open.findLast((one) => widths[one] === widest) ?? 0
      widths[index] = Math.max(widest - excess, Math.min(floor, widest - 1))
    }
  }
  return widths
}

/** One object: a line a field, its name before it. */
export async function recordLines(value: unknown, options: TableOptions): Promise<string> {
  const { columns, style, withHeaders } = options
  const rows = columns.map((column) => {
    const { text, paint } = cellOf(value, column, options)
    return [sentence(titleOf(column)), paint === undefined ? text : paint(text)] as const
  })
  if (!withHeaders) return rows.map(([, text]) => `${text}\n`).join('')
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  })
  table.push(...rows.map(([title, text]) => [style.dim(title), text]))
  return table
    .toString()
    .split('\n')
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}

const sentence = (title: string): string => title.charAt(0).toUpperCase() + title.slice(1)

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GUTTER,
}

/** Two columns for help texts: names, then what they are, wrapped under themselves. */
export function definitions(
  rows: readonly (readonly [string, string])[],
  width: number,
): readonly string[] {
  const left = Math.min(Math.max(0, ...rows.map(([name]) => widthOf(name))), 30)
  const indent = ' '.repeat(left + 4)
  return rows.flatMap(([name, about]) => {
    const [first = '', ...others] = wrap(about, Math.max(20, width - left - 4))
    const head = `  ${padEnd(name, left)}  `
    const lines = widthOf(name) <= left ? [`${head}${first}`] : [`  ${name}`, `${indent}${first}`]
    return [...lines, ...others.map((line) => `${indent}${line}`)].map((line) => line.trimEnd())
  })
}

/** Breaks a text at blanks. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && width < widthOf(line) + 1 + widthOf(word)) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
