/** Chance from one seed, so that a failure can be seen again. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 to 1, 1 not included. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  in(ratio: number): boolean {
    return this.next() < ratio
  }

  upTo(max: number): number {
    return Math.floor(this.next() * (max + 1))
  }

  pick<T>(list: readonly T[]): T {
    return list[this.upTo(list.length - 1)] as T
  }

  some<T>(list: readonly T[]): T[] {
    const found = list.filter(() => this.in(0.4))
    return found.length === 0 ? [this.pick(list)] : found
  }
}
