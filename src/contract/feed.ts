import { z } from 'zod'
import { verifierModes } from '#domain/feed/head.ts'
import { isPosition } from '#domain/feed/position.ts'
import { Audience, AUDIENCES_MAX, NoParams, NoQuery } from './common.ts'
import { route } from './route.ts'

/** 128 to 512 random bits, base64url: enough that no two questions ever share one. */
const Nonce = z
  .string()
  .regex(/^[A-Za-z0-9_-]{22,86}$/, 'a nonce is 22 to 86 characters of base64url')

const Position = z.number().refine(isPosition, 'that is no position of a feed')

const PublicJwk = z.record(z.string(), z.string())

export const feedApi = {
  syncFeed: route({
    method: 'POST',
    path: '/v1/feed/sync',
    // Asked again, it must be answered anew: an answer that was kept would tell an old time.
    isRead: true,
    summary: 'Tell a verifier the feed’s head and the authority’s time, signed with its nonce',
    scope: 'admin:authority:read',
    params: () => NoParams,
    query: () => NoQuery,
    body: () =>
      z.strictObject({
        nonce: Nonce,
        /** Names one start of one process; random. */
        incarnation: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/, '16 to 64 characters of base64url'),
        /** A label for people. */
        name: z.string().min(1).max(128),
        audiences: z.array(Audience).min(1).max(AUDIENCES_MAX),
        mode: z.enum(verifierModes),
        /** What the verifier has applied; left out at its first start. */
        applied: z
          .strictObject({
            position: Position,
            /** base64url of 32 bytes. */
            chain: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
            /** Authority time of the newest head, microseconds since the epoch. */
            time: z.number().int().nonnegative(),
          })
          .optional(),
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
    refuses: ['clock-behind', 'key-locked'],
  }),
}
