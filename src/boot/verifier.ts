import os from 'node:os'
import { performance } from 'node:perf_hooks'
import { systemEntropy } from './system.ts'
import { startVerifier } from './verifier/shell.ts'
import type * as published from './verifier/types.ts'
import { VERSION } from './version.ts'

export type * from './verifier/types.ts'

/** Follows an authority's feed and decides on its tokens; see `types.ts`, which is what is published. */
export const createVerifier: typeof published.createVerifier = (options) =>
  startVerifier(options, {
    clock: {
      steadyMs: () => performance.now(),
      wallMs: () => Date.now(),
      uptimeSeconds: () => os.uptime(),
    },
    entropy: systemEntropy,
    version: VERSION,
    startMsMax: 5_000,
  })
