import { describe, expect, it } from 'vitest'
import { runSimulation } from '#boot/sim.ts'
import { small } from './requests.ts'

describe('every invariant holds for longer, and in worse worlds,', () => {
  it.for([
    ['hours without an answer', { seeds: 4, minutes: 300, ttlSeconds: 1800, verifiers: 4 }],
    ['clocks that are wrong by more than tokens live', { seeds: 5, skewSeconds: 300 }],
    ['more of lifecycle', { scenario: 'lifecycle', seed: 11, seeds: 6, ttlSeconds: 300 }],
  ] as const)('with %s', async ([, request]) => {
    const report = await runSimulation({ ...small, ...request })
    expect(report).toMatchObject({ violations: [], falseAccepts: 0, falseRefusals: 0 })
    expect(report.exposureMs.max).toBeLessThanOrEqual(report.boundMs)
  })
})
