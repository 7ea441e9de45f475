import { z } from 'zod'
import { verifierModes } from '#domain/feed/head.ts'
import { isPosition } from '#domain/feed/position.ts'
import { Audience, AUDIENCES_MAX, NoParams, NoQuery } from './common.ts'
import { lazy, route } from './route.ts'

/** 128 to 512 random bits, base64url: enough that no two questions ever share one. */
const Nonce = z
  .string()
  .regex(/^[A-Za-z0-9_-]{22,86}$/, 'a nonce is 22 to 86 characters of base64url')

const Position = z.number().refine(isPosition, 'that is no position of a feed')
/** base64url of 32 bytes. */
const Hash = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'a hash is 43 characters of base64url')
const Incarnation = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/, 'an incarnation is 16 to 64 characters of base64url')
/** Authority time of a head, microseconds since the epoch. */
const Micros = z.number().int().nonnegative()

const PublicJwk = z.record(z.string(), z.string())

/** How many entries one answer holds at most, and how many unless asked. */
export const ENTRIES_MAX = 1000

/**
 * The feed as verifiers follow it. Two more paths are served beside these, since their answers are
 * streams: `GET /v1/feed` (server-sent events; `entry` with the stored bytes as data and the position
 * as id, `head` with a signed head; resumes after `Last-Event-ID`, or after the query's `after`) and
 * `GET /v1/feed/snapshot` (`application/jsonl`: `{ "head": … }`, then the bytes of one entry in force
 * a line, by position). Below the floor both the stream and the entries answer 410, `feed-compacted`.
 *
 * A head is a lease, and who is given one must be on record before: both streams take the query
 * `incarnation`, and answer 404, `incarnation-unknown`, until a sync has made it known. A stream may
 * say `event: spread` with a number of milliseconds: whoever acknowledges waits as long, and a random
 * part of as much again, so that thousands do not speak at once. A hint, not signed, at most 1000.
 */
export const feedApi = {
  syncFeed: route({
    method: 'POST',
    path: '/v1/feed/sync',
    // Asked again, it must be answered anew: an answer that was kept would tell an old time.
    isRead: true,
    summary: 'Tell a verifier the feed’s head and the authority’s time, signed with its nonce',
    scope: 'feed:follow',
    params: () => NoParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        nonce: Nonce,
        /** Names one start of one process; random. */
        incarnation: Incarnation,
        /** A label for people. */
        name: z.string().min(1).max(128),
        audiences: z.array(Audience).min(1).max(AUDIENCES_MAX),
        mode: z.enum(verifierModes),
        /** What the verifier has applied; left out at its first start. */
        applied: z.strictObject({ position: Position, chain: Hash, time: Micros }).optional(),
      }),
    reply: () =>
      z
        .object({
          /** A JWS of type feed-head+jwt; its claims are `HeadClaims`. */
          head: z.string(),
          /** For a verifier without a pinned key, which takes them once, over TLS or loopback. */
          feedKeys: z.array(PublicJwk),
        })
        .meta({ id: 'FeedSync' }),
    refuses: [
      'clock-behind',
      'clock-stepped',
      'key-locked',
      'feed-diverged',
      'authority-restored',
      'audience-refused',
      'incarnation-unknown',
      'leases-exhausted',
    ],
  }),
  acknowledgeFeed: route({
    method: 'POST',
    path: '/v1/feed/acknowledge',
    // Acknowledging twice changes nothing, and no idempotency key is kept for it.
    isRead: true,
    summary: 'Take a verifier’s word that it has applied a head',
    scope: 'feed:follow',
    params: () => NoParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        incarnation: Incarnation,
        position: Position,
        chain: Hash,
        digest: Hash,
        time: Micros,
        released: z.literal(true).optional(),
      }),
    reply: () => z.object({ position: z.number().int() }).meta({ id: 'FeedAcknowledged' }),
    refuses: ['incarnation-unknown', 'feed-diverged'],
  }),
  listFeedEntries: route({
    method: 'GET',
    path: '/v1/feed/entries',
    summary: 'List entries of the feed after a position, as their stored bytes',
    scope: 'feed:follow',
    params: () => NoParams,
    query: () =>
      z.strictObject({
        after: z.coerce.number<number>().refine(isPosition, 'that is no position of a feed'),
        limit: z.coerce.number<number>().int().min(1).max(ENTRIES_MAX).default(ENTRIES_MAX),
        /** Who asks; entries give no lease, so it may be left out. */
        incarnation: Incarnation.optional(),
      }),
    body: () => z.strictObject({}),
    reply: () =>
      z
        .object({
          /** Each the stored bytes, UTF-8: nobody re-serialises them. */
          entries: z.array(z.string()),
          floor: z.number().int(),
          /** Whether more follow. */
          more: z.boolean(),
        })
        .meta({ id: 'FeedEntries' }),
    refuses: ['feed-compacted'],
  }),
}

/** What a stream is asked with; `after` is the query's or the header `Last-Event-ID`. */
export const StreamQuery = lazy(() =>
  z.object({
    incarnation: Incarnation,
    after: z.coerce.number<number>().refine(isPosition, 'that is no position of a feed').optional(),
  }),
)
