import { refuse } from '#kernel/problem.ts'

/** A slow hash takes a core for about 35 ms; two leave the others to the server. */
const AT_ONCE_MAX = 2
/** Whoever would wait for longer than half a second had better come again. */
const WAITING_MAX = 32

export interface Gate {
  /** Does a piece of slow work when there is room. Refusal: `rate-limited`, where too many wait. */
  pass<T>(work: () => Promise<T>): Promise<T>
}

/** Lets few slow hashes run at a time, so that wrong secrets cannot starve the server. */
export function createGate(): Gate {
  let running = 0
  const waiting: (() => void)[] = []
  const leave = (): void => {
    running -= 1
    waiting.shift()?.()
  }
  return {
    async pass(work) {
      if (AT_ONCE_MAX <= running) {
        if (WAITING_MAX <= waiting.length) refuseCrowd()
        await new Promise<void>((enter) => waiting.push(enter))
      }
      running += 1
      return work().finally(leave)
    },
  }
}

const refuseCrowd = (): never =>
  refuse('rate-limited', 'too many imported secrets are being checked at this moment', {
    facts: { retryAfterSeconds: 1 },
  })
