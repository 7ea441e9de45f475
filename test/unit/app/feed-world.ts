import { parseToken } from '#domain/credential/token.ts'
import { createLiveState } from '#domain/feed/live-state.ts'
import { HEAD_CHARACTERS_MAX, type HeadClaims } from '#domain/feed/head.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import type { Caller } from '#app/deps.ts'
import type { TestWorld } from '../world.ts'

/** Somebody who follows the feed with this credential. */
export const follower = (verifierId: string): Caller => ({
  actor: `verifier:${verifierId}`,
  scopes: ['feed:follow'],
  origin: { transport: 'http', ip: '192.0.2.8' },
  verifierId,
})

let questions = 0

/** 43 characters that no other call has answered. */
export const freshNonce = (): string => String((questions += 1)).padStart(43, 'n')

export const question = (incarnation = 'i'.repeat(22)) => ({
  nonce: freshNonce(),
  incarnation,
  name: 'api-1',
  audiences: ['https://api.example.com'],
  mode: 'standard' as const,
})

export function claimsOf(head: string): HeadClaims {
  const parsed = parseToken(head, HEAD_CHARACTERS_MAX)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed.claims as unknown as HeadClaims
}

/** The digest of all rows up to a head, made from nothing but them. */
export async function digestAt(world: TestWorld, { position, time }: HeadClaims): Promise<string> {
  const live = createLiveState()
  for (const entry of await world.store.read((tx) => tx.feedEntries(0, 10_000))) {
    if (position < entry.position) break
    const record = readRecord(new TextDecoder().decode(entry.bytes))
    if (typeof record === 'string') throw new Error(record)
    live.apply(record, entry.bytes)
  }
  return live.digest(time)
}

export const acknowledgementOf = (incarnation: string, head: HeadClaims) => ({
  incarnation,
  position: head.position,
  chain: head.chain,
  digest: head.digest,
  time: head.time,
})
