import { readRecord } from '#domain/feed/read-record.ts'
import type { FeedRecord, KeyRecord } from '#domain/feed/record.ts'
import { type HeadFault, isHeadFault, type SignedHead } from './head.ts'
import type { Rules } from './rules.ts'
import { createFeedView, type FeedView } from './state.ts'
import type { Trust } from './trust.ts'

/** A snapshot that its signed head speaks for, whole. */
export interface ReadSnapshot {
  readonly head: SignedHead
  readonly view: FeedView
  /** The entries of feed keys, vouched for now. */
  readonly feedKeys: readonly KeyRecord[]
}

export interface SnapshotContext {
  readonly rules: Rules
  readonly leewayMicros: number
  readonly readHead: (text: string) => SignedHead | HeadFault
  /** Feed keys may follow from one to the next inside of it, up to the one that signed its head. */
  readonly consider: (record: KeyRecord) => void
  readonly endOf: Trust['endOf']
}

const utf8 = new TextEncoder()

/**
 * Reads a snapshot: entries in force in order of position, and a head whose digest is of exactly
 * these. A text says why it is refused; then nothing of it counts.
 */
export function readSnapshot(
  { head: headText, entries }: { readonly head: string; readonly entries: readonly string[] },
  { rules, leewayMicros, readHead, consider, endOf }: SnapshotContext,
): ReadSnapshot | string {
  const records: FeedRecord[] = []
  for (const text of entries) {
    const record = readRecord(text)
    if (typeof record === 'string') return `an entry of it cannot be read: ${record}`
    const before = records.at(-1)
    if (before !== undefined && record.position <= before.position) {
      return 'its entries are not in order'
    }
    records.push(record)
  }
  const feedKeys = records.filter(isFeedKey)
  for (const record of feedKeys) consider(record)
  const head = readHead(headText)
  if (isHeadFault(head)) return `its head was refused: ${head.detail}`
  const { position, time, digest } = head.claims
  if (!rules.mayVouch(endOf(head.kid, feedKeys), position)) {
    return 'its head was signed by a key that had ended'
  }
  const last = records.at(-1)
  if (last !== undefined && position < last.position) return 'an entry of it lies beyond its head'
  const view = createFeedView(rules, leewayMicros, time)
  for (const [at, record] of records.entries()) {
    view.apply(record, utf8.encode(entries[at]))
  }
  if (!rules.isDigest(view.digest(time), digest)) return 'its entries do not give its digest'
  if (!rules.isAllInForce(view.size, records.length)) return 'an entry of it is not in force'
  return { head, view, feedKeys }
}

export const isFeedKey = (record: FeedRecord): record is KeyRecord =>
  record.op === 'key' && record.purpose === 'feed'
