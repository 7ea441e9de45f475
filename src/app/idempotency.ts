import type { Instant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, Writing } from '#store/port.ts'
import type { Context } from './deps.ts'

/**
 * How the result of a mutation is remembered for a request that is sent again: what is kept must be
 * plain JSON and hold no secret in the clear.
 */
export interface Memory<T> {
  readonly keep: (result: T) => unknown
  readonly bring: (tx: Reading, kept: unknown) => Promise<T>
}

/** For results that are plain and harmless. */
export const plainMemory = <T>(): Memory<T> => ({
  keep: (result) => result,
  bring: async (_, kept) => kept as T,
})

/** For how long a request may be sent again under its key. */
export const REPLY_SECONDS_MAX = 24 * 3600

/**
 * The result of the same request, where it was done before under its key. Refusal:
 * `idempotency-conflict`, where the key was used for another request.
 */
export async function recall<T>(
  tx: Reading,
  { caller, idempotency }: Context,
  memory: Memory<T>,
): Promise<{ readonly result: T } | undefined> {
  if (idempotency === undefined) return undefined
  const earlier = await tx.findReply(caller.actor, idempotency.key)
  if (earlier === undefined) return undefined
  if (earlier.fingerprint !== idempotency.fingerprint) {
    refuse('idempotency-conflict', 'another request was sent under this idempotency key', {
      next: 'send the request as it was, or choose a new key',
      facts: { idempotencyKey: idempotency.key },
    })
  }
  return { result: await memory.bring(tx, earlier.result) }
}

/** Remembers a result in the transaction that made it: a lost answer can be asked for again. */
export async function remember<T>(
  tx: Writing,
  { caller, idempotency }: Context,
  memory: Memory<T>,
  { result, at }: { readonly result: T; readonly at: Instant },
): Promise<void> {
  if (idempotency === undefined) return
  const { key, fingerprint } = idempotency
  await tx.insertReply({ actor: caller.actor, key, fingerprint, result: memory.keep(result) }, at)
}
