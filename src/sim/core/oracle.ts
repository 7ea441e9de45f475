import { chainOver, type FeedEntry } from '#domain/feed/entry.ts'
import { encodeBase64url } from '#kernel/base64url.ts'

interface Told {
  readonly op: string
  readonly id?: string
  readonly purpose?: string
  readonly until?: number
}

const utf8 = new TextDecoder()
const texts = new WeakMap<FeedEntry, string>()
const tolds = new WeakMap<FeedEntry, Told>()

/** The stored bytes as text, which is how they travel. */
export function textOf(entry: FeedEntry): string {
  const known = texts.get(entry) ?? utf8.decode(entry.bytes)
  texts.set(entry, known)
  return known
}

function toldBy(entry: FeedEntry): Told {
  const known = tolds.get(entry) ?? (JSON.parse(textOf(entry)) as Told)
  tolds.set(entry, known)
  return known
}

/**
 * What is in force at a time, worked out from all entries anew and by nothing but its definition. A
 * node serves its snapshots from this, and the digests of heads are compared with it.
 */
export function inForce(entries: readonly FeedEntry[], timeMicros: number): FeedEntry[] {
  const lifted = new Set<string>()
  const untils = new Map<string, number | undefined>()
  const newest = new Map<string, FeedEntry>()
  for (const entry of entries) {
    const { op, id = '', until } = toldBy(entry)
    if (op === 'lift') lifted.add(id)
    if (op === 'revoke' || op === 'unblock') untils.set(id, until)
    if (op === 'key') newest.set(id, entry)
  }
  return entries.filter((entry) => {
    const { op, id = '', purpose } = toldBy(entry)
    if (op === 'key') return purpose === 'feed' || newest.get(id) === entry
    if (op !== 'revoke' && op !== 'unblock') return false
    const until = untils.get(id)
    return !lifted.has(id) && (until === undefined || timeMicros < until * 1_000_000)
  })
}

const GROUP = 1024
const NOTHING = new Uint8Array(0)

/** SHA-256 of one text of bytes; the chain over nothing is just that. */
const hashOf = (bytes: Uint8Array): Uint8Array => chainOver(NOTHING, bytes)

const hashes = new WeakMap<FeedEntry, Uint8Array>()

function entryHash(entry: FeedEntry): Uint8Array {
  const known = hashes.get(entry) ?? hashOf(entry.bytes)
  hashes.set(entry, known)
  return known
}

/** The digest of what is in force, as its definition has it. */
export function digestOf(entries: readonly FeedEntry[], timeMicros: number): string {
  const groups = new Map<number, Uint8Array[]>()
  for (const entry of inForce(entries, timeMicros)) {
    const group = Math.floor(entry.position / GROUP)
    const parts = groups.get(group) ?? []
    parts.push(entryHash(entry))
    groups.set(group, parts)
  }
  const parts: Uint8Array[] = []
  for (const [group, members] of groups) {
    const number = new Uint8Array(8)
    new DataView(number.buffer).setBigUint64(0, BigInt(group))
    parts.push(number, hashOf(joined(members)))
  }
  return encodeBase64url(hashOf(joined(parts)))
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** How many entries stand at or before a position: entries are in order of it, with gaps at epochs. */
export function countThrough(entries: readonly FeedEntry[], position: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle] as FeedEntry).position <= position) low = middle + 1
    else high = middle
  }
  return low
}
