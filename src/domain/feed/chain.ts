import { chainOver, type FeedEntry } from './entry.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { epochOf, opensEpoch, type Position, successorOf } from './position.ts'
import { sameBytes } from './same-bytes.ts'

/** A place in the feed and the hash that vouches for all before it. */
export interface Link {
  readonly position: Position
  readonly chain: Uint8Array
}

/** The first entry that does not continue the feed, and why. */
export interface Break {
  readonly position: Position
  readonly detail: string
}

/**
 * Follows entries from `start`: positions without gaps, an epoch opened by its own entry only, and
 * every hash as the bytes have it. Answers the last good link, and the break after it if there is
 * one, so that a long feed can be checked page by page.
 */
export function verifyChain(
  start: Link,
  entries: Iterable<FeedEntry>,
): { readonly end: Link; readonly broken?: Break } {
  let end: Link = { position: start.position, chain: start.chain }
  for (const entry of entries) {
    const detail = faultOf(end, entry)
    if (detail !== undefined) return { end, broken: { position: entry.position, detail } }
    end = { position: entry.position, chain: entry.chain }
  }
  return { end }
}

function faultOf(previous: Link, entry: FeedEntry): string | undefined {
  if (!follows(previous.position, entry)) return 'its position does not follow the one before it'
  if (opensEpoch(entry.position) !== (entry.op === 'epoch')) {
    return 'an epoch is opened by an epoch entry, and by nothing else'
  }
  const text = new TextDecoder().decode(entry.bytes)
  if (!text.startsWith(`{"position":${entry.position},"op":"${entry.op}"`)) {
    return 'its bytes name another position or op than its record'
  }
  if (entry.op === 'epoch' && !text.includes(continuation(previous))) {
    return 'it opens an epoch, and does not name what it continues'
  }
  if (!sameBytes(chainOver(previous.chain, entry.bytes), entry.chain)) {
    return 'its hash does not fit its bytes and the hash before it'
  }
  return undefined
}

/** What the opening of an epoch says: the position and the chain before it. */
const continuation = ({ position, chain }: Link): string =>
  `"op":"epoch","continues":${position},"chain":"${encodeBase64url(chain)}"`

/** +1, or the opening of a later epoch, which may come before the last sequence (a restore). */
const follows = (previous: Position, { position }: FeedEntry): boolean =>
  position === successorOf(previous) ||
  (opensEpoch(position) && epochOf(previous) < epochOf(position))
