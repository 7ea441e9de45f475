/** The parameters of one request, as `application/x-www-form-urlencoded` carries them. */
export interface Form {
  /** A parameter that may be there once; `undefined` where it is missing or empty (RFC 6749 §3.2). */
  one(name: string): string | undefined
  /** One that may be there several times (`resource`, `audience`), in order, without empty ones. */
  all(name: string): readonly string[]
}

/** A body is no longer than this, characters: several assertions would fit. */
export const FORM_CHARACTERS_MAX = 65_536
const PARAMETERS_MAX = 100

/** RFC 8707 §2 and RFC 8693 §2.1: what a request may say several times. Nothing else (RFC 6749 §3.2). */
const REPEATABLE: ReadonlySet<string> = new Set(['resource', 'audience'])

/**
 * Reads a form strictly; a string says what is wrong with it. What lenient readers mend (a `%` that
 * escapes nothing, bytes that are not UTF-8, a parameter given twice) is where two programs in a row
 * come to read two different requests.
 */
export function readForm(body: string): Form | string {
  if (FORM_CHARACTERS_MAX < body.length) return 'the form is too long'
  if (/[^\x20-\x7e]/.test(body)) return 'the form is not well encoded'
  const values = new Map<string, string[]>()
  const pairs = body === '' ? [] : body.split('&')
  if (PARAMETERS_MAX < pairs.length) return 'the form has too many parameters'
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const name = decodeFormText(at === -1 ? pair : pair.slice(0, at))
    const value = at === -1 ? '' : decodeFormText(pair.slice(at + 1))
    if (name === undefined || value === undefined) return 'the form is not well encoded'
    const before = values.get(name)
    if (before === undefined) values.set(name, [value])
    else if (REPEATABLE.has(name)) before.push(value)
    else return 'a parameter is repeated'
  }
  return {
    one: (name) => values.get(name)?.[0] || undefined,
    all: (name) => (values.get(name) ?? []).filter((value) => value !== ''),
  }
}

/** One name or value, decoded; `undefined` where an escape is none, or its bytes are not UTF-8. */
export function decodeFormText(text: string): string | undefined {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
