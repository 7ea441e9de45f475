import { existsSync, rmSync, writeFileSync } from 'node:fs'
import type { Deps } from '#app/deps.ts'
import { settleEnforcement } from '#app/proof.ts'
import { settleByItself } from '#app/settle.ts'
import { stopForClock, watchClock } from '#app/stepped-clock.ts'
import { Problem, type ProblemCode } from '#kernel/problem.ts'
import { createFeedHub, type FeedHub } from '#server/feed-stream.ts'
import type { FaultLog, OpenAuthority } from './authority.ts'

/** The streams of a server, and the loop that gives them heads. */
export interface FeedService {
  readonly hub: FeedHub
  stop(): Promise<void>
}

/**
 * Starts what a server does for verifiers: a heartbeat while somebody listens, a head at once when
 * something of this process has moved the feed (what another process did is seen at the next
 * heartbeat), a look at the clocks, a record of what has come to be enforced, and the end of blocks and
 * suspensions whose time has come.
 */
export function startFeed(authority: OpenAuthority, onFault: FaultLog): FeedService {
  const { deps } = authority
  const report = (fault: unknown): void => {
    // What an operator was told by an alarm, or has to wait for, is no fault of the program.
    if (!isForeseen(fault)) onFault(fault, 'feed')
  }
  const { heartbeatMs } = deps.policy.feed
  // What was told between two beats was one: thousands that still read it are not sent the next.
  const hub = createFeedHub(deps, { onFault: report, onTold: () => void beats.refresh() })
  const beats = setInterval(() => hub.beat(), heartbeatMs).unref()
  authority.onFeedMoved(() => hub.poke())
  let working: Promise<void> | undefined
  const looks = setInterval(() => {
    working ??= look(deps)
      .catch(report)
      .finally(() => {
        working = undefined
      })
  }, heartbeatMs).unref()
  return {
    hub,
    async stop() {
      clearInterval(beats)
      clearInterval(looks)
      hub.close()
      await working
    },
  }
}

async function look(deps: Deps): Promise<void> {
  await watchClock(deps)
  await settleEnforcement(deps)
  await settleByItself(deps)
}

const FORESEEN: readonly ProblemCode[] = [
  'clock-stepped',
  'clock-behind',
  'authority-restored',
  'store-busy',
]

const isForeseen = (fault: unknown): boolean =>
  fault instanceof Problem && FORESEEN.includes(fault.code)

/**
 * That a clock was seen being set outlives the process: whatever restarts it by itself has confirmed
 * nothing. The file is there until an operator has.
 */
export async function confirmClock(
  { deps, files }: OpenAuthority,
  { isConfirmed, runOnFrom }: { isConfirmed: boolean; runOnFrom: (timeMicros: number) => void },
): Promise<void> {
  if (isConfirmed) {
    rmSync(files.clockStepped, { force: true })
    const { timeMicros } = await deps.store.read((tx) => tx.feed())
    return runOnFrom(timeMicros)
  }
  if (!existsSync(files.clockStepped)) return
  stopForClock(deps, 'a clock was set before this start, and nobody has confirmed it since')
}

/** So long the same is not said again: thousands may have seen it. */
const AGAIN_MS = 60_000

/** Tells an operator on stderr, and keeps what must be confirmed. */
export function createAlarm(
  clockSteppedFile: string,
  say: (line: string) => void,
  nowMs: () => number,
): (code: ProblemCode, detail: string) => void {
  const said = new Map<string, number>()
  return (code, detail) => {
    if (code === 'clock-stepped') keep(clockSteppedFile, detail)
    const line = `alarm: ${code}: ${detail}`
    const last = said.get(line)
    if (last !== undefined && nowMs() < last + AGAIN_MS) return
    if (SAID_MAX <= said.size) said.clear()
    said.set(line, nowMs())
    say(line)
  }
}

const SAID_MAX = 1000

/** A full disk must not hide the alarm itself. */
function keep(file: string, detail: string): void {
  try {
    writeFileSync(file, `${detail}\n`, { mode: 0o600 })
  } catch {
    // It is said all the same, and this process goes on refusing.
  }
}
