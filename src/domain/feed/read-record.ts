import { keyAlgorithms, keyPurposes, keyStates } from '#domain/keys/key.ts'
import { type Exceptions, reaches, reasons } from '#domain/revocation/revocation.ts'
import type { SelectorBody } from './body.ts'
import { isPosition, opensEpoch, type Position } from './position.ts'
import type { EpochRecord, FeedRecord, KeyRecord, RevokeRecord } from './record.ts'

/** No entry is longer: the longest part of a list has far fewer characters. */
const ENTRY_CHARACTERS_MAX = 8 * 1024 * 1024
const ID_CHARACTERS_MAX = 128
const VALUE_CHARACTERS_MAX = 512
const MESSAGE_CHARACTERS_MAX = 200
const ENDORSEMENT_CHARACTERS_MAX = 4096
const JWK_MEMBERS_MAX = 16
const JWK_CHARACTERS_MAX = 1024
/** Seconds: times are kept in 32 bits, the largest of which means "no end". */
const UNTIL_MAX = 2 ** 32 - 2

/**
 * Reads an entry of the feed from its text, strictly and by hand: every field by type and form, and
 * none that is not known here. A text says what is wrong.
 *
 * What is unknown may be what a verifier would have had to obey, so it is never passed over; unless
 * the entry says of itself `"ignorable":true`, and then it is passed over whole.
 */
export function readRecord(text: string): FeedRecord | string {
  const entry = parsed(text)
  if (typeof entry === 'string') return entry
  const { position, op, until } = entry
  if (!isPosition(position)) return 'its position is missing or no position'
  if (typeof op !== 'string') return 'its op is missing or no text'
  if (!text.startsWith(`{"position":${position},"op":${JSON.stringify(op)}`)) {
    return 'it does not begin with its position and its op'
  }
  if (until !== undefined && !isWholeUpTo(until, UNTIL_MAX)) return 'its until is no time'
  const placed = { position, ...(until === undefined ? {} : { untilSeconds: until }) }
  if (entry['ignorable'] === true) return { ...placed, op: 'ignorable' }
  const reader = readers[op]
  if (reader === undefined) return `its op ${JSON.stringify(op.slice(0, 32))} is unknown here`
  const unknown = Object.keys(entry).find((field) => !reader.fields.includes(field))
  if (unknown !== undefined) {
    return `its field ${JSON.stringify(unknown.slice(0, 32))} is unknown here`
  }
  return reader.read(entry, placed)
}

type Fields = Readonly<Record<string, unknown>>
type Placed = { readonly position: Position; readonly untilSeconds?: number }
interface Reader {
  readonly fields: readonly string[]
  readonly read: (entry: Fields, placed: Placed) => FeedRecord | string
}
const reader = (fields: readonly string[], read: Reader['read']): Reader => ({
  fields: ['position', 'op', 'until', ...fields],
  read,
})

/** Without a prototype: an op named like a method of objects is unknown too. */
const readers: Readonly<Record<string, Reader | undefined>> = Object.assign(
  Object.create(null) as Record<string, Reader>,
  {
    revoke: reader(
      [
        'id',
        'selector',
        'except',
        'reach',
        'cut',
        'published',
        'graceEnd',
        'reason',
        'message',
        'record',
      ],
      readRevoke,
    ),
    unblock: reader(['id', 'cut'], ({ id, cut }, placed) => {
      if (!isId(id)) return 'its id is missing or no id'
      // The block ends here, so this is what it cuts at, and no other place.
      if (cut !== placed.position) return 'its cut is not its own position'
      return { ...placed, op: 'unblock', id, cut: placed.position }
    }),
    lift: reader(['id'], ({ id }, placed) =>
      isId(id) ? { ...placed, op: 'lift', id } : 'its id is missing or no id',
    ),
    key: reader(
      ['id', 'purpose', 'algorithm', 'state', 'jwk', 'retireAfter', 'endorsement'],
      readKey,
    ),
    epoch: reader(['continues', 'chain'], readEpoch),
  },
)

function parsed(text: string): Fields | string {
  if (ENTRY_CHARACTERS_MAX < text.length) return 'it is longer than any entry'
  // Half of a surrogate pair has no bytes of its own, so two texts would have the same.
  if (!text.isWellFormed()) return 'it is no well-formed text'
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : 'it is no JSON object'
  } catch {
    return 'it is not JSON'
  }
}

function readRevoke(entry: Fields, placed: Placed): RevokeRecord | string {
  const { id, cut, published, graceEnd, reason, message, record, reach = 'sessions' } = entry
  if (!isId(id)) return 'its id is missing or no id'
  const selector = readSelector(entry['selector'])
  if (typeof selector === 'string') return selector
  const exceptions = readExceptions(entry['except'])
  if (typeof exceptions === 'string') return exceptions
  const knownReach = reaches.find((one) => one === reach)
  if (knownReach === undefined) return 'its reach is unknown here'
  if (cut !== null && !isPosition(cut)) return 'its cut is missing or no position'
  if (!isWhole(published)) return 'its published is missing or no time'
  if (graceEnd !== undefined && !(isWhole(graceEnd) && published < graceEnd)) {
    return 'its graceEnd is no time after it was published'
  }
  const knownReason = reasons.find((one) => one === reason)
  if (knownReason === undefined) return 'its reason is missing or unknown here'
  if (message !== undefined && !isMessage(message)) return 'its message is no printable text'
  if (!isHash(record)) return 'its record is missing or no hash'
  const narrowed = cut !== null || graceEnd !== undefined || entry['except'] !== undefined
  if (selector.keys !== undefined && narrowed) {
    return 'a key is revoked whole, and this one is not'
  }
  return {
    ...placed,
    op: 'revoke',
    id,
    selector,
    exceptions,
    reach: knownReach,
    cut,
    publishedMs: published,
    ...(graceEnd === undefined ? {} : { graceEndMs: graceEnd }),
    reason: knownReason,
    ...(message === undefined ? {} : { message }),
  }
}

