import { createHash } from 'node:crypto'
import { parseToken } from '#domain/credential/token.ts'
import type { HeadClaims, VerifierMode } from '#domain/feed/head.ts'
import type { TestWorld } from '../world.ts'

/** A verifier as the authority sees one: it asks for heads, and says that it has applied them. */
export interface Follower {
  readonly incarnation: string
  /** Asks for a head, and takes up its lease. */
  readonly sync: () => Promise<HeadClaims>
  /** Syncs, and says that it applies what it got. */
  readonly acknowledge: () => Promise<void>
  /** Says that it decides nothing any more. */
  readonly close: () => Promise<void>
}

export interface Following {
  readonly name: string
  readonly audiences?: readonly string[]
  readonly mode?: VerifierMode
}

/** One that holds a lease from now on, and acknowledges nothing until it is told to. */
export async function follow(
  { admin, issuer }: TestWorld,
  { name, audiences = [issuer], mode = 'standard' }: Following,
): Promise<Follower> {
  const incarnation = createHash('sha256').update(name).digest('hex')
  let nonces = 0
  const sync = async (): Promise<HeadClaims> => {
    nonces += 1
    const { head } = await admin.syncFeed({
      nonce: String(nonces).padStart(22, 'A'),
      incarnation,
      name,
      audiences: [...audiences],
      mode,
    })
    const parsed = parseToken(head)
    if (typeof parsed === 'string') throw new Error(parsed)
    return parsed.claims as unknown as HeadClaims
  }
  const say = async (released: boolean): Promise<void> => {
    const { position, chain, digest, time } = await sync()
    await admin.acknowledgeFeed({
      incarnation,
      position,
      chain,
      digest,
      time,
      ...(released ? { released: true } : {}),
    })
  }
  await sync()
  return { incarnation, sync, acknowledge: () => say(false), close: () => say(true) }
}
