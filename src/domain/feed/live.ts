import type { Position } from './position.ts'
import type { FeedRecord } from './record.ts'

/**
 * What of the feed is in force, reduced to what a digest needs: one value by which an authority and
 * its verifiers see whether they hold the same.
 *
 * In it are, each by the SHA-256 of its stored bytes: the `revoke` entries of revocations that are
 * not lifted, with the `unblock` entry of each whose block has ended, until the `until` of the later
 * of them; and of every key its newest entry (of keys of purpose `feed` all of them, since trust
 * follows from one to the next). A lift takes both out. `epoch` and ignorable entries are never in it.
 *
 * The digest: entries lie in groups of 1024 positions (`floor(position / 1024)`); a group's hash is
 * SHA-256 over the hashes of its entries in order of position; the digest is SHA-256 over, for each
 * group that holds any, in order, the group's number in 8 bytes, big-endian, and the group's hash.
 */
export interface LiveState {
  /** Takes the next entry: its record, and the bytes it was read from. */
  apply(record: FeedRecord, bytes: Uint8Array): void
  /**
   * The digest at a head's time, microseconds; base64url. What ended at or before it is left out for
   * good, so times must not fall.
   */
  digest(timeMicros: number): string
  /** How many entries are in it. */
  readonly size: number
  /** Their positions, in order: what a snapshot consists of. */
  positions(): Position[]
}
