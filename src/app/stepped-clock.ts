import { partedMicros } from '#domain/feed/clock-guard.ts'
import { refuse } from '#kernel/problem.ts'
import type { Deps } from './deps.ts'
import { feedNode } from './feed-node.ts'

/**
 * Refuses `clock-stepped` where authority time is seen to part from this node's own clock, and from
 * then on until an operator confirms the clock at the next start. `timeMicros` is what a commit made
 * now would write; nothing is written where it is refused, so the feed never takes a wrong time on.
 */
export function refuseSteppedClock(deps: Deps, timeMicros: number): void {
  const node = feedNode(deps.store)
  if (node.stopped === undefined && deps.steadyMicros !== undefined) {
    const parted = partedMicros(node.clock, { timeMicros, steadyMicros: deps.steadyMicros() })
    if (parted !== undefined) stopForClock(deps, describeStep(parted))
  }
  if (node.stopped === undefined) return
  refuse('clock-stepped', node.stopped.detail, {
    next: 'set the clock right (timedatectl), then restart with `credctl serve --confirm-clock`; revoking still works',
  })
}

/** Remembers the two clocks as they stood at a head or, while nobody listens, at a look at the feed. */
export function rememberClock(deps: Deps, timeMicros: number): void {
  const node = feedNode(deps.store)
  if (deps.steadyMicros === undefined || node.stopped !== undefined) return
  node.clock = { timeMicros, steadyMicros: deps.steadyMicros() }
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
