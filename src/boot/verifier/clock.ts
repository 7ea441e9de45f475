/** The three clocks of a machine that have anything to say about a pause. */
export interface ClockSources {
  /** Milliseconds that no one can set; stands still while the machine is suspended. */
  readonly steadyMs: () => number
  /** Milliseconds, as somebody set them. */
  readonly wallMs: () => number
  /** Seconds since the machine started, suspends included; told in steps. */
  readonly uptimeSeconds: () => number
}

interface ClockReading {
  /** Microseconds; never falls, and counts suspends. Its zero means nothing. */
  readonly nowMicros: number
  /** Since the reading before the machine stood still, or the wall clock was set. */
  readonly hasResumed: boolean
}

export interface LocalClock {
  /** A resume is told by one reading only. */
  read(): ClockReading
}

/** How long the clock that counts suspends goes unread, and how far the others may part meanwhile. */
const UNREAD_MS_MAX = 10
/** The wall clock and the machine's own run apart by no more than this unless somebody intervened. */
const JUMP_MS_MAX = 1000
/** Where a clock is told in whole seconds, until a fraction is seen. */
const STEP_MS_COARSE = 1000
/** Linux tells it in hundredths. */
const STEP_MS_FINE = 10
/** Two decimals of a second, as a binary number, in milliseconds. */
const ROUNDING_MS = 0.01

/**
 * A local clock that sees a suspend, and a freeze that the machine itself was not told of. Reading it
 * costs two cheap clocks (0.1 µs) and, a hundred times a second at most, a dearer one: 2 µs, and ten
 * times as much where the system has a file read for it. So whoever reads the same sources shares one
 * reading of them; a resume is told to each.
 */
export function createLocalClock(sources: ClockSources): LocalClock {
  const machine = machineOf(sources)
  // What was before it is none of its business, so it is found out before it begins.
  machine.readMicros()
  let seen = machine.resumes
  return {
    read() {
      const nowMicros = machine.readMicros()
      const hasResumed = machine.resumes !== seen
      seen = machine.resumes
      return { nowMicros, hasResumed }
    },
  }
}

/** Its sources, read for everybody who reads them. */
interface Machine {
  readMicros(): number
  /** How many suspends and freezes were seen. */
  readonly resumes: number
}

const machines = new WeakMap<ClockSources, Machine>()

function machineOf(sources: ClockSources): Machine {
  const known = machines.get(sources)
  if (known !== undefined) return known
  const machine = createMachine(sources)
  machines.set(sources, machine)
  return machine
}

/**
 * What counts suspends is told in steps. So a reading bounds how far it is ahead of the steady clock
 * from both sides, and every further reading narrows the bounds; one that lies outside of them tells a
 * suspend. One that is too short to be seen is shorter than the step and `UNREAD_MS_MAX`.
 */
function createMachine(sources: ClockSources): Machine {
  const { steadyMs, wallMs, uptimeSeconds } = sources
  const beganMs = steadyMs()
  let suspendedMs = 0
  let resumes = 0
  let stepMs = STEP_MS_COARSE
  /** By how much uptime is ahead of the steady clock: at least, and less than. */
  let aheadMs = { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY }
  /** Of the wall clock before uptime, when they were last known to agree. */
  let wallAheadMs: number | undefined
  let readAtMs = Number.NEGATIVE_INFINITY
  /** Of the wall clock before the steady one, when uptime was last read. */
  let partedMs = 0

  /**
   * Reads the clock that counts suspends; answers for how long the machine was suspended, if it was.
   * The steady clock is read on both sides of it, since the process may have to wait in between.
   */
  const readUptime = (atMs: number): number | undefined => {
    const upMs = uptimeSeconds() * 1000
    if (stepMs === STEP_MS_COARSE && !Number.isInteger(upMs / 1000)) {
      stepMs = STEP_MS_FINE
    }
    const least = upMs - steadyMs()
    const most = upMs + stepMs + ROUNDING_MS - atMs
    const agrees = least <= aheadMs.most && aheadMs.least <= most
    const sleptMs = agrees ? undefined : Math.max(0, most - aheadMs.least)
    aheadMs = agrees
      ? { least: Math.max(aheadMs.least, least), most: Math.min(aheadMs.most, most) }
      : { least, most }
    return sleptMs
  }

  /** Whether the wall clock was set since, or the whole machine frozen without its knowing. */
  const hasJumped = (wallNowMs: number, atMs: number): boolean => {
    const ahead = wallNowMs - (atMs + aheadMs.least)
    const jumped = wallAheadMs !== undefined && JUMP_MS_MAX + stepMs < Math.abs(ahead - wallAheadMs)
    if (wallAheadMs === undefined || jumped) wallAheadMs = ahead
    return jumped
  }

  return {
    get resumes() {
      return resumes
    },
    readMicros() {
      const atMs = steadyMs()
      const wallNowMs = wallMs()
      const parted = wallNowMs - atMs
      if (UNREAD_MS_MAX < atMs - readAtMs || UNREAD_MS_MAX < Math.abs(parted - partedMs)) {
        const sleptMs = readUptime(atMs)
        readAtMs = atMs
        partedMs = parted
        suspendedMs += sleptMs ?? 0
        // A suspend moves uptime and wall clock alike, so it is no jump of either.
        if (hasJumped(wallNowMs, atMs) || sleptMs !== undefined) resumes += 1
      }
      return Math.floor((atMs - beganMs + suspendedMs) * 1000)
    },
  }
}
