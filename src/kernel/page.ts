/** How many items one page of a list holds unless the caller says otherwise, and at most. */
export const PAGE_SIZE_DEFAULT = 1000
export const PAGE_SIZE_MAX = 10_000

/** One page of a list. `nextCursor` is opaque; `null` says that this is the end. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

export interface PageRequest {
  readonly limit: number
  readonly cursor?: string | undefined
}
