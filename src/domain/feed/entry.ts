import { utf8ToBytes } from '@noble/hashes/utils.js'
import { encodeBase64url } from '#kernel/base64url.ts'
import { refuse } from '#kernel/problem.ts'
import type { FeedBodies } from './body.ts'
import { epochOf, opensEpoch, ORIGIN, position, successorOf, type Position } from './position.ts'
import { sha256 } from './sha256.ts'

export const feedOps = ['revoke', 'unblock', 'lift', 'key', 'epoch'] as const
export type FeedOp = (typeof feedOps)[number]

/**
 * One entry of the feed, as it is stored and as it travels: nobody re-serialises the bytes.
 *
 * `chain` = SHA-256(previous chain ‖ bytes), so that one hash vouches for all that went before.
 */
export interface FeedEntry {
  readonly position: Position
  readonly op: FeedOp
  readonly bytes: Uint8Array
  readonly chain: Uint8Array
  /** Seconds of authority time until which verifiers need it; absent while it has no end. */
  readonly untilSeconds?: number
}

/** The feed's one row: how far it has come, and the authority time at which it did. */
export interface FeedState {
  readonly position: Position
  readonly chain: Uint8Array
  /** Microseconds since the epoch; never goes back. */
  readonly timeMicros: number
}

const CHAIN_BYTES = 32

/** What the feed is before its first entry. The chain starts from zeros. */
export const feedOrigin = (timeMicros: number): FeedState => ({
  position: ORIGIN,
  chain: new Uint8Array(CHAIN_BYTES),
  timeMicros,
})

/**
 * The order of an entry's fields. Only these are written: a body that carries more, such as an
 * actor, does not put it into a log that every verifier reads.
 */
const fields: { readonly [O in FeedOp]: readonly (keyof FeedBodies[O])[] } = {
  revoke: [
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
  unblock: ['id', 'cut'],
  lift: ['id'],
  key: ['id', 'purpose', 'algorithm', 'state', 'jwk', 'retireAfter', 'endorsement'],
  epoch: ['continues', 'chain'],
}

/**
 * The entry that follows `state`: JSON in UTF-8, with its position and op first, then the body in
 * fixed order, then `until` where it has an end; and the chain over it.
 *
 * The first place of an epoch takes its opening entry only: where `epochIsFull`, append
 * `epochEntry` first.
 */
export function nextEntry<O extends FeedOp>(
  state: FeedState,
  op: O,
  body: FeedBodies[O],
  { untilSeconds }: { readonly untilSeconds?: number | undefined } = {},
): FeedEntry {
  const at = successorOf(state.position) ?? refuse('internal', 'the feed has no places left')
  if (opensEpoch(at)) refuse('internal', 'the epoch is full; its successor must be opened first')
  return entryAt(at, state, op, body, untilSeconds)
}

/** Whether the last sequence is taken, so that the next entry opens an epoch. */
export const epochIsFull = (state: FeedState): boolean => {
  const next = successorOf(state.position)
  return next !== undefined && opensEpoch(next)
}

/**
 * Opens the next epoch, or a later one; it names the position and the chain that it continues. A
 * restore opens one above every epoch that the replaced feed may have reached.
 */
export function epochEntry(state: FeedState, epoch = epochOf(state.position) + 1): FeedEntry {
  if (epoch <= epochOf(state.position)) refuse('internal', `epoch ${epoch} has begun already`)
  const at = position(epoch, 0)
  if (successorOf(at) === undefined) refuse('internal', 'the feed has no epochs left')
  const body = { continues: state.position, chain: encodeBase64url(state.chain) }
  return entryAt(at, state, 'epoch', body, undefined)
}

function entryAt<O extends FeedOp>(
  at: Position,
  state: FeedState,
  op: O,
  body: FeedBodies[O],
  untilSeconds: number | undefined,
): FeedEntry {
  const document: Record<string, unknown> = { position: at, op }
  for (const field of fields[op]) {
    if (body[field] !== undefined) document[field as string] = body[field]
  }
  if (untilSeconds !== undefined) document['until'] = untilSeconds
  const bytes = utf8ToBytes(JSON.stringify(document))
  return {
    position: at,
    op,
    bytes,
    chain: chainOver(state.chain, bytes),
    ...(untilSeconds === undefined ? {} : { untilSeconds }),
  }
}

/** SHA-256(previous chain ‖ bytes). */
export function chainOver(previous: Uint8Array, bytes: Uint8Array): Uint8Array {
  const both = new Uint8Array(previous.length + bytes.length)
  both.set(previous)
  both.set(bytes, previous.length)
  return sha256(both)
}

/** The feed once an entry is appended to it. */
export const advance = (entry: FeedEntry, timeMicros: number): FeedState => ({
  position: entry.position,
  chain: entry.chain,
  timeMicros,
})
