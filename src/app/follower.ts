import { sameBytes } from '#domain/feed/same-bytes.ts'
import type { FeedState } from '#domain/feed/entry.ts'
import type { Position } from '#domain/feed/position.ts'
import { decodeBase64url } from '#kernel/base64url.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import type { Reading, VerifierRecord } from '#store/port.ts'
import type { Caller, Deps } from './deps.ts'

/** On loopback, and for the administrator of the machine, the feed is followed without a credential. */
export const LOCAL_VERIFIER = 'local'

/** What the caller follows the feed with. A token of the admin API opens no feed, whatever it carries. */
export function verifierOf({ verifierId, scopes }: Caller): string {
  if (verifierId !== undefined) return verifierId
  if (scopes === 'all') return LOCAL_VERIFIER
  return refuse('scope-insufficient', 'the feed is followed with the credential of a verifier', {
    next: 'credctl verifier create NAME',
    facts: { scope: 'feed:follow' },
  })
}

/** The refusal of a credential that is on record no more, or was removed. */
export async function credentialProblem(
  tx: Reading,
  verifierId: string,
): Promise<Problem | VerifierRecord | undefined> {
  if (verifierId === LOCAL_VERIFIER) return undefined
  const verifier = await tx.findVerifier(verifierId)
  if (verifier !== undefined && verifier.removedAt === undefined) return verifier
  return new Problem('token-refused', 'the credential of this verifier was removed', {
    next: 'credctl verifier create NAME, and give the verifier its credential',
  })
}

export const incarnationUnknown = (incarnation: string): Problem =>
  new Problem('incarnation-unknown', `no verifier ${incarnation} is known here`, {
    next: 'sync first (POST /v1/feed/sync), with the same credential',
    facts: { incarnation },
  })

/** What a verifier says that it has applied. */
export interface Applied {
  readonly position: Position
  /** base64url. */
  readonly chain: string
  /** Of the head, microseconds of authority time. */
  readonly time: number
}

/**
 * Why what a verifier has applied cannot be of this feed: it or its time is ahead of it, or another
 * chain led to its place. No head is given before its time is durable, so this database is then an
 * old one that was put back, or somebody forges. Where the place is gone (collected, or left behind
 * by a restore that opened an epoch) nothing can be said.
 */
export async function divergence(
  tx: Reading,
  state: FeedState,
  { position, chain, time }: Applied,
): Promise<string | undefined> {
  if (state.position < position) {
    return `it has applied position ${position}, and ours is ${state.position}`
  }
  if (state.timeMicros < time) {
    return `it has applied a head of ${time} µs, and ours says ${state.timeMicros} µs`
  }
  const here = position === state.position ? state : await tx.feedEntry(position)
  if (here === undefined) return undefined
  const given = decodeBase64url(chain)
  if (given !== undefined && sameBytes(given, here.chain)) return undefined
  return `at position ${position} it has applied another chain than ours`
}

/** Answers a verifier whose feed is not ours, and alarms: an operator must look. */
export function diverged(deps: Deps, incarnation: string, detail: string): Problem {
  deps.alarm?.('feed-diverged', `verifier ${incarnation} parts from this feed: ${detail}`)
  return new Problem('feed-diverged', `your feed parts from this authority's: ${detail}`, {
    next: 'tell the operator: an old database was put in place here, or one of us was deceived',
    facts: { incarnation },
  })
}
