import { type Chance, chanceOf } from '#sim/chance.ts'
import { type CoreFaults, type Cut, fairCoreWeather, type Weather } from './faults.ts'

/** Lost on the way: no time at which it arrives. */
export const LOST = -1

/** A virtual network between each verifier and each node of the authority. */
export class Network {
  #weather: Weather
  #isHealed = false
  readonly #cuts: readonly (readonly Cut[])[]
  readonly #chances: readonly Chance[]
  readonly #operators: Chance
  /** Some verifiers are beside the authority, and their messages take a millisecond at most. */
  readonly #isNear: readonly boolean[]

  constructor(seed: number, faults: Pick<CoreFaults, 'weather' | 'cuts'>) {
    this.#weather = faults.weather
    this.#cuts = faults.cuts
    this.#chances = faults.cuts.map((_, i) => chanceOf(seed, 'path', i))
    this.#operators = chanceOf(seed, 'path', 'operators')
    this.#isNear = faults.cuts.map((_, i) => chanceOf(seed, 'near', i).happens(0.3))
  }

  heal(): void {
    this.#isHealed = true
    this.#weather = fairCoreWeather
  }

  get weather(): Weather {
    return this.#weather
  }

  /** How long a message is under way that is sent now, or `LOST`. */
  delayMicros(verifier: number, node: number, direction: 'up' | 'down', nowMicros: number): number {
    const chance = this.#chances[verifier] ?? this.#operators
    const { lossRatio } = this.#weather
    if (this.isCut(verifier, node, direction, nowMicros)) return LOST
    if (0 < lossRatio && chance.happens(lossRatio)) return LOST
    return this.#delay(chance, this.#isNear[verifier])
  }

  /**
   * The same on a stream: what is lost is sent again, so it comes late and holds up what follows,
   * and a path that is cut breaks it.
   */
  streamDelayMicros(verifier: number, node: number, nowMicros: number): number {
    if (this.isCut(verifier, node, 'down', nowMicros)) return LOST
    const chance = this.#chances[verifier] ?? this.#operators
    const { lossRatio } = this.#weather
    let micros = this.#delay(chance, this.#isNear[verifier])
    for (let again = RETRANSMIT_MICROS; chance.happens(lossRatio); again *= 2) {
      if (RETRANSMIT_MICROS_MAX < again) return LOST
      micros += again
    }
    return micros
  }

  /** Between an operator or a client and a node. */
  outsideDelayMicros(): number {
    const { lossRatio } = this.#weather
    return this.#operators.happens(lossRatio) ? LOST : this.#delay(this.#operators)
  }

  isDoubled(verifier: number): boolean {
    const { duplicateRatio } = this.#weather
    return (
      0 < duplicateRatio && (this.#chances[verifier] ?? this.#operators).happens(duplicateRatio)
    )
  }

  isTruncated(verifier: number): boolean {
    const { truncateRatio } = this.#weather
    return 0 < truncateRatio && (this.#chances[verifier] ?? this.#operators).happens(truncateRatio)
  }

  isCut(verifier: number, node: number, direction: 'up' | 'down', nowMicros: number): boolean {
    if (this.#isHealed) return false
    const cuts = this.#cuts[verifier]
    if (cuts === undefined || cuts.length === 0) return false
    for (const cut of cuts) {
      if (nowMicros < cut.fromMicros || cut.toMicros <= nowMicros) continue
      if (cut.node !== undefined && cut.node !== node) continue
      if (cut.direction !== 'both' && cut.direction !== direction) continue
      const { flapMicros } = cut
      if (flapMicros === undefined) return true
      if (Math.floor((nowMicros - cut.fromMicros) / flapMicros) % 2 === 0) return true
    }
    return false
  }

  #delay(chance: Chance, isNear = false): number {
    const { delayMicrosMin, delayMicrosMax, tailRatio, tailMicrosMax } = this.#weather
    return 0 < tailRatio && chance.happens(tailRatio)
      ? chance.between(delayMicrosMax, tailMicrosMax)
      : chance.between(delayMicrosMin, isNear ? NEAR_MICROS_MAX : delayMicrosMax)
  }
}

const NEAR_MICROS_MAX = 1000
const RETRANSMIT_MICROS = 200_000
const RETRANSMIT_MICROS_MAX = 12_800_000
