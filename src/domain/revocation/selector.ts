import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { formatInstant, type Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Exceptions, Selector } from './revocation.ts'

/** The dimensions that hold lists, by field and by the word people type, in canonical order. */
export const dimensions = [
  ['tokens', 'token'],
  ['clients', 'client'],
  ['subjects', 'subject'],
  ['sessions', 'session'],
  ['scopes', 'scope'],
  ['audiences', 'audience'],
  ['keys', 'key'],
  ['trusts', 'trust'],
] as const

/** An input whose absent fields may also be present and undefined, as parsers leave them. */
export type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined }

/**
 * The one form of a selector: values sorted and without repeats, empty dimensions left out, fields
 * in canonical order. Equal selectors have equal JSON, so a hash may be taken of it.
 */
export function normaliseSelector(selector: Loose<Selector>): Selector {
  const { issuedAfter, issuedBefore } = selector
  return {
    ...values(selector, ['tokens', 'clients', 'subjects', 'sessions']),
    ...values(selector, ['scopes', 'audiences', 'keys', 'trusts']),
    ...tags(selector.tags),
    ...(issuedAfter === undefined ? {} : { issuedAfter }),
    ...(issuedBefore === undefined ? {} : { issuedBefore }),
    ...(selector.all === true ? { all: true } : {}),
  }
}

/** The one form of exceptions, likewise. */
export const normaliseExceptions = (exceptions: Loose<Exceptions>): Exceptions =>
  values(exceptions, ['tokens', 'clients', 'subjects', 'sessions'])

type Values<D extends string> = { readonly [K in D]?: readonly string[] }

function values<D extends string>(from: Loose<Values<D>>, fields: readonly D[]): Values<D> {
  const kept: { [K in D]?: readonly string[] } = {}
  for (const field of fields) {
    const sorted = sortedSet(from[field] ?? [])
    if (0 < sorted.length) kept[field] = sorted
  }
  return kept
}

/** By UTF-16 code units, the order of `<`; the same array where it is in order already. */
export function sortedSet(list: readonly string[]): readonly string[] {
  for (let i = 1; i < list.length; i++) {
    if ((list[i] as string) <= (list[i - 1] as string)) return [...new Set(list)].sort()
  }
  return list
}

function tags(given: Selector['tags'] = {}): { readonly tags?: Readonly<Record<string, string>> } {
  const keys = Object.keys(given).sort()
  if (keys.length === 0) return {}
  return { tags: Object.fromEntries(keys.map((key) => [key, given[key] as string])) }
}

/** Whether it names nothing. A window alone names nothing: it only narrows what is named. */
export const isEmpty = (selector: Loose<Selector>): boolean =>
  selector.all !== true &&
  Object.keys(selector.tags ?? {}).length === 0 &&
  dimensions.every(([field]) => (selector[field]?.length ?? 0) === 0)

/**
 * Normalises what a responder asked to hit and to spare, or refuses it: `selector-empty`, and
 * `request-invalid` for dimensions that contradict each other.
 */
export function readSelector(
  asked: Loose<Selector>,
  spared: Loose<Exceptions> = {},
): { readonly selector: Selector; readonly exceptions: Exceptions } {
  const selector = normaliseSelector(asked)
  const exceptions = normaliseExceptions(spared)
  if (isEmpty(selector)) refuseEmpty(selector)
  if (selector.all === true) refuseBesideAll(selector)
  if (selector.keys !== undefined) refuseBesideKey(selector, exceptions)
  refuseWindow(selector)
  return { selector, exceptions }
}

function refuseEmpty({ issuedAfter, issuedBefore }: Selector): never {
  const windowed = issuedAfter !== undefined || issuedBefore !== undefined
  return refuse(
    'selector-empty',
    windowed
      ? 'a window of issue times narrows a selection, and there is nothing here that it could narrow'
      : 'nothing says what to revoke, and nothing never means all',
    { next: 'name a token, client, subject, session, scope, audience, trust or tag, or add --all' },
  )
}

function refuseBesideAll(selector: Selector): void {
  const others = namedIn(selector)
  if (others.length === 0) return
  refuse('request-invalid', `all already includes what ${others.join(', ')} would select`, {
    next: 'leave out --all, or everything beside it but the window and the exceptions',
    facts: { beside: others },
  })
}

/** A thief with the key chooses every claim, so no claim may narrow what the key's loss costs. */
function refuseBesideKey(selector: Selector, exceptions: Exceptions): void {
  const beside = namedIn(selector).filter((name) => name !== 'key')
  if (selector.issuedAfter !== undefined) beside.push('issued-after')
  if (selector.issuedBefore !== undefined) beside.push('issued-before')
  for (const field of Object.keys(exceptions)) beside.push(`except-${field.slice(0, -1)}`)
  if (beside.length === 0) return
  refuse(
    'request-invalid',
    `a key is revoked whole: whoever holds it chooses every claim, so ${beside.join(', ')} cannot narrow it`,
    { next: 'revoke the key alone, and the rest with a second revocation', facts: { beside } },
  )
}

