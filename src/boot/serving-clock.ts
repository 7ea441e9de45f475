import { uptime } from 'node:os'
import type { Clock } from '#kernel/clock.ts'
import { instant } from '#kernel/instant.ts'
import { systemClock } from './system.ts'

/** The wall clock of a server, which an operator may have told to run on from the feed's time. */
export interface ServingClock extends Clock {
  /**
   * From now on it is ahead of the machine's by what it was behind: authority time, which never goes
   * back, passes at the pace of time itself.
   */
  runOnFrom(timeMicros: number): void
}

export function servingClock(): ServingClock {
  let aheadMs = 0
  return {
    now: () => instant(systemClock.now() + aheadMs),
    sleep: (durationMs) => systemClock.sleep(durationMs),
    runOnFrom(timeMicros) {
      aheadMs = Math.max(0, Math.ceil(timeMicros / 1000) - systemClock.now())
    },
  }
}

/**
 * A clock that nobody can set and that runs on in suspend, microseconds. On Linux that is the time
 * since boot, in steps of 10 ms; elsewhere that one follows the wall clock or has whole seconds, so
 * there it is Node's own, which may stand still in suspend: then the operator is asked once too often.
 */
export const steadyMicros = (): number =>
  process.platform === 'linux'
    ? Math.round(uptime() * 1_000_000)
    : Number(process.hrtime.bigint() / 1000n)
