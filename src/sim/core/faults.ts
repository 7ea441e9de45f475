import { formatDuration } from '#kernel/duration.ts'
import { type Chance, chanceOf } from '#sim/chance.ts'
import type { ClockFault } from '#sim/clocks.ts'
import type { CorePlan } from './plan.ts'

/** How the network treats messages. */
export interface Weather {
  readonly delayMicrosMin: number
  readonly delayMicrosMax: number
  readonly tailRatio: number
  readonly tailMicrosMax: number
  readonly lossRatio: number
  readonly duplicateRatio: number
  readonly truncateRatio: number
}

/** A time in which a verifier and a node of the authority do not reach each other. */
export interface Cut {
  readonly fromMicros: number
  readonly toMicros: number
  /** Which node; `undefined`: none of them. */
  readonly node: number | undefined
  readonly direction: 'both' | 'up' | 'down'
  /** Half of each such period the path is there after all. */
  readonly flapMicros: number | undefined
}

export interface ProcessFault {
  readonly atMicros: number
  readonly kind: 'crash' | 'suspend' | 'stall'
  readonly forMicros: number
}

export type AuthorityFault =
  | {
      readonly atMicros: number
      readonly kind: 'crash'
      readonly node: number
      readonly forMicros: number
    }
  | { readonly atMicros: number; readonly kind: 'rotate'; readonly purpose: 'token' | 'feed' }
  | { readonly atMicros: number; readonly kind: 'steal-key' | 'back-up' | 'restore' | 'compact' }

export interface Adversary {
  readonly replayRatio: number
  /** A proxy that passes heads and keeps entries back, for some verifiers. */
  readonly withholdRatio: number
  readonly forgeRatio: number
  readonly liesRatio: number
  /** Whether tokens are sent that ask for what nobody knows, so that verifiers have to ask too. */
  readonly puzzles: boolean
}

/** What is wrong in one run, drawn from its seed before anything happens. */
export interface CoreFaults {
  readonly weather: Weather
  readonly cuts: readonly (readonly Cut[])[]
  readonly nodeClocks: readonly ClockFault[]
  readonly verifierClocks: readonly ClockFault[]
  readonly processes: readonly (readonly ProcessFault[])[]
  readonly authority: readonly AuthorityFault[]
  readonly adversary: Adversary
  /** Transactions of which some statements take this long at most; 0: none. */
  readonly slowStatementMicros: number
  /** How much more is asked of everything than on a quiet day. */
  readonly churn: number
  readonly said: readonly string[]
}

const MS = 1000
const SECOND = 1_000_000
const VERIFIER_PPM_MAX = 140
const NODE_PPM_MAX = 50
/** Clocks of two nodes, and jumps of them, stay together within the 250 ms of the verifiers' bound. */
const NODE_OFFSET_MICROS_MAX = 60 * MS
const NODE_STEP_MICROS_MAX = 60 * MS
/** The clock of a node that is alone may jump by all of that: by more it stops signing. */
export const LONE_STEP_MICROS = 250 * MS

export const fairCoreWeather: Weather = {
  delayMicrosMin: MS / 10,
  delayMicrosMax: 20 * MS,
  tailRatio: 0,
  tailMicrosMax: 5 * SECOND,
  lossRatio: 0,
  duplicateRatio: 0,
  truncateRatio: 0,
}

interface Drawing {
  readonly plan: CorePlan
  readonly seed: number
  readonly said: string[]
  /** Whether a family is on in this run; the scenario may have decided. */
  readonly has: (family: Family, chance: Chance) => boolean
}

export const families = [
  'network',
  'partition',
  'clock',
  'process',
  'authority',
  'load',
  'adversary',
] as const
export type Family = (typeof families)[number]

