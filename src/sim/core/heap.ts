/** What is passed along with an event, so that no closure has to be made for it. */
export interface EventView {
  readonly kind: number
  /** Whom it concerns: the number of a verifier, a node or a client. */
  readonly entity: number
  readonly number: number
  readonly value: unknown
}

const CAPACITY = 1024
const ARITY = 4

/**
 * Events by (time, order): one seed, one schedule. Times, orders and slots lie in typed arrays, and
 * slots are used again, so that a run of millions of events leaves nothing for the collector.
 *
 * After `pop` the fields of the heap itself hold the event that came; they are good until the next.
 */
export class EventHeap implements EventView {
  nowMicros: number
  kind = 0
  entity = 0
  number = 0
  value: unknown
  /** How many events have come. */
  popped = 0

  #size = 0
  #order = 0
  #times = new Float64Array(CAPACITY)
  #orders = new Float64Array(CAPACITY)
  #slots = new Int32Array(CAPACITY)
  #kinds = new Uint8Array(CAPACITY)
  #entities = new Int32Array(CAPACITY)
  #numbers = new Float64Array(CAPACITY)
  readonly #values: unknown[] = Array.from({ length: CAPACITY })
  /** Slots that are free again, a stack. */
  #free = Int32Array.from({ length: CAPACITY }, (_, i) => CAPACITY - 1 - i)
  #freeSize = CAPACITY

  constructor(startMicros: number) {
    this.nowMicros = startMicros
  }

  get size(): number {
    return this.#size
  }

  /** The time of the next event; infinity where there is none. */
  get nextMicros(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number)
  }

  /** Adds an event. What should have come already comes next, in its turn. */
  push(atMicros: number, kind: number, entity: number, number = 0, value?: unknown): void {
    if (this.#freeSize === 0) this.#grow()
    const slot = this.#free[--this.#freeSize] as number
    this.#kinds[slot] = kind
    this.#entities[slot] = entity
    this.#numbers[slot] = number
    this.#values[slot] = value
    const time = atMicros < this.nowMicros ? this.nowMicros : atMicros
    this.#rise(this.#size++, time, this.#order++, slot)
  }

  /** Takes the next event, and answers whether there was one. */
  pop(): boolean {
    if (this.#size === 0) return false
    const slot = this.#slots[0] as number
    this.nowMicros = this.#times[0] as number
    this.kind = this.#kinds[slot] as number
    this.entity = this.#entities[slot] as number
    this.number = this.#numbers[slot] as number
    this.value = this.#values[slot]
    this.#values[slot] = undefined
    this.#free[this.#freeSize++] = slot
    this.popped++
    const last = --this.#size
    if (0 < last) {
      this.#sink(
        this.#times[last] as number,
        this.#orders[last] as number,
        this.#slots[last] as number,
      )
    }
    return true
  }

  #rise(from: number, time: number, order: number, slot: number): void {
    let at = from
    while (0 < at) {
      const parent = ((at - 1) / ARITY) | 0
      // The order of a new event is the greatest, so only an earlier time lets it pass.
      if ((this.#times[parent] as number) <= time) break
      this.#move(parent, at)
      at = parent
    }
    this.#put(at, time, order, slot)
  }

  #sink(time: number, order: number, slot: number): void {
    let at = 0
    for (;;) {
      const first = at * ARITY + 1
      if (this.#size <= first) break
      const end = Math.min(first + ARITY, this.#size)
      let least = first
      for (let child = first + 1; child < end; child++) {
        if (this.#isBefore(child, this.#times[least] as number, this.#orders[least] as number)) {
          least = child
        }
      }
      if (!this.#isBefore(least, time, order)) break
      this.#move(least, at)
      at = least
    }
    this.#put(at, time, order, slot)
  }

  #isBefore(at: number, time: number, order: number): boolean {
    const mine = this.#times[at] as number
    return mine < time || (mine === time && (this.#orders[at] as number) < order)
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number
    this.#orders[to] = this.#orders[from] as number
    this.#slots[to] = this.#slots[from] as number
  }

  #put(at: number, time: number, order: number, slot: number): void {
    this.#times[at] = time
    this.#orders[at] = order
    this.#slots[at] = slot
  }

  #grow(): void {
    const before = this.#times.length
    const after = before * 2
    this.#times = widened(this.#times, new Float64Array(after))
    this.#orders = widened(this.#orders, new Float64Array(after))
    this.#slots = widened(this.#slots, new Int32Array(after))
    this.#kinds = widened(this.#kinds, new Uint8Array(after))
    this.#entities = widened(this.#entities, new Int32Array(after))
    this.#numbers = widened(this.#numbers, new Float64Array(after))
    this.#free = new Int32Array(after)
    for (let slot = after - 1; before <= slot; slot--) this.#free[this.#freeSize++] = slot
    this.#values.length = after
  }
}

function widened<A extends Float64Array | Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}
