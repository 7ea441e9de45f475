/**
 * Places by the second at which they end, the earliest first: 12 bytes each. What has gone before its
 * time stays in it until then, so whoever takes a place out asks whether it still stands.
 */
export class ExpiryHeap {
  #seconds = new Uint32Array(16)
  #places = new Float64Array(16)
  #count = 0

  push(seconds: number, place: number): void {
    if (this.#count === this.#seconds.length) this.#resize(2 * this.#count)
    let at = this.#count++
    while (0 < at) {
      const parent = (at - 1) >> 1
      if ((this.#seconds[parent] as number) <= seconds) break
      this.#move(parent, at)
      at = parent
    }
    this.#seconds[at] = seconds
    this.#places[at] = place
  }

  /** Takes out, one at a time, a place that ended at or before `seconds`. */
  pop(seconds: number): { readonly place: number; readonly seconds: number } | undefined {
    if (this.#count === 0 || seconds < (this.#seconds[0] as number)) return undefined
    const first = { place: this.#places[0] as number, seconds: this.#seconds[0] as number }
    const last = --this.#count
    this.#sink(this.#seconds[last] as number, this.#places[last] as number)
    return first
  }

  #sink(seconds: number, place: number): void {
    let at = 0
    for (let child = 1; child < this.#count; child = 2 * at + 1) {
      // Beyond the last there is still what sinks now, which is then taken for the lesser one and stays.
      const right = child + 1
      if (this.#of(right) < this.#of(child)) child = right
      if (seconds <= this.#of(child)) break
      this.#move(child, at)
      at = child
    }
    this.#seconds[at] = seconds
    this.#places[at] = place
  }

  #of(at: number): number {
    return this.#seconds[at] as number
  }

  #move(from: number, to: number): void {
    this.#seconds[to] = this.#seconds[from] as number
    this.#places[to] = this.#places[from] as number
  }

  #resize(capacity: number): void {
    const [seconds, places] = [this.#seconds, this.#places]
    this.#seconds = new Uint32Array(capacity)
    this.#places = new Float64Array(capacity)
    this.#seconds.set(seconds)
    this.#places.set(places)
  }
}
