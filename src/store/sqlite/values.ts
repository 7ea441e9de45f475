import { instant, type Instant } from '#kernel/instant.ts'
import { assert } from './connection.ts'

/** A list as RFC 6749 §3.3 writes it. The contract lets no member be empty or hold a space. */
export function words(values: readonly string[]): string {
  for (const it of values) assert(it !== '' && !it.includes(' '), `"${it}" is no member of a list`)
  return values.join(' ')
}

const NOTHING: readonly string[] = Object.freeze([])
export const list = (text: string): readonly string[] => (text === '' ? NOTHING : text.split(' '))

export const text = (value: unknown): string => JSON.stringify(value)
export const parsed = <T>(json: string): T => JSON.parse(json) as T

/** `{ name: value }` where a column has a value, and no member where it is NULL. */
export const member = <K extends string, T>(name: K, value: T | null): { [P in K]?: T } =>
  value === null ? {} : ({ [name]: value } as { [P in K]?: T })

export const momentMember = <K extends string>(
  name: K,
  milliseconds: number | null,
): { [P in K]?: Instant } => member(name, milliseconds === null ? null : instant(milliseconds))
