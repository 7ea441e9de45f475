import type { Clock } from '#kernel/clock.ts'
import { type Instant, instant } from '#kernel/instant.ts'

/** More turns than any work that waits for nothing but the virtual clock ever takes. */
const TURNS_MAX = 1_000_000

/** More events than ever happen at one instant, unless two things call each other up for ever. */
const EVENTS_AT_ONCE_MAX = 1_000_000

interface Due {
  readonly atMicros: number
  readonly order: number
  readonly run: () => void
}

/**
 * Time that moves only when nothing else can. What is due runs by (due, order): one seed, one
 * schedule.
 *
 * Asynchronous work is counted: it is either asleep, or its next step waits among the microtasks. So
 * the clock knows when all of it has come to rest, and needs no turn of the event loop for that; what
 * waits for the real world instead, such as a thread pool, is found out and is a fault.
 */
export class VirtualClock implements Clock {
  #nowMicros: number
  #order = 0
  #awake = 0
  #events = 0
  #eventsAtOnce = 0
  #failure: { readonly cause: unknown } | undefined
  readonly #heap: Due[] = []

  constructor(startMicros: number) {
    this.#nowMicros = startMicros
  }

  now(): Instant {
    return instant(Math.floor(this.#nowMicros / 1000))
  }

  nowMicros(): number {
    return this.#nowMicros
  }

  /** How many things have happened. */
  events(): number {
    return this.#events
  }

  /** Runs something at a time; at once when that has passed, but never inside the caller. */
  at(atMicros: number, run: () => void): void {
    const due = {
      atMicros: Math.max(Math.ceil(atMicros), this.#nowMicros),
      order: this.#order,
      run,
    }
    this.#order += 1
    push(this.#heap, due)
  }

  sleep(durationMs: number): Promise<void> {
    return this.sleepUntil(this.#nowMicros + durationMs * 1000)
  }

  sleepUntil(atMicros: number): Promise<void> {
    return this.wait((resume) => this.at(atMicros, resume))
  }

  /**
   * Rests until something that happens later resumes it; what resumes it first decides. For launched
   * work only: the clock does not wait for what it does not know to be awake.
   */
  wait<T>(begin: (resume: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve) => {
      let isAsleep = true
      this.#awake -= 1
      begin((value) => {
        if (!isAsleep) return
        isAsleep = false
        this.#awake += 1
        resolve(value)
      })
    })
  }

  /** Begins asynchronous work, one step after the other. What it throws ends the run. */
  launch(work: () => Promise<void>): void {
    this.#awake += 1
    const rest = (): void => {
      this.#awake -= 1
    }
    work().then(rest, (cause: unknown) => {
      this.#failure ??= { cause }
      rest()
    })
  }

  /** Runs what is due until then. It stops early, for the caller to look around, after `eventsMax`. */
  async runUntil(
    endMicros: number,
    eventsMax: number = Number.POSITIVE_INFINITY,
  ): Promise<boolean> {
    const stopAt = this.#events + eventsMax
    if (this.#awake !== 0) await this.#settle()
    for (let next = this.#heap[0]; next !== undefined && next.atMicros <= endMicros;) {
      if (stopAt <= this.#events) return false
      pop(this.#heap)
      this.#eventsAtOnce = this.#nowMicros === next.atMicros ? this.#eventsAtOnce + 1 : 0
      if (EVENTS_AT_ONCE_MAX < this.#eventsAtOnce) throw new Error('virtual time stands still')
      this.#nowMicros = next.atMicros
      this.#events += 1
      next.run()
      if (this.#awake !== 0) await this.#settle()
      if (this.#failure !== undefined) throw this.#failure.cause
      next = this.#heap[0]
    }
    this.#nowMicros = Math.max(this.#nowMicros, endMicros)
    return true
  }

  async #settle(): Promise<void> {
    for (let turns = 0; this.#awake !== 0; turns++) {
      if (TURNS_MAX < turns) throw new Error('something in the simulation waits for the real world')
      await Promise.resolve()
    }
    if (this.#failure !== undefined) throw this.#failure.cause
  }
}

const isBefore = (a: Due, b: Due): boolean =>
  a.atMicros < b.atMicros || (a.atMicros === b.atMicros && a.order < b.order)

function push(heap: Due[], due: Due): void {
  let i = heap.length
  heap.push(due)
  while (0 < i) {
    const parent = (i - 1) >> 1
    const above = heap[parent] as Due
    if (!isBefore(due, above)) break
    heap[i] = above
    i = parent
  }
  heap[i] = due
}

function pop(heap: Due[]): void {
  const last = heap.pop() as Due
  if (heap.length === 0) return
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (heap.length <= child) break
    const right = heap[child + 1]
    if (right !== undefined && isBefore(right, heap[child] as Due)) child += 1
    const below = heap[child] as Due
    if (!isBefore(below, last)) break
    heap[i] = below
    i = child
  }
  heap[i] = last
}
