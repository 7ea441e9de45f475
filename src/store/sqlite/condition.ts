import { isPattern } from '#domain/revocation/pattern.ts'
import type { Value } from './connection.ts'

/** A piece of SQL that holds or not, with the values for its question marks. */
export interface Condition {
  readonly sql: string
  readonly values: readonly Value[]
}

export const condition = (sql: string, ...values: Value[]): Condition => ({ sql, values })

export const never = condition('0')

/** `WHERE a AND b`, or nothing where nothing is asked. */
export function where(conditions: readonly Condition[]): Condition {
  if (conditions.length === 0) return condition('')
  return {
    sql: `WHERE ${conditions.map(({ sql }) => sql).join(' AND ')}`,
    values: conditions.flatMap(({ values }) => values),
  }
}

/** A condition where the value is given, none where it is not. */
export const given = (sql: string, value: Value | undefined): Condition[] =>
  value === undefined ? [] : [condition(sql, value)]

/**
 * The column is one of the values. They go over as one JSON text: ten thousand question marks would
 * make ten thousand kinds of statements, none of them prepared before.
 */
export const among = (column: string, values: readonly string[]): Condition =>
  condition(`${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(values))

/**
 * A space-delimited list holds one of these scopes, or one that one of these patterns matches: the
 * domain's `matchesPattern`, said in SQL.
 */
export function holds(column: string, wanted: readonly string[]): Condition {
  // A scope holds no space, so what has one is in no list, and must not match across two.
  const words = wanted.filter((it) => it !== '' && !it.includes(' '))
  const anyOf: Condition[] = []
  if (words.includes('*')) anyOf.push(condition(`${column} <> ''`))
  const exact = words.filter((it) => it !== '*')
  if (0 < exact.length) anyOf.push(holdsExactly(column, exact))
  const globs = exact.filter(isPattern).map(globOf)
  if (0 < globs.length) anyOf.push(holdsMatching(column, globs))
  return either(anyOf)
}

/** A space-delimited list holds one of these values, letter by letter. */
export function holdsExactly(column: string, wanted: readonly string[]): Condition {
  const words = wanted.filter((it) => it !== '' && !it.includes(' '))
  const [only, ...more] = words
  if (only === undefined) return never
  if (more.length === 0) return condition(`0 < instr(' ' || ${column} || ' ', ?)`, ` ${only} `)
  // Taken apart as JSON, a row's few words are looked up among however many are wanted.
  const apart = `json_each('[' || replace(json_quote(${column}), ' ', '","') || ']')`
  return condition(
    `EXISTS (SELECT 1 FROM ${apart} WHERE value IN (SELECT value FROM json_each(?)))`,
    JSON.stringify(words),
  )
}

function holdsMatching(column: string, globs: readonly string[]): Condition {
  const [only, ...more] = globs
  if (only !== undefined && more.length === 0) return condition(`' ' || ${column} GLOB ?`, only)
  return condition(
    `EXISTS (SELECT 1 FROM json_each(?) WHERE ' ' || ${column} GLOB value)`,
    JSON.stringify(globs),
  )
}

/** `deploy:*` → `* deploy:[^ ]*`: somewhere a word begins so and goes on. */
const globOf = (pattern: string): string =>
  `* ${pattern.slice(0, -1).replace(/[*?[]/g, '[$&]')}[^ ]*`

function either(conditions: readonly Condition[]): Condition {
  const [only, ...more] = conditions
  if (only === undefined) return never
  if (more.length === 0) return only
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(' OR ')})`,
    values: conditions.flatMap(({ values }) => values),
  }
}
