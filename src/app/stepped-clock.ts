import { reading, refuseClockBehind } from '#domain/feed/authority-time.ts'
import { type ClockReading, PARTED_MICROS_MAX, partedMicros } from '#domain/feed/clock-guard.ts'
import type { FeedState } from '#domain/feed/entry.ts'
import { refuse } from '#kernel/problem.ts'
import type { Deps } from './deps.ts'
import { feedNode } from './feed-node.ts'

/**
 * Refuses `clock-stepped` where authority time is seen to part from this node's own clock, and from
 * then on until an operator confirms the clock at the next start. It comes before a commit that would
 * take a wrong time on for good. What it has read is to be remembered once a head is out, and at a
 * look while nobody listens.
 */
export function refuseSteppedClock(deps: Deps, state: FeedState): ClockReading | undefined {
  const node = feedNode(deps.store)
  const now = readBoth(deps, state)
  const parted = now === undefined ? undefined : partedMicros(node.clock, now)
  if (node.stopped === undefined && parted !== undefined) stopForClock(deps, describeStep(parted))
  if (node.stopped === undefined) return now
  return refuse('clock-stepped', node.stopped.detail, {
    next: 'set the clock right (timedatectl), then restart with `credctl serve --confirm-clock`; revoking still works',
  })
}

/**
 * Refuses `clock-behind` to heads while the clock has still to catch up with the feed after a start.
 * Authority time stands still until then, but whoever is given it counts on from there: by more than
 * the step that verifiers allow for, they would call expired what is not.
 */
export function refuseStandingTime(
  { store, steadyMicros }: Deps,
  state: FeedState,
  clockMicros: number,
): void {
  if (steadyMicros === undefined || feedNode(store).clock !== undefined) return
  refuseClockBehind(state, clockMicros, PARTED_MICROS_MAX)
}

/** Readings that lie further apart were torn: the process stood still between them. */
const TORN_MICROS_MAX = 50_000
const TRIES = 3

/**
 * Both clocks at one instant; `undefined` where that cannot be had. While the clock has still to catch
 * up with the feed after a start, authority time stands still, which says nothing of anybody's clock.
 */
function readBoth(
  { store, clock, steadyMicros }: Deps,
  state: FeedState,
): ClockReading | undefined {
  if (steadyMicros === undefined) return undefined
  for (let i = 0; i < TRIES; i++) {
    const before = steadyMicros()
    const clockMicros = clock.now() * 1000
    const after = steadyMicros()
    if (TORN_MICROS_MAX < after - before) continue
    const { timeMicros } = reading(state, clockMicros)
    const isCatchingUp = PARTED_MICROS_MAX < timeMicros - clockMicros
    if (isCatchingUp && feedNode(store).clock === undefined) return undefined
    return { timeMicros, steadyMicros: after }
  }
  return undefined
}

export function rememberClock({ store }: Deps, now: ClockReading | undefined): void {
  if (now !== undefined) feedNode(store).clock = now
}

/** Looks at both clocks while nobody listens: two heads that lie a day apart could tell little. */
export async function watchClock(deps: Deps): Promise<void> {
  if (isClockStepped(deps)) return
  rememberClock(deps, refuseSteppedClock(deps, await deps.store.read((tx) => tx.feed())))
}

/** From now on this node signs nothing. */
export function stopForClock(deps: Deps, detail: string): void {
  feedNode(deps.store).stopped = { detail }
  deps.alarm?.('clock-stepped', detail)
}

export const isClockStepped = ({ store }: Deps): boolean => feedNode(store).stopped !== undefined

const describeStep = (parted: number): string => {
  const seconds = (Math.abs(parted) / 1_000_000).toFixed(3)
  const way = 0 < parted ? 'ahead of' : 'behind'
  return `the authority's time went ${seconds} s ${way} this machine's own clock, so somebody set a clock`
}
