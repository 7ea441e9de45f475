import type { SimulationRequest } from '#contract/simulation.ts'
import type { VerifierMode } from '#domain/feed/head.ts'
import type { Family } from './faults.ts'

/** What a run of the core tier does, over its knobs. */
export interface CorePlan {
  readonly startMicros: number
  /** The act in which faults happen; then all heals, and everything must converge. */
  readonly actMicros: number
  readonly healMicros: number
  readonly verifiers: number
  /** Signing nodes over one database. */
  readonly nodes: number
  readonly clients: number
  readonly ttlSeconds: number
  readonly leewayMicros: number
  readonly skewMicros: number
  /** Given by the user; else drawn. */
  readonly lossRatio: number | undefined
  readonly mode: VerifierMode | 'mixed'
  /** The families of faults there are; `undefined`: each is drawn. */
  readonly only: readonly Family[] | undefined
  /** How often a verifier is asked to decide, in a second. */
  readonly decisionsPerSecond: number
  /** How often an operator does something, seconds on average. */
  readonly operatorSeconds: number
  /** Above this many entries behind, a verifier takes the snapshot. */
  readonly entriesKept: number
}

const SECOND = 1_000_000
const MINUTE = 60 * SECOND

/** 2026-11-23T19:08:00Z, when every world begins. */
export const BEGINNING_MICROS = 1_795_460_880_000_000

const only: Readonly<Record<string, readonly Family[] | undefined>> = {
  partition: ['partition', 'clock'],
  'message-loss': ['network'],
  'authority-down': ['authority'],
  'bulk-revocation': ['load'],
  swarm: undefined,
}

export const corePlanOf = (request: SimulationRequest, seed: number): CorePlan => ({
  startMicros: BEGINNING_MICROS,
  actMicros: request.minutes * MINUTE,
  healMicros: 45 * SECOND,
  verifiers: request.verifiers,
  nodes: request.scenario === 'authority-down' || seed % 2 === 0 ? 2 : 1,
  clients: 12,
  ttlSeconds: request.ttlSeconds,
  leewayMicros: request.leewaySeconds * SECOND,
  skewMicros: request.skewSeconds * SECOND,
  lossRatio: request.lossPercent === undefined ? undefined : request.lossPercent / 100,
  mode: request.mode ?? 'mixed',
  only: only[request.scenario],
  decisionsPerSecond: 10,
  operatorSeconds: request.scenario === 'bulk-revocation' ? 4 : 8,
  entriesKept: seed % 4 < 2 ? 5 : 24,
})