function namedIn(selector: Selector): string[] {
  const names: string[] = []
  for (const [field, name] of dimensions) if (selector[field] !== undefined) names.push(name)
  if (selector.tags !== undefined) names.push('tag')
  return names
}

function refuseWindow({ issuedAfter, issuedBefore }: Selector): void {
  if (issuedAfter === undefined || issuedBefore === undefined || issuedAfter < issuedBefore) return
  const [after, before] = [formatInstant(issuedAfter), formatInstant(issuedBefore)]
  refuse('request-invalid', `nothing is issued after ${after} and also before ${before}`, {
    next: 'exchange --issued-after and --issued-before, or leave one out',
    facts: { issuedAfter: after, issuedBefore: before },
  })
}

/**
 * The window in whole seconds, rounded outwards: hit is `fromSeconds` ≤ iat < `beforeSeconds`.
 *
 * `iat` is the instant of issue rounded down, so this hits all that was issued at or after
 * `issuedAfter` and before `issuedBefore`, and at most one second more at either end.
 */
export const windowSeconds = ({
  issuedAfter,
  issuedBefore,
}: Selector): { readonly fromSeconds: number; readonly beforeSeconds: number } => ({
  fromSeconds: issuedAfter === undefined ? -Infinity : Math.floor(issuedAfter / 1000),
  beforeSeconds: issuedBefore === undefined ? Infinity : Math.ceil(issuedBefore / 1000),
})

/**
 * Whether it stands for an exact list of tokens, which the authority draws up when it revokes.
 *
 * Tags are not in tokens, so a verifier could not compare them; and a listed token takes its
 * descendants along, whose ids only the authority knows. So one listed token makes it a list, also
 * beside other dimensions.
 */
export const resolvesToList = (selector: Selector): boolean =>
  selector.tags !== undefined || selector.tokens !== undefined

/** The exact list as a selector. An empty list is refused: as a selector it would be no limit. */
export const listSelector = (tokenIds: readonly string[]): Selector =>
  tokenIds.length === 0
    ? refuse('nothing-matched', 'no live token matches, so there is no list to revoke', {
        next: 'credctl token list',
      })
    : { tokens: sortedSet(tokenIds) }

/** Sparing a token spares its session: adds the sessions of spared tokens to the exceptions. */
export const spareSessions = (exceptions: Exceptions, sessionIds: Iterable<string>): Exceptions =>
  normaliseExceptions({
    ...exceptions,
    sessions: [...(exceptions.sessions ?? []), ...sessionIds],
  })

/**
 * The canonical form, which a responder types to confirm: `client:deploy-bot`, or `all`.
 *
 * One `name:value` for each value, dimensions in fixed order, values sorted, one space between. A
 * value that could be misread (blanks, quotes, what is not printable ASCII) is a JSON string with
 * escapes, so that no two selectors read alike.
 *
 * Nobody types or reads a thousand ids, and no system passes them as one argument: more values of a
 * dimension than `SPELT_VALUES_MAX` are said by their number and the start of their SHA-256, as in
 * `token:5000#3f9a0c51d2e7b684`.
 */
export function phrase(asked: Selector): string {
  const selector = normaliseSelector(asked)
  const terms: string[] = []
  for (const [field, name] of dimensions) {
    const values = selector[field] ?? []
    if (SPELT_VALUES_MAX < values.length) terms.push(`${name}:${summary(values)}`)
    else for (const value of values) terms.push(`${name}:${plain(value)}`)
  }
  for (const [key, value] of Object.entries(selector.tags ?? {}).sort(byKey)) {
    terms.push(`tag:${key.includes('=') ? quoted(key) : plain(key)}=${plain(value)}`)
  }
  pushWindow(terms, selector)
  if (selector.all === true) terms.push('all')
  return terms.join(' ')
}

/** How many values of one dimension a phrase spells out. */
export const SPELT_VALUES_MAX = 32

const summary = (values: readonly string[]): string =>
  `${values.length}#${bytesToHex(sha256(utf8ToBytes(JSON.stringify(values)))).slice(0, 16)}`

/** A value that looks like a summary is quoted, so that it does not read like one. */
const SUMMARY = /^\d+#[0-9a-f]{16}$/

const byKey = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1)

function pushWindow(terms: string[], { issuedBefore, issuedAfter }: Selector): void {
  const term = (name: string, at: Instant | undefined): void => {
    if (at !== undefined) terms.push(`${name}:${formatInstant(at)}`)
  }
  term('issued-before', issuedBefore)
  term('issued-after', issuedAfter)
}

const plain = (value: string): string =>
  /^[!#-[\]-~]+$/.test(value) && !SUMMARY.test(value) ? value : quoted(value)

/** JSON, with everything but printable ASCII escaped: what cannot be typed cannot be confirmed. */
const quoted = (value: string): string =>
  JSON.stringify(value).replaceAll(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
