import { describe, expect, it, vi } from 'vitest'
import type { Authority, StreamReceiver } from '#boot/verifier/authority.ts'
import { createLocalClock } from '#boot/verifier/clock.ts'
import { createEngine } from '#boot/verifier/engine.ts'
import { ORIGIN } from '#domain/feed/position.ts'
import type { VerifierCore } from '#verifier/config.ts'
import type { VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'

const acknowledgement = {
  incarnation: 'i'.repeat(22),
  position: ORIGIN,
  chain: 'c',
  digest: 'd',
  time: 1,
}

/** An engine between a core that asks for what a test wants, and an authority that writes down. */
function workshop({ refused }: { readonly refused?: true } = {}) {
  const told: VerifierEvent[] = []
  const done: string[] = []
  const wanted: VerifierEffect[] = []
  const receivers: StreamReceiver[] = []
  let sleptMs = 0
  const core = {
    on(event: VerifierEvent) {
      told.push(event)
      return wanted.splice(0)
    },
  } as Partial<VerifierCore> as VerifierCore
  const authority: Partial<Authority> = {
    async acknowledge() {
      done.push('acknowledge')
      return refused === undefined ? undefined : { isFailure: true, status: 0, reason: 'x' }
    },
    stream(_, receiver) {
      receivers.push(receiver)
      return () => void done.push('close stream')
    },
    reset: () => void done.push('reset'),
  }
  const engine = createEngine({
    core,
    authority: authority as Authority,
    clock: createLocalClock({
      steadyMs: () => performance.now(),
      wallMs: () => performance.now() + sleptMs,
      uptimeSeconds: () => 1000.01 + (performance.now() + sleptMs) / 1000,
    }),
    entropy: { bytes: (length) => new Uint8Array(length) },
    hooks: { applied: () => undefined, alarm: () => undefined },
  })
  return {
    engine,
    done,
    receivers,
    kinds: () => told.map(({ kind }) => kind),
    /** Has the core ask for something when it is told of the next event. */
    want: (...effects: VerifierEffect[]) => void wanted.push(...effects),
    sleep: () => {
      sleptMs += 60_000
    },
    /** The core hears of something, and asks for what was wanted. */
    beat: () => receivers[0]?.head('head'),
  }
}

/** A workshop whose stream is open. */
function following(options?: { readonly refused?: true }) {
  const shop = workshop(options)
  shop.want({ kind: 'open-stream', stream: 1, after: ORIGIN })
  shop.engine.start()
  return shop
}

describe('the engine', () => {
  it('lets go of every connection after a sleep, and tells the core before anything else', () => {
    const { engine, sleep, done, kinds } = following()
    engine.nowMicros()
    expect(done).toEqual([])
    sleep()
    engine.nowMicros()
    engine.nowMicros()
    expect(done).toEqual(['reset'])
    expect(kinds()).toEqual(['started', 'resumed'])
  })

  it('lets go of nothing after a sleep once it is closed: its last word is under way', async () => {
    const { engine, sleep, done, want, kinds } = following()
    want({ kind: 'acknowledge', acknowledgement: { ...acknowledgement, released: true } })
    const closing = engine.close()
    sleep()
    engine.nowMicros()
    expect(done).toEqual(['acknowledge'])
    await closing
    expect(done).toEqual(['acknowledge', 'reset'])
    expect(kinds()).toEqual(['started', 'closed'])
  })

  it('closes the stream that the core wants closed, and that one alone', () => {
    const { want, beat, done } = following()
    want({ kind: 'close-stream', stream: 2 })
    beat()
    expect(done).toEqual([])
    want({ kind: 'close-stream', stream: 1 })
    beat()
    expect(done).toEqual(['close stream'])
  })

  it.for([
    ['acknowledged', {}],
    ['unacknowledged', { refused: true }],
  ] as const)('tells the core that its word was %s', async ([kind, options]) => {
    const { want, beat, kinds } = following(options)
    want({ kind: 'acknowledge', acknowledgement })
    beat()
    await vi.waitFor(() => expect(kinds()).toContain(kind))
    expect(kinds()).toEqual(['started', 'stream-head', kind])
  })

  it('acknowledges nothing that was to be said later, once it is closed', async () => {
    const { engine, want, beat, receivers, done } = following()
    receivers[0]?.spread(1)
    want({ kind: 'acknowledge', acknowledgement })
    beat()
    const closing = engine.close()
    // A timer as long as the other, and set after it, fires after it.
    await new Promise((resolve) => setTimeout(resolve, 1))
    await closing
    expect(done).toEqual(['reset'])
  })

  it('calls back once, and only for what may change a decision', async () => {
    const { engine, want, beat, receivers, kinds } = following()
    let calls = 0
    engine.onNews(() => {
      calls += 1
    })
    want({ kind: 'acknowledge', acknowledgement })
    receivers[0]?.opened()
    await vi.waitFor(() => expect(kinds()).toContain('acknowledged'))
    expect(kinds()).toEqual(['started', 'stream-opened', 'acknowledged'])
    expect(calls).toBe(0)
    beat()
    beat()
    expect(calls).toBe(1)
    const other = following({ refused: true })
    other.want({ kind: 'acknowledge', acknowledgement })
    other.receivers[0]?.opened()
    other.engine.onNews(() => {
      calls += 1
    })
    await vi.waitFor(() => expect(other.kinds()).toContain('unacknowledged'))
    expect(calls).toBe(1)
  })
})
