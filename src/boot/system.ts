import { randomFillSync } from 'node:crypto'
import type { Clock, Entropy } from '#kernel/clock.ts'
import { instant } from '#kernel/instant.ts'

/** The one real clock. */
export const systemClock: Clock = {
  now: () => instant(Date.now()),
  sleep: (durationMs) => new Promise((wake) => setTimeout(wake, durationMs)),
}

/** The one source of real chance. */
export const systemEntropy: Entropy = {
  bytes: (length) => randomFillSync(new Uint8Array(length)),
}
