/**
 * A place in the authority's one feed: `epoch × 2³² + sequence`, so order is numeric order.
 *
 * 1 ≤ epoch < 2²¹ and sequence < 2³², which keeps every position an exact JavaScript number.
 */
export type Position = number & { readonly __unit: 'position' }

const SEQUENCES = 2 ** 32

export const position = (epoch: number, sequence: number): Position =>
  (epoch * SEQUENCES + sequence) as Position

export const epochOf = (at: Position): number => Math.floor(at / SEQUENCES)
export const sequenceOf = (at: Position): number => at % SEQUENCES

/** Before the first entry of the first epoch: what an authority that has done nothing stands at. */
export const ORIGIN = position(1, 0)

/** The very next place; `undefined` after the last of all. At the end of an epoch it opens the next. */
export function successorOf(at: Position): Position | undefined {
  const next = (at + 1) as Position
  return isPosition(next) ? next : undefined
}

/** Sequence 0: the place of the entry that opens an epoch, and of no other. */
export const opensEpoch = (at: Position): boolean => sequenceOf(at) === 0

/** An epoch beyond the last one would be beyond what is a safe integer. */
export const isPosition = (value: unknown): value is Position =>
  Number.isSafeInteger(value) && 1 <= epochOf(value as Position)
