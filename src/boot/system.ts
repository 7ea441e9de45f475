import type { Clock, Entropy } from '#kernel/clock.ts'
import { instant } from '#kernel/instant.ts'

/** The one real clock. */
export const systemClock: Clock = {
  now: () => instant(Date.now()),
  sleep: (durationMs) => new Promise((wake) => setTimeout(wake, durationMs)),
}

/** The one source of real chance. Loaded when it is needed: it takes 8 ms, and many commands do without. */
export const systemEntropy: Entropy = {
  bytes: (length) => process.getBuiltinModule('node:crypto').randomFillSync(new Uint8Array(length)),
}
