/**
 * What `credctl simulate` takes and answers, without zod: the command line offers the scenarios and
 * prints the report, and the simulator behind it is loaded only when one runs.
 */
export const scenarios = [
  {
    name: 'lifecycle',
    summary: 'Tokens are issued, used, renewed and expire, while the signing key is rotated',
  },
  {
    name: 'clock-skew',
    summary: 'Verifiers whose wall clocks are wrong by up to --skew see tokens expire',
  },
  {
    name: 'partition',
    summary: 'Verifiers are cut off for a while, one way or both, while credentials are revoked',
  },
  {
    name: 'message-loss',
    summary: 'Messages are lost, doubled, late and cut short, while credentials are revoked',
  },
  {
    name: 'authority-down',
    summary: 'Nodes of the authority crash and come back, keys rotate, a backup is brought back',
  },
  {
    name: 'bulk-revocation',
    summary:
      'Whole clients are revoked, blocked and lifted under load, and everybody renews at once',
  },
  {
    name: 'swarm',
    summary:
      'Everything at once, drawn from the seed: network, clocks, crashes, load, an adversary',
  },
] as const
/** What a run is given where nothing is said; the scenarios of cores are shorter, and larger. */
export const defaultsOf = (
  scenario: ScenarioName,
): { readonly verifiers: number; readonly minutes: number; readonly ttlSeconds: number } =>
  isCoreScenario(scenario)
    ? { verifiers: 40, minutes: 5, ttlSeconds: 90 }
    : { verifiers: 10, minutes: 60, ttlSeconds: 600 }

/** The scenarios of the full stack are about time; all the others are played by cores. */
export const isCoreScenario = (scenario: ScenarioName): boolean =>
  scenario !== 'lifecycle' && scenario !== 'clock-skew'

export type ScenarioName = (typeof scenarios)[number]['name']
export const scenarioNames: readonly ScenarioName[] = scenarios.map(({ name }) => name)

/** Above these a run would end in days, or not fit into memory. */
export const simulationLimits = {
  verifiersMax: 1000,
  minutesMax: 10_080,
  seedsMax: 100_000,
  seedMax: 2 ** 32 - 1,
  skewSecondsMax: 86_400,
  leewaySecondsMax: 3600,
  lossPercentMax: 90,
  ttlSecondsMax: 86_400,
} as const

export interface SimulationRequest {
  readonly scenario: ScenarioName
  readonly seed: number
  /** How many runs, with this seed and those that follow it. */
  readonly seeds: number
  readonly verifiers: number
  /** For how long tokens are issued, virtual minutes; the run goes on until the last has expired. */
  readonly minutes: number
  readonly skewSeconds: number
  readonly ttlSeconds: number
  /** Of our verifier, and the measure of a false accept. */
  readonly leewaySeconds: number
  /** Of the naive check. */
  readonly naiveLeewaySeconds: number
  /** How many messages are lost, percent; drawn, where it is left out. */
  readonly lossPercent?: number | undefined
  /** Of the verifiers; `mixed`, each its own, where it is left out. */
  readonly mode?: SimulatedMode | undefined
}

export const simulatedModes = ['strict', 'standard', 'relaxed', 'mixed'] as const
export type SimulatedMode = (typeof simulatedModes)[number]

export interface Counts {
  readonly decisions: number
  readonly falseAccepts: number
  readonly falseRefusals: number
}

export interface Exposure {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export interface SimulatedVerifier extends Counts {
  readonly name: string
  /** Of its wall clock from the authority's, as it was set at the start. */
  readonly offsetMs: number
  readonly driftPpm: number
  readonly naive: { readonly falseAccepts: number; readonly falseRefusals: number }
}

export interface Violation {
  readonly seed: number
  /** Its name in the list of invariants. */
  readonly invariant: string
  readonly verifier: string | null
  /** Authority time. */
  readonly at: string
  /** What led to it, in order. */
  readonly story: readonly string[]
  /** The command that shows it again. */
  readonly replay: string
}

export interface SimulationReport extends Counts {
  readonly scenario: ScenarioName
  readonly seed: number
  readonly seeds: number
  /** SHA-256 over everything that happened; equal for equal requests. */
  readonly traceHash: string
  readonly naive: {
    readonly falseAccepts: number
    readonly falseRefusals: number
    readonly exposureMs: Exposure
    readonly leewayMs: number
  }
  /** How long after its expiry a verifier last accepted a token, over all tokens and verifiers. */
  readonly exposureMs: Exposure
  readonly boundMs: number
  readonly verifiers: readonly SimulatedVerifier[]
  readonly violations: readonly Violation[]
  /** Decisions that said "cannot know"; those without excuse are false refusals as well. */
  readonly stale: number
  readonly tokens: number
  /** Tokens that took the place of others, as a client's renewal does. */
  readonly renewals: number
  readonly revocations: number
  /** How long verifiers could say nothing, all of them together. */
  readonly staleMs: number
  /** What one verifier sent and was sent, on average. */
  readonly bytesPerVerifier: number
  readonly events: number
  readonly virtualSeconds: number
  /** The drawn faults of each run. */
  readonly faults: readonly { readonly seed: number; readonly drawn: readonly string[] }[]
  /** How often what must be seen somewhere was seen. */
  readonly seen: Readonly<Record<string, number>>
}

export interface SimulationProgress {
  readonly seed: number
  /** From 0 to 1, of all runs. */
  readonly done: number
}
