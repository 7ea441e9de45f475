import type { Paint, Style } from '#cli/kit.ts'
import type { Column } from '#cli/view.ts'
import { formatDuration } from '#kernel/duration.ts'
import type { Instant } from '#kernel/instant.ts'
import { at, textOf } from './pick.ts'
import { paintOfState } from './style.ts'
import { clean } from './text.ts'
import { absolute, instantOf, relative } from './time.ts'

/** What stands where there is nothing, so that a column is never lost to whatever splits at blanks. */
const NOTHING = '-'

export interface Cell {
  /** Clean, and without colour. */
  readonly text: string
  readonly paint?: Paint
  readonly isRight?: boolean
}

export interface CellContext {
  readonly now: Instant
  readonly style: Style
  /** `both` is for one object, where there is room for it. */
  readonly times: 'relative' | 'absolute' | 'both'
}

export function cellOf(row: unknown, column: Column, context: CellContext): Cell {
  const said = column.said?.(row as never)
  if (said !== undefined) return { text: clean(said), isRight: column.kind === 'number' }
  const value = at(row, column.key)
  if (value === undefined || value === null || isEmpty(value)) {
    return { text: NOTHING, paint: context.style.dim, isRight: column.kind === 'number' }
  }
  if (column.kind === 'time') return { text: timeText(value, context) }
  if (column.kind === 'number') return { text: clean(textOf(value)), isRight: true }
  if (column.kind === 'seconds' && typeof value === 'number') return { text: formatDuration(value) }
  if (column.kind === 'state') {
    const text = clean(textOf(value))
    return { text, paint: paintOfState(text, context.style) }
  }
  if (typeof value === 'boolean') return { text: value ? 'yes' : 'no' }
  return { text: clean(textOf(value)) }
}

const isEmpty = (value: unknown): boolean =>
  value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

function timeText(value: unknown, { now, times }: CellContext): string {
  const instant = instantOf(value)
  if (instant === undefined) return clean(textOf(value))
  if (times === 'relative') return relative(instant, now)
  if (times === 'absolute') return absolute(instant)
  return `${relative(instant, now)} (${absolute(instant)})`
}

/** `lastSeenAt` → `last seen`, `clientId` → `client`: the name without what its kind already says. */
export function titleOf({ key, title }: Column): string {
  if (title !== undefined) return title
  const words = key
    .slice(key.lastIndexOf('.') + 1)
    .replaceAll(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)
    .split(' ')
  const last = words.at(-1)
  return (1 < words.length && (last === 'at' || last === 'id') ? words.slice(0, -1) : words).join(
    ' ',
  )
}

/** The columns to show: those of `--fields`, in its order, or those of the format. */
export function columnsFor(
  columns: readonly Column[],
  { fields, isWide }: { readonly fields: readonly string[] | undefined; readonly isWide: boolean },
): readonly Column[] {
  if (fields !== undefined) {
    return fields.map((key) => columns.find((column) => column.key === key) ?? { key })
  }
  return columns.filter(({ from = 'table' }) => from === 'table' || (isWide && from === 'wide'))
}