const lists = ['tokens', 'clients', 'subjects', 'sessions', 'scopes', 'audiences', 'keys', 'trusts']
const selectorFields = [...lists, 'all', 'from', 'before']
const exceptionFields = ['tokens', 'clients', 'subjects', 'sessions']

function readSelector(value: unknown): SelectorBody | string {
  if (!isObject(value)) return 'its selector is missing or no object'
  const fault = listsFault(value, selectorFields)
  if (fault !== undefined) return `its selector ${fault}`
  const { all, from, before } = value
  if (all !== undefined && all !== true) return 'its selector says neither all nor what'
  if (from !== undefined && !isSeconds(from)) return 'the begin of its window is no time'
  if (before !== undefined && !isSeconds(before)) return 'the end of its window is no time'
  const named = lists.filter((field) => value[field] !== undefined).length
  if (named === 0 && all === undefined) return 'its selector names nothing'
  if (0 < named && all !== undefined) return 'its selector says all, and more'
  const isWindowed = from !== undefined || before !== undefined
  if (value['keys'] !== undefined && (1 < named || isWindowed)) {
    return 'a key is revoked whole, and this one is not'
  }
  return value as unknown as SelectorBody
}

function readExceptions(value: unknown): Exceptions | string {
  if (value === undefined) return {}
  if (!isObject(value)) return 'its exceptions are no object'
  const fault = listsFault(value, exceptionFields)
  if (fault !== undefined) return `its exceptions ${fault}`
  return value as unknown as Exceptions
}

/** What is wrong with an object of lists; fields that are not lists are its reader's to check. */
function listsFault(value: Fields, known: readonly string[]): string | undefined {
  for (const [field, list] of Object.entries(value)) {
    if (!known.includes(field)) {
      return `have a dimension ${JSON.stringify(field.slice(0, 32))} that is unknown here`
    }
    if (lists.includes(field) && !isListOfValues(list)) return `hold ${field} that are no list`
  }
  return undefined
}

function readKey(entry: Fields, placed: Placed): KeyRecord | string {
  const { id, purpose, algorithm, state, jwk, retireAfter, endorsement } = entry
  if (!isId(id)) return 'its id is missing or no id'
  const knownPurpose = keyPurposes.find((one) => one === purpose)
  if (knownPurpose === undefined) return 'the purpose of its key is missing or unknown here'
  const knownAlgorithm = keyAlgorithms.find((one) => one === algorithm)
  if (knownAlgorithm === undefined) return 'the algorithm of its key is missing or unknown here'
  const knownState = keyStates.find((one) => one === state)
  if (knownState === undefined) return 'the state of its key is missing or unknown here'
  if (!isJwk(jwk)) return 'its jwk is missing or no key'
  if (jwk['kid'] !== id) return 'its jwk is of another key'
  if (retireAfter !== undefined && !isWhole(retireAfter)) return 'its retireAfter is no time'
  if (endorsement !== undefined && !isText(endorsement, ENDORSEMENT_CHARACTERS_MAX)) {
    return 'its endorsement is no text'
  }
  return {
    ...placed,
    op: 'key',
    id,
    purpose: knownPurpose,
    algorithm: knownAlgorithm,
    state: knownState,
    jwk,
    ...(retireAfter === undefined ? {} : { retireAfterMs: retireAfter }),
    ...(endorsement === undefined ? {} : { endorsement }),
  }
}

function readEpoch({ continues, chain }: Fields, placed: Placed): EpochRecord | string {
  if (!opensEpoch(placed.position)) return 'it opens an epoch in the midst of one'
  if (!isPosition(continues) || placed.position <= continues) {
    return 'what it continues is missing or no position before its own'
  }
  if (!isHash(chain)) return 'its chain is missing or no hash'
  return { ...placed, op: 'epoch', continues, chain }
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isText = (value: unknown, charactersMax: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= charactersMax

const isId = (value: unknown): value is string => isText(value, ID_CHARACTERS_MAX)

const isHash = (value: unknown): value is string =>
  typeof value === 'string' && /^[\w-]{43}$/.test(value)

const isMessage = (value: unknown): value is string =>
  isText(value, MESSAGE_CHARACTERS_MAX) && /^[\x20-\x7e]+$/.test(value)

const isSeconds = (value: unknown): value is number => Number.isSafeInteger(value)

const isWhole = (value: unknown): value is number => isWholeUpTo(value, Number.MAX_SAFE_INTEGER)

const isWholeUpTo = (value: unknown, max: number): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && 0 <= value && value <= max

/** An empty list would be no limit, and hit everything. */
const isListOfValues = (value: unknown): value is readonly string[] =>
  Array.isArray(value) &&
  0 < value.length &&
  value.every((one: unknown) => isText(one, VALUE_CHARACTERS_MAX))

function isJwk(value: unknown): value is Readonly<Record<string, string>> {
  if (!isObject(value)) return false
  const members = Object.values(value)
  return (
    members.length <= JWK_MEMBERS_MAX &&
    members.every((member) => typeof member === 'string' && member.length <= JWK_CHARACTERS_MAX)
  )
}
