import type { Link } from '#domain/feed/chain.ts'
import { chainOver, feedOrigin } from '#domain/feed/entry.ts'
import type { Position } from '#domain/feed/position.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import type { FeedRecord } from '#domain/feed/record.ts'
import { decodeBase64url, encodeBase64url } from '#kernel/base64url.ts'
import type { Rules } from './rules.ts'

/** An entry that came, not vouched for yet. */
export interface PendingEntry {
  readonly record: FeedRecord
  readonly bytes: Uint8Array
  /** base64url, of the chain up to and with it. */
  readonly chainText: string
}

/** What became of an entry that came. `record`: it follows, and waits for a head. */
export type Offered =
  | 'old'
  | 'gap'
  | 'elsewhere'
  | { readonly record: FeedRecord }
  | { readonly fault: string }

/**
 * The entries that came, in order and without gaps, from the last place that a signed head vouched
 * for. They count for nothing until another head reaches them.
 */
export interface Log {
  /** The place up to which all is vouched for. */
  readonly base: { readonly position: Position; readonly chainText: string }
  /** The last place that came. */
  readonly tip: Position
  offer(text: string): Offered
  /** The chain at a place; `undefined` where no entry that is held ends. */
  chainAt(position: Position): string | undefined
  /** The entries that wait up to a place. */
  upTo(position: Position): readonly PendingEntry[]
  /** A head has vouched for all up to a place. */
  commit(position: Position): void
  /** Lets go of all that is not vouched for. */
  discard(): void
  reset(base: Link): void
}

/** More than this without a head that reaches them is no feed. */
const PENDING: PendingLimits = { countMax: 100_000, bytesMax: 256 * 1024 * 1024 }

interface PendingLimits {
  readonly countMax: number
  readonly bytesMax: number
}

const NONE: readonly PendingEntry[] = []
const utf8 = new TextEncoder()

interface ReadEntry {
  readonly text: string
  readonly record: FeedRecord | string
  readonly bytes: Uint8Array
}

/** The last entry that was read, which follows from its text alone: all verifiers of a process are sent it. */
let last: ReadEntry = readAnew('')
const KEPT_CHARACTERS_MAX = 64 * 1024

function readEntry(text: string): ReadEntry {
  if (text === last.text) return last
  const read = readAnew(text)
  if (text.length <= KEPT_CHARACTERS_MAX) last = read
  return read
}

function readAnew(text: string): ReadEntry {
  return { text, record: readRecord(text), bytes: utf8.encode(text) }
}

export function createLog(rules: Rules, { countMax, bytesMax } = PENDING): Log {
  const origin = feedOrigin(0)
  let base = baseAt(origin)
  let pending: PendingEntry[] = []
  let pendingBytes = 0
  let tip: Link = origin

  const tipText = (): string => pending.at(-1)?.chainText ?? base.chainText

  const discard = (): void => {
    pending = []
    pendingBytes = 0
    tip = base
  }
  /** How many of the pending entries lie up to a place. */
  const countUpTo = (position: Position): number => {
    let low = 0
    let high = pending.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((pending[middle] as PendingEntry).record.position <= position) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    get base() {
      return base
    },
    get tip() {
      return tip.position
    },
    offer(text) {
      const { record, bytes } = readEntry(text)
      if (typeof record === 'string') return { fault: record }
      const follows = rules.followsOn({ position: tip.position, chainText: tipText() }, record)
      if (follows !== 'next') return follows
      if (countMax <= pending.length || bytesMax < pendingBytes + bytes.length) {
        return { fault: 'more entries came than any head speaks for' }
      }
      const chain = chainOver(tip.chain, bytes)
      tip = { position: record.position, chain }
      pending.push({ record, bytes, chainText: encodeBase64url(chain) })
      pendingBytes += bytes.length
      return { record }
    },
    chainAt(position) {
      if (position === base.position) return base.chainText
      const entry = pending[countUpTo(position) - 1]
      return entry?.record.position === position ? entry.chainText : undefined
    },
    upTo: (position) => (pending.length === 0 ? NONE : pending.slice(0, countUpTo(position))),
    commit(position) {
      if (pending.length === 0) return
      const count = countUpTo(position)
      const last = pending[count - 1]
      if (last === undefined) return
      const isAll = count === pending.length
      base = {
        position: last.record.position,
        chainText: last.chainText,
        chain: isAll ? tip.chain : chainOf(last.chainText),
      }
      for (const { bytes } of pending.slice(0, count)) pendingBytes -= bytes.length
      pending = isAll ? [] : pending.slice(count)
    },
    discard,
    reset(link) {
      base = baseAt(link)
      discard()
    },
  }
}

const baseAt = ({ position, chain }: Link) => ({
  position,
  chain,
  chainText: encodeBase64url(chain),
})

/** It was made of bytes a moment ago. */
const chainOf = (text: string): Uint8Array => decodeBase64url(text) ?? new Uint8Array(0)
