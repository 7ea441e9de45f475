import type { FeedBodies } from '#domain/feed/body.ts'
import { epochEntry, type FeedEntry, type FeedOp, nextEntry } from '#domain/feed/entry.ts'
import { ORIGIN, type Position, position } from '#domain/feed/position.ts'
import { instant } from '#kernel/instant.ts'
import type { Store, Writing } from '#store/port.ts'

/** Appends an entry as the authority does, and answers with its place. */
export async function append<O extends FeedOp>(
  tx: Writing,
  op: O,
  body: FeedBodies[O] | ((at: Position) => FeedBodies[O]),
  untilSeconds?: number,
): Promise<Position> {
  const state = await tx.feed()
  const given = typeof body === 'function' ? body((state.position + 1) as Position) : body
  const entry = nextEntry(state, op, given, { untilSeconds })
  await tx.appendFeed(entry, state.timeMicros + 1)
  return entry.position
}

export const revoke = (id: string, part = 0, isBlock = false) => ({
  id,
  selector: { clients: [`ci-${part}`] },
  cut: isBlock ? null : ORIGIN,
  published: 1,
  reason: 'other',
  record: 'r'.repeat(43),
})
export const unblock = (id: string) => (cut: Position) => ({ id, cut })
export const key = (id: string, purpose = 'token', state = 'active') => ({
  id,
  purpose,
  algorithm: 'ES256',
  state,
  jwk: { kid: id },
})

export async function openEpoch(tx: Writing): Promise<Position> {
  const state = await tx.feed()
  const entry = epochEntry(state)
  await tx.appendFeed(entry, state.timeMicros + 1)
  return entry.position
}

export const rows = (store: Store): Promise<readonly FeedEntry[]> =>
  store.read((tx) => tx.feedEntries(0, 10_000))
export const places = async (store: Store): Promise<number[]> =>
  (await rows(store)).map((entry) => entry.position - ORIGIN)
export const at = (sequence: number): Position => position(1, sequence)

export const compact = (store: Store, floor: Position, endedBeforeSeconds = 0, limit = 1000) =>
  store.write((tx) => tx.compactFeed({ floor, endedBeforeSeconds, limit }))
export const isDue = (store: Store, floor: Position, endedBeforeSeconds = 0) =>
  store.read((tx) =>
    tx.isCollectionDue({
      floor,
      endedBeforeSeconds,
      incarnationsSeenBefore: instant(0),
      selectionsBegunBefore: instant(0),
    }),
  )
