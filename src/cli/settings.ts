export const outputFormats = ['table', 'wide', 'json', 'jsonl', 'yaml', 'csv', 'name'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** The global flags of one run, after flag > environment > default. */
export interface Settings {
  /** One of `outputFormats`, or one that the command adds. */
  readonly output: string
  readonly isQuiet: boolean
  /** Dot paths; `undefined` means all. */
  readonly fields: readonly string[] | undefined
  readonly withHeaders: boolean
  readonly sortBy: { readonly key: string; readonly descending: boolean } | undefined
  /** Items of one page. */
  readonly limit: number
  readonly cursor: string | undefined
  readonly withInput: boolean
  readonly withColor: boolean
  readonly isDebug: boolean
  readonly server: string | undefined
  readonly context: string | undefined
  readonly dataDir: string | undefined
  readonly caCert: string | undefined
}
