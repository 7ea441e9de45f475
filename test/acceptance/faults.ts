import { fileURLToPath } from 'node:url'

/** What `fault.ts` reads in its query. */
export interface Fault {
  readonly kill?: number
  readonly within?: 'write'
  readonly pages?: number
  readonly report?: string
}

const SCRIPT = fileURLToPath(new URL('./fault.ts', import.meta.url))

/** What to load into the program so that it meets this fault. */
export const fault = (given: Fault): string => {
  const query = Object.entries(given).map(([name, value]) => [name, String(value)])
  return `file://${SCRIPT}?${new URLSearchParams(query).toString()}`
}
