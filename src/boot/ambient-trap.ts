/** What reads the real clock, waits for it, or draws real lots. */
const ambient = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
  'performance',
  'crypto',
] as const

export interface Trap {
  /** Puts everything back. */
  lift(): void
}

class AmbientUse extends Error {
  override readonly name = 'AmbientUse'
  constructor(what: string) {
    super(`${what} was used in a simulation, where all time and chance come from its seed`)
  }
}

/**
 * Makes the real clock, timers and chance of this process throw until it is lifted. A `Date` can
 * still be made of a number and read, which asks nobody for the time.
 */
export function trapAmbient(): Trap {
  const kept = new Map<string, PropertyDescriptor>()
  const refuseUse = (what: string) => (): never => {
    throw new AmbientUse(what)
  }
  const set = (name: string, value: unknown): void => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name)
    if (descriptor !== undefined) kept.set(name, descriptor)
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  }
  const { random } = Math
  for (const name of ambient) {
    const isObject = name === 'performance' || name === 'crypto'
    set(name, isObject ? new Proxy({}, { get: refuseUse(name) }) : refuseUse(name))
  }
  set('Date', trappedDate(Date))
  Math.random = refuseUse('Math.random')
  return {
    lift() {
      for (const [name, descriptor] of kept) Object.defineProperty(globalThis, name, descriptor)
      Math.random = random
      kept.clear()
    },
  }
}

const trappedDate = (Real: DateConstructor): DateConstructor =>
  new Proxy(Real, {
    apply: () => {
      throw new AmbientUse('Date()')
    },
    construct: (target, given, newTarget) => {
      if (given.length === 0) throw new AmbientUse('new Date()')
      return Reflect.construct(target, given, newTarget) as object
    },
    get: (target, name) => {
      if (name === 'now') throw new AmbientUse('Date.now')
      return Reflect.get(target, name) as unknown
    },
  })
