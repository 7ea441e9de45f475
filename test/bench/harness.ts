import { spawnSync } from 'node:child_process'
import { performance } from 'node:perf_hooks'

/** What is measured: a figure of ours, and what it is held against in the same run. */
export interface Row {
  readonly name: string
  /** What is better: a small ratio, a small figure, or a large one. */
  readonly figure: string
  readonly ours: string
  readonly peer: string
  readonly measured: number
  readonly target: string
  readonly isReached: boolean
}

export interface Suite {
  readonly name: string
  readonly run: (options: BenchOptions) => Promise<readonly Row[]>
}

export interface BenchOptions {
  readonly isQuick: boolean
}

/**
 * Times functions in turn, round after round: the machine's speed drifts, and what is compared must
 * drift together. Answers the median of each, in milliseconds. The first round warms up.
 */
export async function interleaved<K extends string>(
  rounds: number,
  works: Readonly<Record<K, () => unknown>>,
): Promise<Record<K, number>> {
  const names = Object.keys(works) as K[]
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    K,
    number[]
  >
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const begun = performance.now()
      await works[name]()
      const elapsed = performance.now() - begun
      if (0 < round) times[name].push(elapsed)
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])])) as Record<K, number>
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

export interface ProcessSpec {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs a whole process of this very Node, and fails loudly where it does. */
export function node({ args, env = {}, input }: ProcessSpec): string {
  const { status, stderr, stdout } = spawnSync(process.execPath, [...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 512 * 1024 * 1024,
    ...(input === undefined ? {} : { input }),
  })
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`)
  return stdout
}

/** A row of a ratio that should be at most `most`. */
export function atMost(
  name: string,
  [ours, peer]: readonly [{ label: string; ms: number }, { label: string; ms: number }],
  most: number,
): Row {
  const ratio = ours.ms / peer.ms
  return {
    name,
    figure: `${ratio.toFixed(2)} ×`,
    ours: `${ours.label} ${milliseconds(ours.ms)}`,
    peer: `${peer.label} ${milliseconds(peer.ms)}`,
    measured: ratio,
    target: `≤ ${most} ×`,
    isReached: ratio <= most,
  }
}

/** A row of a rate that should be at least `least`, a second. */
export function rateAtLeast(
  name: string,
  { label, perSecond }: { readonly label: string; readonly perSecond: number },
  least: number,
): Row {
  return {
    name,
    figure: `${count(perSecond)}/s`,
    ours: label,
    peer: '',
    measured: perSecond,
    target: `≥ ${count(least)}/s`,
    isReached: least <= perSecond,
  }
}

export const count = (value: number): string => Math.round(value).toLocaleString('en-GB')
export const milliseconds = (ms: number): string =>
  ms < 10 ? `${ms.toPrecision(2)} ms` : `${Math.round(ms)} ms`
