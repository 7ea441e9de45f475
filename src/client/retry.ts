import type { Clock, Entropy } from '#kernel/clock.ts'
import { Problem, rowOf } from '#kernel/problem.ts'

/** What it takes to wait a little and try again. */
export interface Retry {
  readonly clock: Pick<Clock, 'sleep'>
  readonly entropy: Entropy
}

/** Beyond this it is not a hiccup, and whoever waits should be told. */
export const RETRY_COUNT_MAX = 3
const DELAY_MS_FIRST = 100

/**
 * Sends again, with back-off and jitter, what the table of refusals marks `retry`. Every mutation
 * carries an idempotency key, so one whose answer was lost is not done twice. What carries none is sent
 * again only where that `isSafe`.
 */
export async function retrying<T>(
  { clock, entropy }: Retry,
  send: () => Promise<T>,
  isSafe: (problem: Problem) => boolean = () => true,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await send()
    } catch (thrown) {
      if (!mayRetry(thrown) || !isSafe(thrown) || RETRY_COUNT_MAX <= tries) throw thrown
      const [chance = 0] = entropy.bytes(1)
      // Half of the delay is fixed and half is chance: clients that failed together do not return together.
      await clock.sleep(DELAY_MS_FIRST * 2 ** tries * (0.5 + chance / 512))
    }
  }
}

const mayRetry = (thrown: unknown): thrown is Problem =>
  thrown instanceof Problem && rowOf(thrown.code).retry === true
