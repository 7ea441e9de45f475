/** How a node's oscillator and its wall clock are wrong. */
export interface ClockFault {
  /** Added to the wall clock; the monotonic clock has no meaning of its own and no offset. */
  readonly offsetMicros: number
  readonly driftPpm: number
  /** Someone sets the wall clock. */
  readonly steps: readonly { readonly atMicros: number; readonly byMicros: number }[]
}

export interface NodeClocks {
  wallMicros(trueMicros: number): number
  /** Runs as fast as the wall clock, but is never set. */
  monotonicMicros(trueMicros: number): number
  /** By how much the wall clock was set so far. */
  steppedMicros(trueMicros: number): number
  hasStepped(trueMicros: number): boolean
  /** The first true time at which the monotonic clock shows this. */
  trueMicros(monotonicMicros: number): number
}

/** The clocks of one node, as functions of the true time, which nobody in the simulation can read. */
export function clocksOf(
  { offsetMicros, driftPpm, steps }: ClockFault,
  { startMicros, originMicros }: { readonly startMicros: number; readonly originMicros: number },
): NodeClocks {
  const rate = driftPpm / 1_000_000
  const monotonicMicros = (trueMicros: number): number => {
    const passed = trueMicros - startMicros
    return originMicros + passed + Math.floor(passed * rate)
  }
  const steppedMicros = (trueMicros: number): number => {
    let stepped = 0
    for (const { atMicros, byMicros } of steps) if (atMicros <= trueMicros) stepped += byMicros
    return stepped
  }
  return {
    monotonicMicros,
    steppedMicros,
    hasStepped: (trueMicros) => steps.some(({ atMicros }) => atMicros <= trueMicros),
    wallMicros: (trueMicros) =>
      startMicros +
      offsetMicros +
      monotonicMicros(trueMicros) -
      originMicros +
      steppedMicros(trueMicros),
    trueMicros(micros) {
      let at = startMicros + Math.floor((micros - originMicros) / (1 + rate))
      while (monotonicMicros(at) < micros) at += 1
      return at
    },
  }
}
