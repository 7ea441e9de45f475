import type { Position } from '#domain/feed/position.ts'
import type { Incarnation } from '#domain/proof/proof.ts'
import type { TestWorld } from '../world.ts'

/** Puts a verifier on record as a sync does: committed before its first head. */
export async function follow(
  { store, clock }: TestWorld,
  over: Partial<Incarnation> & Pick<Incarnation, 'id'>,
): Promise<Incarnation> {
  const now = clock.now()
  const incarnation: Incarnation = {
    verifierId: 'local',
    name: over.id,
    audiences: ['https://b.example'],
    mode: 'strict',
    limitSeconds: 10,
    firstPosition: (await store.read((tx) => tx.feed())).position,
    headsUntilMicros: (now + 60_000) * 1000,
    firstSeenAt: now,
    lastSeenAt: now,
    ...over,
  }
  await store.write((tx) => tx.upsertIncarnation(incarnation))
  return incarnation
}

export const HASH = 'A'.repeat(43)

/** Puts on record that it has applied the feed as it stands. */
export async function acknowledge(
  { store, clock }: TestWorld,
  incarnation: string,
  over: { readonly position?: Position; readonly released?: boolean } = {},
): Promise<void> {
  const { position, chain } = await store.read((tx) => tx.feed())
  const micros = clock.now() * 1000
  await store.write((tx) =>
    tx.acknowledge([
      {
        incarnation,
        position: over.position ?? position,
        chain: Buffer.from(chain).toString('base64url'),
        digest: HASH,
        headMicros: micros,
        atMicros: micros,
        released: over.released ?? false,
      },
    ]),
  )
}
