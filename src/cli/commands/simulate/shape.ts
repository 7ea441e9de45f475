import { shape } from '#cli/view.ts'
import type { scenarios, SimulatedVerifier, SimulationReport } from '#contract/simulation.ts'

export type Scenario = (typeof scenarios)[number]

/** A scenario, as `simulate list` prints it. */
export const scenarioShape = shape<Scenario>({
  kind: 'scenario',
  id: ({ name }) => name,
  columns: [
    { key: 'name', title: 'Scenario', keep: true },
    { key: 'summary', title: 'What happens' },
  ],
})

/** A report; what stands in no table is for programs. */
export const reportShape = shape<SimulationReport>({
  kind: 'simulation',
  id: ({ traceHash }) => traceHash,
  columns: [
    { key: 'scenario', keep: true },
    { key: 'seed', kind: 'number', keep: true },
    { key: 'traceHash', title: 'Trace' },
    { key: 'decisions', kind: 'number', from: 'wide' },
    { key: 'falseAccepts', title: 'False accepts', kind: 'number', from: 'wide' },
    { key: 'falseRefusals', title: 'False refusals', kind: 'number', from: 'wide' },
    { key: 'naive.falseAccepts', title: 'Naive false accepts', kind: 'number', from: 'wide' },
    { key: 'naive.falseRefusals', title: 'Naive false refusals', kind: 'number', from: 'wide' },
    { key: 'exposureMs.max', title: 'Exposure ms', kind: 'number', from: 'wide' },
    { key: 'boundMs', title: 'Bound ms', kind: 'number', from: 'wide' },
    { key: 'exposureMs.p50', title: 'Exposure p50 ms', kind: 'number', from: 'wide' },
    { key: 'exposureMs.p99', title: 'Exposure p99 ms', kind: 'number', from: 'wide' },
    { key: 'naive.exposureMs.p50', title: 'Naive p50 ms', kind: 'number', from: 'wide' },
    { key: 'naive.exposureMs.p99', title: 'Naive p99 ms', kind: 'number', from: 'wide' },
    { key: 'naive.exposureMs.max', title: 'Naive max ms', kind: 'number', from: 'wide' },
    { key: 'naive.leewayMs', title: 'Naive leeway ms', kind: 'number', from: 'wide' },
    { key: 'stale', kind: 'number', from: 'wide' },
    { key: 'staleMs', title: 'Stale ms', kind: 'number', from: 'wide' },
    { key: 'revocations', kind: 'number', from: 'wide' },
    { key: 'renewals', kind: 'number', from: 'wide' },
    { key: 'bytesPerVerifier', title: 'Bytes a verifier', kind: 'number', from: 'wide' },
    { key: 'tokens', kind: 'number', from: 'wide' },
    { key: 'events', kind: 'number', from: 'wide' },
    { key: 'virtualSeconds', title: 'Virtual time', kind: 'seconds', from: 'wide' },
    { key: 'seeds', kind: 'number', from: 'wide' },
    { key: 'verifiers', from: 'fields' },
    { key: 'violations', from: 'fields' },
    { key: 'faults', from: 'fields' },
    { key: 'seen', kind: 'map', from: 'fields' },
  ],
})

/** A row of the table under a report: one verifier, ours and the naive check in the same place. */
export interface VerifierRow {
  readonly name: string
  /** How its wall clock is wrong: `5m behind`. */
  readonly clock: string
  readonly decisions: number
  readonly ours: SimulatedVerifier['naive']
  readonly naive: SimulatedVerifier['naive']
}

export const verifierShape = shape<VerifierRow>({
  kind: 'verifier',
  id: ({ name }) => name,
  columns: [
    { key: 'name', title: 'Verifier', keep: true },
    { key: 'clock', keep: true },
    { key: 'decisions', kind: 'number', from: 'wide' },
    { key: 'ours.falseAccepts', title: 'Ours late', kind: 'number', keep: true },
    { key: 'ours.falseRefusals', title: 'Ours refused', kind: 'number', keep: true },
    { key: 'naive.falseAccepts', title: 'Naive late', kind: 'number', keep: true },
    { key: 'naive.falseRefusals', title: 'Naive refused', kind: 'number', keep: true },
  ],
})
