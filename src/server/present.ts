type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Drops what is undefined: a filter's absent member filters nothing. */
export function present<T extends object>(filter: T): Present<T> {
  return Object.fromEntries(
    Object.entries(filter).filter(([, value]) => value !== undefined),
  ) as Present<T>
}
