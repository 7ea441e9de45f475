import { describe, expect, it } from 'vitest'
import type { Position } from '#domain/feed/position.ts'
import { jwkOf, SECOND } from './authority.ts'
import { Rig } from './rig.ts'

function started(about = {}): Rig {
  const rig = new Rig(about).start()
  rig.pass(SECOND)
  rig.effects.length = 0
  return rig
}

/** Publishes something, and lets the stream bring it. */
function advance(rig: Rig): Position {
  const { position } = rig.authority.state
  rig.authority.revoke({ subjects: ['eve'] })
  for (const text of rig.authority.texts(position)) rig.entry(text)
  rig.head()
  return rig.authority.state.position
}

describe('being woken', () => {
  it('is asked for once, at the earliest instant that matters', () => {
    const rig = new Rig()
    rig.on({ kind: 'started' })
    expect(rig.taken('wake')).toEqual([{ kind: 'wake', atMicros: rig.now + 2 * SECOND }])
    // Nothing nearer comes up, and one is under way.
    rig.pass(1000)
    rig.on({ kind: 'unanswered', nonce: 'x' })
    expect(rig.taken('wake')).toEqual([])
    // Too early by far, and a wake is under way still.
    rig.wake()
    expect(rig.taken('wake')).toEqual([])
    // A timer that fires a little early is set again.
    rig.now += 2 * SECOND - 1000 - 3000
    rig.wake()
    expect(rig.taken('wake')).toEqual([{ kind: 'wake', atMicros: rig.now + 3000 }])
    rig.pass(3000)
    rig.wake()
    expect(rig.taken('wake')).toHaveLength(1)
  })

  it('is asked for again when something nearer comes up', () => {
    const rig = started()
    rig.serve(rig.head())
    rig.effects.length = 0
    const { position } = rig.authority.state
    advance(rig)
    rig.effects.length = 0
    rig.on({ kind: 'unacknowledged', position: (position + 1) as Position })
    const [wake] = rig.taken('wake')
    expect(wake?.atMicros).toBeLessThan(rig.now + SECOND)
    expect(wake?.atMicros).toBeGreaterThan(rig.now)
  })
})

describe('alarms', () => {
  it('are raised once in ten seconds for one cause, and for a hundred causes at most', () => {
    const rig = started({ feedKeys: [jwkOf('key_feed1')] })
    const alarms = (): number => rig.taken('alarm').length
    rig.head('x')
    expect(alarms()).toBe(1)
    for (let i = 0; i < 4; i++) {
      rig.pass(2.5 * SECOND)
      rig.head()
    }
    rig.pass(-1)
    rig.head('x')
    expect(alarms()).toBe(0)
    rig.pass(1)
    rig.head('x')
    expect(alarms()).toBe(1)
    for (let i = 1; i <= 100; i++)
      rig.entry(`{"position":${rig.authority.state.position},"op":"o${i}"}`)
    expect(alarms()).toBe(100)
    rig.head('x')
    expect(alarms()).toBe(1)
  })

  it('of unknown keys are bounded too', () => {
    const rig = started()
    for (let i = 0; i < 40; i++) {
      const { feedKey } = rig.authority
      rig.authority.feedKey = jwkOf(`key_x${i}`)
      rig.head()
      rig.authority.feedKey = feedKey
    }
    expect(rig.taken('alarm')).toEqual([])
  })
})
