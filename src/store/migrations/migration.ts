/** One numbered step of the schema. Once released it is never edited: the next step mends it. */
export interface Migration {
  /** 1, 2, 3 …; the database's `user_version` once the step is done. */
  readonly version: number
  readonly name: string
  readonly sql: string
}
