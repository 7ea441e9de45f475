import type { Instant } from './instant.ts'

/** Time as a capability. Shells hold a Clock; the domain is handed the Instant it needs. */
export interface Clock {
  /** The wall clock, in milliseconds. */
  now(): Instant
  sleep(durationMs: number): Promise<void>
}

/** Randomness as a capability, for the same reason. */
export interface Entropy {
  bytes(length: number): Uint8Array
}
