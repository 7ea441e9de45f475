import {
  isCoreScenario,
  type SimulatedVerifier,
  type SimulationReport,
  type Violation,
} from '#contract/simulation.ts'
import { formatDuration } from '#kernel/duration.ts'
import type { VerifierRow } from './shape.ts'

/** A report in sentences, for somebody who has read nothing about it. */
export function headlineOf(report: SimulationReport): readonly string[] {
  const told = isCoreScenario(report.scenario)
    ? revocationLines(report)
    : [...verdictLines(report), measureLine(report)]
  return [...faultLines(report), '', ...told]
}

/** Of a run in which things are revoked: how long what was revoked was accepted, and what it cost. */
function revocationLines(report: SimulationReport): string[] {
  const { decisions, tokens, revocations, renewals, seeds, virtualSeconds, naive } = report
  const { boundMs, exposureMs, falseAccepts, falseRefusals, staleMs, violations } = report
  const minutes = (staleMs / 60_000 / seeds).toFixed(1)
  return [
    `${count(decisions, 'decision')} on ${count(tokens, 'token')}, ${count(revocations, 'revocation')} and ${count(renewals, 'renewal')} in ${formatDuration(virtualSeconds)} of virtual time.`,
    `From a revocation to the last acceptance: p50 ${span(exposureMs.p50)}, p99 ${span(exposureMs.p99)}, at most ${span(exposureMs.max)}, within the bound of ${span(boundMs)}. A check of \`exp\` alone: p50 ${span(naive.exposureMs.p50)}, at most ${span(naive.exposureMs.max)}.`,
    `${count(falseAccepts, 'false accept')} and ${count(falseRefusals, 'false refusal')} of ours, ${count(naive.falseAccepts, 'false accept')} of the naive check.`,
    `The verifiers together could not know for ${minutes} minutes a run, and said so; each sent and was sent ${grouped(report.bytesPerVerifier)} bytes a run.`,
    violations.length === 0
      ? 'No invariant broke.'
      : `Ours broke an invariant ${times(violations.length)}.`,
  ]
}

const FAULT_SEEDS_MAX = 3

/** What was wrong in this world, before what came of it. */
function faultLines({ faults, seeds }: SimulationReport): string[] {
  const shown = faults.slice(0, FAULT_SEEDS_MAX)
  const lines = shown.flatMap(({ seed, drawn }) => [
    `Faults drawn from seed ${seed}:`,
    ...drawn.map((fault) => `  ${fault}`),
  ])
  if (shown.length < seeds) lines.push(`and those of ${seeds - shown.length} more seeds (-o json)`)
  return lines
}

function verdictLines(report: SimulationReport): string[] {
  const { decisions, tokens, naive, boundMs, exposureMs, violations, virtualSeconds } = report
  const where = `${count(decisions, 'decision')} on ${count(tokens, 'token')} in ${formatDuration(virtualSeconds)} of virtual time`
  const accepted =
    naive.falseAccepts === 0
      ? 'accepted no expired token'
      : `accepted expired tokens ${times(naive.falseAccepts)}, for up to ${span(naive.exposureMs.max)} after their expiry`
  const refused =
    naive.falseRefusals === 0 ? '' : `, and refused valid ones ${times(naive.falseRefusals)}`
  const unsure = report.stale === 0 ? '' : ` It could not know ${times(report.stale)}, and said so.`
  return [
    `${where}, each judged twice.`,
    `The naive check ${accepted}${refused}.`,
    violations.length === 0
      ? `Ours did neither: its last acceptance came ${span(exposureMs.max)} after an expiry, within the bound of ${span(boundMs)}.${unsure}`
      : `Ours broke an invariant ${times(violations.length)}.${unsure}`,
  ]
}

function measureLine({ boundMs, naive }: SimulationReport): string {
  const leeway =
    naive.leewayMs === boundMs ? '' : ` The naive check has a leeway of ${span(naive.leewayMs)}.`
  return `(Late: accepted later than expiry + ${span(boundMs)}. Refused: refused while valid. Both in the authority’s time.${leeway})`
}

/** What happened before an invariant broke, and how to see it again. */
export const violationLines = (violations: readonly Violation[]): readonly string[] =>
  violations.flatMap(({ seed, invariant, verifier, story, replay }) => [
    `${invariant} broke${verifier === null ? '' : ` at ${verifier}`} (seed ${seed}):`,
    ...story.map((line) => `  ${line}`),
    `  again: ${replay}`,
  ])

export const rowOf = (verifier: SimulatedVerifier): VerifierRow => ({
  name: verifier.name,
  clock: clockText(verifier.offsetMs),
  decisions: verifier.decisions,
  ours: { falseAccepts: verifier.falseAccepts, falseRefusals: verifier.falseRefusals },
  naive: verifier.naive,
})

function clockText(offsetMs: number): string {
  if (offsetMs === 0) return 'right'
  const tenths = Math.round(Math.abs(offsetMs) / 100) * 100
  return `${span(tenths)} ${offsetMs < 0 ? 'behind' : 'ahead'}`
}

/** `1.733s` below ten seconds, whole seconds above, rounded up. */
function span(milliseconds: number): string {
  if (milliseconds % 1000 === 0 || 10_000 < milliseconds) {
    return formatDuration(Math.ceil(milliseconds / 1000))
  }
  return `${milliseconds / 1000}s`
}

const grouped = (number: number): string => String(number).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
const count = (number: number, noun: string): string =>
  `${grouped(number)} ${noun}${number === 1 ? '' : 's'}`
const times = (number: number): string => (number === 1 ? 'once' : `${grouped(number)} times`)
