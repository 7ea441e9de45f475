import os from 'node:os'
import { performance } from 'node:perf_hooks'
import { randomFillSync } from 'node:crypto'
import * as resources from './verifier/resource.ts'
import { startVerifier } from './verifier/shell.ts'
import type * as published from './verifier/types.ts'
import { VERSION } from './version.ts'

export type * from './verifier/types.ts'

/** Chance in handfuls: to ask the system for one byte takes as long as for thousands. */
const pool = new Uint8Array(4096)
let used = pool.length
const entropy = {
  bytes(length: number): Uint8Array {
    if (pool.length < length) return randomFillSync(new Uint8Array(length))
    if (pool.length < used + length) {
      randomFillSync(pool)
      used = 0
    }
    used += length
    return pool.slice(used - length, used)
  },
}

/** One for all verifiers of the process, so that they share its readings. */
const clock = {
  steadyMs: () => performance.now(),
  wallMs: () => Date.now(),
  uptimeSeconds: () => os.uptime(),
}

/** Follows an authority's feed and decides on its tokens; see `types.ts`, which is what is published. */
export const createVerifier: typeof published.createVerifier = (options) =>
  startVerifier(options, { clock, entropy, version: VERSION, startMsMax: 5_000, waitMsMax: 250 })

export const protectedResourceMetadata: typeof published.protectedResourceMetadata =
  resources.protectedResourceMetadata
