import type { Io, Style } from '#cli/kit.ts'
import type { Settings } from '#cli/settings.ts'
import type { Column, Erased, ListView, View } from '#cli/view.ts'
import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { columnsFor } from './cell.ts'
import { csvHead, csvRow } from './csv.ts'
import { pick, sorted } from './pick.ts'
import { recordLines, type TableOptions, tableWriter } from './table.ts'
import { clean } from './text.ts'

/** What sorting may hold in memory; more than that is a question for the filters. */
const SORT_ROWS_MAX = 1_000_000

export interface Screen {
  readonly io: Io
  readonly settings: Settings
  readonly style: Style
  readonly now: Instant
}

/** Prints a view in the format asked for. */
export async function show(screen: Screen, view: View): Promise<void> {
  const { settings, io } = screen
  const format = settings.isQuiet ? 'ids' : settings.output
  switch (format) {
    case 'ids':
      return await each(screen, view, (rows) => rows.map((row) => `${clean(idOf(view, row))}\n`))
    case 'name':
      return await each(screen, view, (rows) =>
        rows.map((row) => clean(`${view.shape.kind}/${idOf(view, row)}`) + '\n'),
      )
    case 'table':
    case 'wide':
      return await showTable(screen, view)
    case 'json':
    case 'yaml':
      return await showDocument(screen, view, format)
    case 'jsonl':
      return await each(screen, view, (rows) =>
        rows.map((row) => `${JSON.stringify(pick(row, settings.fields))}\n`),
      )
    case 'csv':
      return await showCsv(screen, view)
    default: {
      const text = view.texts?.[format]?.()
      if (text === undefined) {
        refuse('usage-invalid', `there is nothing to print as ${format} here`)
      }
      await io.out(text.endsWith('\n') ? text : `${text}\n`)
    }
  }
}

const idOf = (view: View, row: unknown): string => (view.shape as Erased).id(row as never)

/** The rows of any view, page by page, so that a million of them are never held at once. */
async function* pagesOf({ settings }: Screen, view: View): AsyncIterable<readonly unknown[]> {
  if (view.view === 'record') yield [view.value]
  else if (view.view === 'batch') yield sorted(view.rows, settings.sortBy)
  else if (view.view === 'stream') for await (const row of view.rows) yield [row]
  else if (settings.sortBy === undefined) yield* listPages(settings, view)
  else {
    const all: unknown[] = []
    for await (const rows of listPages(settings, view)) {
      for (const row of rows) all.push(row)
      if (SORT_ROWS_MAX < all.length) {
        refuse('usage-invalid', `--sort-by takes at most ${SORT_ROWS_MAX} rows`, {
          next: 'filter the list, or sort its lines outside: -o jsonl',
        })
      }
    }
    yield sorted(all, settings.sortBy)
  }
}

async function* listPages(settings: Settings, view: ListView): AsyncIterable<readonly unknown[]> {
  const { streamLimit: limit } = settings
  let cursor = settings.cursor
  for (;;) {
    const page = await view.pages({ limit, ...(cursor === undefined ? {} : { cursor }) })
    yield page.items
    if (page.nextCursor === null) return
    cursor = page.nextCursor
  }
}

async function each(
  screen: Screen,
  view: View,
  render: (rows: readonly unknown[]) => readonly string[],
): Promise<void> {
  for await (const rows of pagesOf(screen, view)) {
    const text = render(rows).join('')
    if (text !== '') await screen.io.out(text)
  }
}

async function showDocument(screen: Screen, view: View, format: 'json' | 'yaml'): Promise<void> {
  const { settings, io } = screen
  const write = format === 'json' ? jsonWriter(io, view) : await yamlWriter(view)
  if (view.view === 'stream') {
    for await (const row of view.rows) await io.out(write(pick(row, settings.fields)))
    return
  }
  await io.out(write(await documentOf(settings, view)))
}

async function documentOf(
  { fields, sortBy, limit, cursor }: Settings,
  view: Exclude<View, { view: 'stream' }>,
): Promise<unknown> {
  if (view.view === 'record') return pick(view.value, fields)
  if (view.view === 'batch') return { items: pick(sorted(view.rows, sortBy), fields) }
  const page = await view.pages({ limit, ...(cursor === undefined ? {} : { cursor }) })
  return { items: pick(sorted(page.items, sortBy), fields), nextCursor: page.nextCursor }
}

/** Indented for a reader, one line for a program; a stream is a line a row for both. */
function jsonWriter(io: Io, view: View): (value: unknown) => string {
  const indent = io.isOutTty && view.view !== 'stream' ? 2 : undefined
  return (value) => `${JSON.stringify(value, undefined, indent)}\n`
}

async function yamlWriter(view: View): Promise<(value: unknown) => string> {
  const { stringify } = await import('yaml')
  const head = view.view === 'stream' ? '---\n' : ''
  // Round trip through JSON, so that both formats leave out the same members.
  return (value) => head + stringify(JSON.parse(JSON.stringify(value)), { lineWidth: 0 })
}

async function showCsv(screen: Screen, view: View): Promise<void> {
  const { settings, io } = screen
  const columns: readonly Column[] = settings.fields?.map((key) => ({ key })) ?? view.shape.columns
  if (settings.withHeaders) await io.out(csvHead(columns))
  await each(screen, view, (rows) => rows.map((row) => csvRow(row, columns)))
}

async function showTable(screen: Screen, view: View): Promise<void> {
  const { io, settings } = screen
  for (const line of view.headline ?? []) await io.out(`${clean(line)}\n`)
  if (view.view === 'record') return await showRecord(screen, view)
  const write = tableWriter(tableOptions(screen, view.shape, 'list'))
  let count = 0
  for await (const rows of pagesOf(screen, view)) {
    const isFirst = count === 0 && 0 < (view.headline ?? []).length
    count += rows.length
    if (0 < rows.length) await io.out(`${isFirst ? '\n' : ''}${write(rows)}`)
  }
  if (count === 0 && view.view === 'list' && !settings.isQuiet) io.err(`${view.empty}\n`)
}

async function showRecord(screen: Screen, view: Extract<View, { view: 'record' }>): Promise<void> {
  const { io } = screen
  if (view.text !== undefined) {
    await io.out(view.text.endsWith('\n') ? view.text : `${view.text}\n`)
    return
  }
  const lines = await recordLines(view.value, tableOptions(screen, view.shape, 'record'))
  await io.out(0 < (view.headline ?? []).length && lines !== '' ? `\n${lines}` : lines)
  for (const { shape, rows } of [view.below ?? []].flat()) {
    if (rows.length === 0) continue
    const options = tableOptions({ ...screen, settings: unpicked(screen.settings) }, shape, 'list')
    await io.out(`\n${tableWriter(options)(rows)}`)
  }
}

/** The table below a record has other fields than it. */
const unpicked = (settings: Settings): Settings => ({ ...settings, fields: undefined })

function tableOptions(
  { settings, io, style, now }: Screen,
  { columns }: { readonly columns: readonly Column[] },
  of: 'list' | 'record',
): TableOptions {
  const isWide = settings.output === 'wide'
  const times = of === 'record' ? (isWide ? 'absolute' : 'both') : isWide ? 'absolute' : 'relative'
  return {
    columns: columnsFor(columns, { fields: settings.fields, isWide }),
    withHeaders: settings.withHeaders,
    width: io.isOutTty ? io.columns : undefined,
    mayOmit: settings.fields === undefined && !isWide,
    now,
    style,
    times,
  }
}