/** Draws the faults of a run: each family is off with probability 0.4, else of random strength. */
export function drawCoreFaults(plan: CorePlan, seed: number): CoreFaults {
  const said: string[] = []
  const { only } = plan
  const has: Drawing['has'] = (family, chance) => {
    const lot = chance.happens(0.4)
    return only === undefined ? !lot : only.includes(family)
  }
  const drawing: Drawing = { plan, seed, said, has }
  const load = chanceOf(seed, 'load')
  const isLoaded = has('load', load)
  const churn = isLoaded ? 1 + load.unit() * 9 : 1
  if (isLoaded) said.push(`load: ${churn.toFixed(1)} times the usual churn`)
  return {
    weather: drawWeather(drawing),
    cuts: drawCuts(drawing),
    ...drawClocks(drawing),
    processes: drawProcesses(drawing),
    authority: drawAuthority(drawing),
    adversary: drawAdversary(drawing),
    slowStatementMicros: isLoaded && load.happens(0.7) ? load.between(10 * MS, 2 * SECOND) : 0,
    churn,
    said,
  }
}

const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`

function drawWeather({ plan, seed, said, has }: Drawing): Weather {
  const chance = chanceOf(seed, 'weather')
  const isOn = has('network', chance)
  const draw = (most: number): number => {
    const value = chance.happens(0.4) ? 0 : chance.unit() * most
    return isOn ? value : 0
  }
  const lossRatio = plan.lossRatio ?? draw(0.3)
  const weather: Weather = {
    ...fairCoreWeather,
    delayMicrosMax: isOn ? chance.between(5 * MS, 80 * MS) : fairCoreWeather.delayMicrosMax,
    tailRatio: draw(0.1),
    lossRatio,
    duplicateRatio: draw(0.5),
    truncateRatio: draw(0.02),
  }
  const { tailRatio, duplicateRatio, truncateRatio, delayMicrosMax } = weather
  const parts = [`network: messages take up to ${Math.round(delayMicrosMax / MS)} ms`]
  if (0 < tailRatio) parts.push(`${percent(tailRatio)} of them up to 5 s`)
  if (0 < lossRatio) parts.push(`${percent(lossRatio)} are lost`)
  if (0 < duplicateRatio) parts.push(`${percent(duplicateRatio)} come twice`)
  if (0 < truncateRatio) parts.push(`${(truncateRatio * 100).toFixed(1)} % are cut short`)
  said.push(parts.join(', '))
  return weather
}

/** Now and then one lasts for as long as the run allows, up to this. */
const CUT_MICROS_MAX = 7200 * SECOND

function drawCuts({ plan, seed, said, has }: Drawing): Cut[][] {
  const { verifiers, actMicros, startMicros, nodes } = plan
  const family = chanceOf(seed, 'cuts')
  const cuts: Cut[][] = Array.from({ length: verifiers }, () => [])
  if (!has('partition', family)) return cuts
  const count = family.between(1, 4)
  for (let n = 0; n < count; n++) {
    const chance = chanceOf(seed, 'cut', n)
    const [from, to] = chance.pick([
      [chance.between(0, verifiers - 1), -1],
      [0, Math.ceil(verifiers / 2) - 1],
      [Math.floor(verifiers / 3), Math.floor((2 * verifiers) / 3)],
      [0, verifiers - 1],
    ] as const)
    const mostMicros = Math.min(CUT_MICROS_MAX, actMicros / 2)
    const isLong = chance.happens(0.25)
    const forMicros = isLong ? Math.floor(mostMicros) : drawSpan(chance, mostMicros)
    const fromMicros = startMicros + Math.floor(chance.unit() * actMicros * 0.9)
    const cut: Cut = {
      fromMicros,
      toMicros: fromMicros + forMicros,
      node: chance.happens(0.3) ? chance.between(0, nodes - 1) : undefined,
      direction: isLong ? 'both' : chance.pick(['both', 'both', 'up', 'down']),
      flapMicros:
        !isLong && chance.happens(0.2) ? chance.between(SECOND / 5, 5 * SECOND) : undefined,
    }
    const last = to === -1 ? from : to
    for (let i = from; i <= last; i++) cuts[i]?.push(cut)
    const which = last === from ? `verifier ${from + 1}` : `verifiers ${from + 1} to ${last + 1}`
    const how = cut.direction === 'both' ? '' : `, one way (${cut.direction})`
    const flaps = cut.flapMicros === undefined ? '' : ', flapping'
    const about = formatDuration(Math.ceil(forMicros / SECOND))
    said.push(`partition: ${which} cut off for ${about}${how}${flaps}`)
  }
  return cuts
}

/** From a tenth of a second up, each order of magnitude as likely as the next. */
const drawSpan = (chance: Chance, mostMicros: number): number =>
  Math.floor((SECOND / 10) * Math.max(1, mostMicros / (SECOND / 10)) ** chance.unit())

function drawClocks({
  plan,
  seed,
  said,
  has,
}: Drawing): Pick<CoreFaults, 'nodeClocks' | 'verifierClocks'> {
  const family = chanceOf(seed, 'clocks')
  const isOn = has('clock', family)
  const { verifiers, nodes, skewMicros, startMicros, actMicros } = plan
  const some = family.happens(0.5) ? VERIFIER_PPM_MAX : family.between(20, VERIFIER_PPM_MAX)
  const drift = isOn && !family.happens(0.3) ? some : 0
  if (0 < skewMicros) {
    said.push(`clocks: verifiers wrong by up to ±${formatDuration(Math.ceil(skewMicros / SECOND))}`)
  }
  if (0 < drift) said.push(`clocks: drift of up to ±${drift} ppm`)
  const verifierClocks = Array.from({ length: verifiers }, (_, i): ClockFault => {
    const chance = chanceOf(seed, 'verifier-clock', i)
    const driftPpm = drawDrift(chance, drift)
    const offsetMicros = chance.between(-skewMicros, skewMicros)
    // Somebody sets the wall clock, by which nothing of ours is decided.
    const steps = Array.from({ length: isOn ? chance.between(0, 2) : 0 }, () => ({
      atMicros: startMicros + Math.floor(chance.unit() * actMicros),
      byMicros: chance.between(-skewMicros, skewMicros),
    }))
    return { offsetMicros, driftPpm, steps }
  })
  const nodeClocks = Array.from({ length: nodes }, (_, j): ClockFault => {
    const chance = chanceOf(seed, 'node-clock', j)
    if (!isOn) return { offsetMicros: 0, driftPpm: 0, steps: [] }
    const steps = chance.happens(0.3)
      ? []
      : [
          {
            atMicros: startMicros + Math.floor(chance.unit() * actMicros),
            byMicros: drawStep(chance, nodes),
          },
        ]
    const offsetMicros = chance.between(-NODE_OFFSET_MICROS_MAX, NODE_OFFSET_MICROS_MAX)
    said.push(`clocks: node ${j + 1} of the authority wrong by ${Math.round(offsetMicros / MS)} ms`)
    return { offsetMicros, driftPpm: drawDrift(chance, NODE_PPM_MAX), steps }
  })
  return { nodeClocks, verifierClocks }
}

/** Anything within the bounds, and often the bound itself. */
function drawDrift(chance: Chance, most: number): number {
  if (most === 0) return 0
  if (chance.happens(0.6)) return chance.between(-most, most)
  return chance.pick([-most, most])
}

const drawStep = (chance: Chance, nodes: number): number =>
  nodes === 1 && chance.happens(0.8)
    ? chance.pick([-LONE_STEP_MICROS, LONE_STEP_MICROS, LONE_STEP_MICROS])
    : chance.between(-NODE_STEP_MICROS_MAX, NODE_STEP_MICROS_MAX)

function drawProcesses({ plan, seed, said, has }: Drawing): ProcessFault[][] {
  const { verifiers, startMicros, actMicros } = plan
  const family = chanceOf(seed, 'processes')
  const isOn = has('process', family)
  const ratio = isOn ? 0.05 + family.unit() * 0.5 : 0
  const isStorm = isOn && family.happens(0.3)
  const stormMicros = startMicros + Math.floor(family.unit() * actMicros)
  let count = 0
  const processes = Array.from({ length: verifiers }, (_, i): ProcessFault[] => {
    const chance = chanceOf(seed, 'process', i)
    const faults: ProcessFault[] = []
    for (let k = 0; k < 3; k++) {
      if (!chance.happens(ratio)) continue
      const kind = chance.pick(['crash', 'suspend', 'stall'] as const)
      const most = kind === 'stall' ? 10 * SECOND : 60 * SECOND
      const after = Math.floor(chance.unit() * actMicros)
      // When the act ends, everybody is there again.
      const forMicros = Math.min(drawSpan(chance, most), actMicros - after)
      faults.push({ atMicros: startMicros + after, kind, forMicros })
    }
    if (isStorm && chance.happens(0.8)) {
      faults.push({
        atMicros: stormMicros + chance.between(0, 2 * SECOND),
        kind: 'crash',
        forMicros: SECOND,
      })
    }
    count += faults.length
    return faults.toSorted((a, b) => a.atMicros - b.atMicros)
  })
  if (0 < count) said.push(`processes: ${count} crashes, suspends and stalls of verifiers`)
  if (isStorm) said.push('processes: a storm of restarts')
  return processes
}

function drawAuthority({ plan, seed, said, has }: Drawing): AuthorityFault[] {
  const { nodes, startMicros, actMicros } = plan
  const chance = chanceOf(seed, 'authority')
  if (!has('authority', chance)) return []
  const faults: AuthorityFault[] = []
  const some = (): number => startMicros + Math.floor(chance.unit() * actMicros)
  for (let n = chance.between(0, 3); 0 < n; n--) {
    const forMicros = drawSpan(chance, 40 * SECOND)
    const node = chance.between(0, nodes - 1)
    faults.push({ atMicros: some(), kind: 'crash', node, forMicros })
    const down = (forMicros / SECOND).toFixed(1)
    said.push(`authority: node ${node + 1} crashes and is down for ${down} s`)
  }
  if (chance.happens(0.5)) faults.push({ atMicros: some(), kind: 'rotate', purpose: 'token' })
  if (chance.happens(0.3)) faults.push({ atMicros: some(), kind: 'rotate', purpose: 'feed' })
  if (chance.happens(0.3)) faults.push({ atMicros: some(), kind: 'steal-key' })
  if (chance.happens(0.5)) faults.push({ atMicros: some(), kind: 'compact' })
  if (chance.happens(0.15)) {
    faults.push({ atMicros: startMicros + Math.floor(actMicros * 0.3), kind: 'back-up' })
    faults.push({ atMicros: startMicros + Math.floor(actMicros * 0.7), kind: 'restore' })
  }
  // Whoever is past a feed key that the backup does not know has to be pinned anew, by hand.
  const isRestored = faults.some(({ kind }) => kind === 'restore')
  const drawn = faults.filter(
    (it) => !(isRestored && it.kind === 'rotate' && it.purpose === 'feed'),
  )
  for (const { kind } of drawn) {
    if (kind === 'rotate') said.push('authority: a key is rotated')
    if (kind === 'steal-key') said.push('authority: the signing key is stolen, and revoked')
    if (kind === 'compact') said.push('authority: the feed is compacted')
    if (kind === 'restore') said.push('authority: an old backup is brought back')
  }
  return drawn.toSorted((a, b) => a.atMicros - b.atMicros)
}

function drawAdversary({ seed, said, has }: Drawing): Adversary {
  const chance = chanceOf(seed, 'adversary')
  const isOn = has('adversary', chance)
  const draw = (most: number): number => {
    const value = chance.happens(0.4) ? 0 : chance.unit() * most
    return isOn ? value : 0
  }
  const adversary: Adversary = {
    replayRatio: draw(0.2),
    withholdRatio: draw(0.3),
    forgeRatio: draw(0.05),
    liesRatio: draw(0.3),
    puzzles: isOn,
  }
  const { replayRatio, withholdRatio, forgeRatio, liesRatio } = adversary
  if (0 < replayRatio) said.push(`adversary: ${percent(replayRatio)} of the heads are old ones`)
  if (0 < withholdRatio)
    said.push(`adversary: entries kept from ${percent(withholdRatio)} of verifiers`)
  if (0 < forgeRatio) said.push(`adversary: ${percent(forgeRatio)} of the entries are forged`)
  if (0 < liesRatio) said.push(`adversary: acknowledgements of what never was`)
  return adversary
}
