import { decodeBase64url, encodeBase64url } from '#kernel/base64url.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import { assert } from './connection.ts'

/** The name of the list is in its cursors, so that one list's cannot be continued on another. */
export type List = 'client' | 'credential' | 'revocation' | 'key' | 'audit' | 'verifier' | 'trust'

/** What the cursor of a request says was seen last; `undefined` at the start of the list. */
export function seenLast(list: List, { cursor }: PageRequest): string | undefined {
  if (cursor === undefined) return undefined
  const [name, seen] = splitOnce(textOf(cursor))
  return name === list && seen !== '' ? seen : refuseCursor()
}

/** The same where lists go by number. */
export function seenLastNumber(list: List, page: PageRequest): number | undefined {
  const seen = seenLast(list, page)
  if (seen === undefined) return undefined
  return /^(?:0|[1-9]\d{0,15})$/.test(seen) ? Number(seen) : refuseCursor()
}

/** Makes a page of one row more than it may hold: the one too many says that there is a next page. */
export function pageOf<Row, T>(
  list: List,
  { limit }: PageRequest,
  rows: readonly Row[],
  { item, seen }: { item: (row: Row) => T; seen: (row: Row) => string | number },
): Page<T> {
  const last = rows[limit - 1]
  const more = limit < rows.length && last !== undefined
  return {
    items: (more ? rows.slice(0, limit) : rows).map(item),
    nextCursor: more ? encodeBase64url(new TextEncoder().encode(`${list}:${seen(last)}`)) : null,
  }
}

/** The LIMIT of a page's query. */
export function oneMore({ limit }: PageRequest): number {
  assert(Number.isSafeInteger(limit) && 1 <= limit, `a page of ${limit}`)
  return limit + 1
}

function textOf(cursor: string): string {
  const bytes = decodeBase64url(cursor) ?? refuseCursor()
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refuseCursor()
  }
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(':')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

const refuseCursor = (): never =>
  refuse('request-invalid', 'the cursor is none that this list gave out', {
    next: 'leave it out to begin at the start, or pass the nextCursor of the page before unchanged',
  })
