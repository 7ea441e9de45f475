/**
 * What a verifier knows of the authority's time: never an instant, always an interval. All in
 * microseconds; `atMicros` and `nowMicros` are of a local monotonic clock whose zero means nothing.
 *
 * No wall clock of a resource server has a part in it: a wall clock may be wrong by hours, while an
 * oscillator that is wrong by more than 200 ppm is a broken one.
 */
export interface TimeInterval {
  readonly lowerMicros: number
  readonly upperMicros: number
}

/** The interval as it was at one reading of the local clock, from which it widens. */
export interface Anchor extends TimeInterval {
  readonly atMicros: number
}

/** How much faster or slower than the authority's the local clock may run: 200 ppm. */
const DRIFT = 200e-6

/** The authority's clock is read in whole milliseconds, so its time is up to one later than it says. */
const GRANULE_MICROS = 1000

/** An authority whose clock jumps by more than this stops signing; by less, it may still sign. */
const STEP_MICROS_MAX = 250_000

/** One question and its answer. */
export interface Exchange {
  /** Read just before the question was sent. */
  readonly sentMicros: number
  readonly receivedMicros: number
  /** The authority's time, as its answer tells it. */
  readonly timeMicros: number
}

/**
 * The interval that an answer gives, at its receipt. The authority read its clock at some moment
 * between sending and receipt, and nobody knows which: so at receipt its time is at least what it
 * told, and at most that and the whole of the exchange more.
 */
export function anchorOf({ sentMicros, receivedMicros, timeMicros }: Exchange): Anchor {
  const tookMicros = (receivedMicros - sentMicros) * (1 + DRIFT)
  return {
    atMicros: receivedMicros,
    lowerMicros: timeMicros - STEP_MICROS_MAX,
    upperMicros: Math.ceil(timeMicros + tookMicros) + GRANULE_MICROS + STEP_MICROS_MAX,
  }
}

/** The interval now: since its anchor the authority's clock may have run faster or slower than ours. */
export function intervalAt(anchor: Anchor, nowMicros: number): TimeInterval {
  const passedMicros = nowMicros - anchor.atMicros
  return {
    lowerMicros: Math.floor(anchor.lowerMicros + passedMicros * (1 - DRIFT)),
    upperMicros: Math.ceil(anchor.upperMicros + passedMicros * (1 + DRIFT)),
  }
}

/**
 * What a head adds that answers no question: the authority's time is at least what it says, but for
 * a step of its clock. When it was sent nobody knows, so the upper bound stays.
 */
export function raisedBy(anchor: Anchor, timeMicros: number, nowMicros: number): Anchor {
  const { lowerMicros, upperMicros } = intervalAt(anchor, nowMicros)
  const told = timeMicros - STEP_MICROS_MAX
  return lowerMicros < told ? { atMicros: nowMicros, lowerMicros: told, upperMicros } : anchor
}

export const widthOf = ({ lowerMicros, upperMicros }: TimeInterval): number =>
  upperMicros - lowerMicros

/** When, by the local clock, drift will have widened the interval to this. */
export const widensTo = (anchor: Anchor, widthMicros: number): number =>
  anchor.atMicros + Math.floor((widthMicros - widthOf(anchor)) / (2 * DRIFT))

/** When a token begins and ends to be valid, microseconds of authority time. */
export interface Validity {
  readonly fromMicros: number
  readonly untilMicros: number
}

/**
 * What can be said of a token's times for certain, whatever the authority's time is in the interval:
 * it is accepted only if it is within the leeway of its validity all through, and `expired` only if
 * its expiry has passed for certain. In between, nothing can be said. An interval that is no wider
 * than the leeway leaves no in-between.
 */
export function judgeTimes(
  { fromMicros, untilMicros }: Validity,
  { lowerMicros, upperMicros }: TimeInterval,
  leewayMicros: number,
): 'accepted' | 'expired' | 'not-yet-valid' | 'unclear' {
  if (fromMicros - leewayMicros <= lowerMicros && upperMicros <= untilMicros + leewayMicros) {
    return 'accepted'
  }
  if (untilMicros < lowerMicros) return 'expired'
  if (upperMicros < fromMicros) return 'not-yet-valid'
  return 'unclear'
}
