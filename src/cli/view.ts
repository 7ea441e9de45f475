import type { Page, PageRequest } from '#kernel/page.ts'
import type { Problem } from '#kernel/problem.ts'

/** How a value is written for people; `json`, `jsonl`, `yaml` and `csv` have it as it is. */
export type ColumnKind =
  | 'text'
  /** RFC 3339: relative in `table`, absolute in `wide`. */
  | 'time'
  /** Coloured: active green, revoked red, suspended yellow, expired dim. */
  | 'state'
  /** Written to the right. */
  | 'number'
  /** Whole seconds, written `1h30m`. */
  | 'seconds'
  /** An object with keys of its own, such as tags: `--fields tags.team` reaches into it. */
  | 'map'

/** One field of a result. Those left out of the tables are still fields for `--fields`. */
export interface Column {
  /** The field's dot path in the JSON. */
  readonly key: string
  /** Heading; by default the last part of the key, as words. */
  readonly title?: string
  readonly kind?: ColumnKind
  /** From which format on it is shown: `table` (the default), `wide`, or only by `--fields`. */
  readonly from?: 'table' | 'wide' | 'fields'
  /** Cut last on a narrow terminal: what people copy, such as ids. */
  readonly keep?: boolean
  /** What the tables say instead of the value, where this gives anything. */
  readonly said?: (row: never) => string | undefined
}

/**
 * What a command prints: its kind, its identity and its fields. Commands declare it, so that a wrong
 * `--fields` is refused before anything is done, and so that the manual can list the fields.
 */
export interface Shape<T> {
  /** As in `credential/cred_…`, for `-o name`. */
  readonly kind: string
  readonly id: (value: T) => string
  readonly columns: readonly Column[]
}

export const shape = <T>(spec: Shape<T>): Shape<T> => spec

/** Every field of these shapes: what is declared, what holds it, and what a map may hold. */
export function knownFields(shapes: readonly Shape<never>[]): {
  readonly all: readonly string[]
  readonly has: (path: string) => boolean
} {
  const columns = shapes.flatMap((one) => one.columns)
  const all = [...new Set(columns.map(({ key }) => key))]
  const maps = columns.filter(({ kind }) => kind === 'map')
  const has = (path: string): boolean =>
    all.some((key) => key === path || key.startsWith(`${path}.`)) ||
    maps.some(({ key }) => path.startsWith(`${key}.`))
  return { all, has }
}

/** Formats that a command adds to the common ones, such as `token`: each gives the whole text. */
export type Texts = Readonly<Record<string, () => string>>

interface Common {
  /** Sentences above the table, such as `Revoked 3 credentials.`; only in `table` and `wide`. */
  readonly headline?: readonly string[] | undefined
  readonly texts?: Texts | undefined
}

export interface RecordView extends Common {
  readonly view: 'record'
  readonly shape: Shape<never>
  readonly value: unknown
  /** Printed as it is instead of the fields, in `table` and `wide`. */
  readonly text?: string | undefined
  /** A table under the fields, or several, in `table` and `wide`. */
  readonly below?: Below | readonly Below[] | undefined
}

export interface Below {
  readonly shape: Shape<never>
  readonly rows: readonly unknown[]
}

export interface ListView extends Common {
  readonly view: 'list'
  readonly shape: Shape<never>
  readonly pages: (request: PageRequest) => Promise<Page<unknown>>
  /** Said on stderr when there is nothing to list. */
  readonly empty: string
}

export interface BatchView extends Common {
  readonly view: 'batch'
  readonly shape: Shape<never>
  readonly rows: readonly unknown[]
}

export interface StreamView extends Common {
  readonly view: 'stream'
  readonly shape: Shape<never>
  readonly rows: AsyncIterable<unknown>
}

export type View = RecordView | ListView | BatchView | StreamView

/** What a command answers with. */
export interface Outcome {
  readonly view?: View | undefined
  /** Said on stderr after the view; gives the exit status, as in `partly-done`. */
  readonly problem?: Problem | undefined
  /** The exit status where it is neither 0 nor the problem's, such as a child's. */
  readonly status?: number | undefined
}

export type Erased = Shape<never>

/** One object: `value` is the JSON, exactly. */
export const record = <T>(
  shapeOf: Shape<T>,
  value: T,
  options: Common & {
    readonly text?: string | undefined
    readonly below?: Below | readonly Below[] | undefined
  } = {},
): RecordView => ({ view: 'record', shape: shapeOf as Erased, value, ...options })

/** A table for `record`'s `below`. */
export const below = <T>(shapeOf: Shape<T>, rows: readonly T[]): Below => ({
  shape: shapeOf as Erased,
  rows,
})

/** Pages: `json` and `yaml` print one, the other formats follow them all. */
export const list = <T>(
  shapeOf: Shape<T>,
  pages: (request: PageRequest) => Promise<Page<T>>,
  options: Common & { readonly empty: string },
): ListView => ({ view: 'list', shape: shapeOf as Erased, pages, ...options })

/** The items a command has made or changed: the JSON is `{ items }`. */
export const batch = <T>(
  shapeOf: Shape<T>,
  rows: readonly T[],
  options: Common = {},
): BatchView => ({ view: 'batch', shape: shapeOf as Erased, rows, ...options })

/** Items as they happen, until they end: a line of JSON each under `json` too. */
export const stream = <T>(
  shapeOf: Shape<T>,
  rows: AsyncIterable<T>,
  options: Common = {},
): StreamView => ({ view: 'stream', shape: shapeOf as Erased, rows, ...options })
