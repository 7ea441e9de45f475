import { formatDuration } from '#kernel/duration.ts'
import { chanceOf } from './chance.ts'
import type { ClockFault } from './clocks.ts'
import type { Weather } from './link.ts'

/** What is wrong in one run, drawn from its seed before anything happens. */
export interface Faults {
  readonly weather: Weather
  readonly verifierClocks: readonly ClockFault[]
  readonly authorityClock: ClockFault
  /** For each verifier, when it can reach nobody. */
  readonly partitions: readonly (readonly Span[])[]
  /** The faults as sentences, for whoever runs it. */
  readonly said: readonly string[]
}

export interface Span {
  readonly fromMicros: number
  readonly toMicros: number
}

export interface FaultPlan {
  readonly seed: number
  readonly verifiers: number
  readonly skewSeconds: number
  readonly startMicros: number
  readonly durationMicros: number
}

const MS = 1000
const SECOND = 1_000_000
/** Verifier and authority together stay within the 200 ppm that verifiers reckon with. */
const VERIFIER_PPM_MAX = 140
const AUTHORITY_PPM_MAX = 50
/** An authority stops signing when its clock jumps by more than 250 ms. */
const AUTHORITY_STEP_MICROS_MAX = 240 * MS

export const fairWeather: Weather = {
  delayMicrosMin: 2 * MS,
  delayMicrosMax: 80 * MS,
  tailRatio: 0,
  tailMicrosMax: 5 * SECOND,
  lossRatio: 0,
  duplicateRatio: 0,
  replayRatio: 0,
}

/** Draws the faults of a run: each family is off with probability 0.4, else of random strength. */
export function drawFaults(plan: FaultPlan): Faults {
  const said: string[] = []
  const weather = drawWeather(plan.seed, said)
  const verifierClocks = drawVerifierClocks(plan, said)
  const authorityClock = drawAuthorityClock(plan, said)
  const partitions = drawPartitions(plan, said)
  return { weather, verifierClocks, authorityClock, partitions, said }
}

const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`

function drawWeather(seed: number, said: string[]): Weather {
  const chance = chanceOf(seed, 'weather')
  const draw = (most: number): number => (chance.happens(0.4) ? 0 : chance.unit() * most)
  const tailRatio = draw(0.2)
  const lossRatio = draw(0.3)
  const duplicateRatio = draw(0.5)
  const replayRatio = draw(0.3)
  const parts = ['network: messages take 2 to 80 ms']
  if (0 < tailRatio) parts.push(`${percent(tailRatio)} of them up to 5 s`)
  if (0 < lossRatio) parts.push(`${percent(lossRatio)} are lost`)
  if (0 < duplicateRatio) parts.push(`${percent(duplicateRatio)} come twice`)
  said.push(parts.join(', '))
  if (0 < replayRatio) {
    said.push(`adversary: ${percent(replayRatio)} of the answers about time are old ones, replayed`)
  }
  return { ...fairWeather, tailRatio, lossRatio, duplicateRatio, replayRatio }
}

/** Offsets evenly over ± skew, the extremes included; the rest of what is wrong is drawn. */
function drawVerifierClocks(plan: FaultPlan, said: string[]): ClockFault[] {
  const { seed, verifiers, skewSeconds, startMicros, durationMicros } = plan
  const family = chanceOf(seed, 'verifier-clock')
  const driftPpmMax = family.happens(0.4) ? 0 : family.between(20, VERIFIER_PPM_MAX)
  const stepsMax = skewSeconds === 0 || family.happens(0.4) ? 0 : family.between(1, 3)
  if (0 < skewSeconds) {
    said.push(`clocks: offsets of the verifiers spread over ±${formatDuration(skewSeconds)}`)
  }
  if (0 < driftPpmMax) said.push(`clocks: drift of up to ±${driftPpmMax} ppm`)
  if (0 < stepsMax) said.push(`clocks: set by hand up to ${stepsMax} times a verifier`)
  return Array.from({ length: verifiers }, (_, i) => {
    const chance = chanceOf(seed, 'verifier-clock', i)
    const share = verifiers === 1 ? -1 : (2 * i) / (verifiers - 1) - 1
    const driftPpm = driftPpmMax === 0 ? 0 : chance.between(-driftPpmMax, driftPpmMax)
    const steps = Array.from({ length: stepsMax === 0 ? 0 : chance.between(0, stepsMax) }, () => ({
      atMicros: startMicros + Math.floor(chance.unit() * durationMicros),
      byMicros: Math.floor((chance.unit() - 0.5) * skewSeconds * SECOND),
    }))
    return { offsetMicros: Math.round(share * skewSeconds * SECOND), driftPpm, steps }
  })
}

/** True time is what the authority's clock was set by, so it has no offset of its own. */
function drawAuthorityClock(plan: FaultPlan, said: string[]): ClockFault {
  const chance = chanceOf(plan.seed, 'authority-clock')
  const driftPpm = chance.happens(0.4) ? 0 : chance.between(-AUTHORITY_PPM_MAX, AUTHORITY_PPM_MAX)
  const steps = chance.happens(0.5)
    ? []
    : [
        {
          atMicros: plan.startMicros + Math.floor(chance.unit() * plan.durationMicros),
          byMicros: chance.between(-AUTHORITY_STEP_MICROS_MAX, AUTHORITY_STEP_MICROS_MAX),
        },
      ]
  for (const { byMicros } of steps) {
    said.push(`authority: its clock jumps once, by ${Math.round(byMicros / MS)} ms`)
  }
  return { offsetMicros: 0, driftPpm, steps }
}

function drawPartitions(plan: FaultPlan, said: string[]): Span[][] {
  const { seed, verifiers, startMicros, durationMicros } = plan
  const family = chanceOf(seed, 'partition')
  const ratio = family.happens(0.4) ? 0 : 0.1 + family.unit() * 0.5
  const spans = Array.from({ length: verifiers }, (_, i): Span[] => {
    const chance = chanceOf(seed, 'partition', i)
    if (!chance.happens(ratio)) return []
    const fromMicros = startMicros + Math.floor(chance.unit() * durationMicros)
    const longest = Math.min(7200 * SECOND, Math.ceil(durationMicros / 2))
    return [{ fromMicros, toMicros: fromMicros + chance.between(SECOND / 10, longest) }]
  })
  const cut = spans.filter((of) => 0 < of.length).length
  if (0 < cut) said.push(`partitions: ${cut} of ${verifiers} verifiers are cut off for a while`)
  return spans
}
