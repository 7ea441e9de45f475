import { describe, expect, it } from 'vitest'
import type { Position } from '#domain/feed/position.ts'
import { SECOND } from './authority.ts'
import { Rig } from './rig.ts'

const kindsOf = (effects: readonly { kind: string }[]): string[] => effects.map(({ kind }) => kind)

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

describe('acknowledgements', () => {
  it('say what was applied: once a position', () => {
    const rig = started()
    const at = advance(rig)
    const head = rig.core.applied()
    expect(rig.taken('acknowledge')).toEqual([
      {
        kind: 'acknowledge',
        acknowledgement: {
          incarnation: 'i'.repeat(22),
          position: at,
          chain: head?.chain,
          digest: head?.digest,
          time: head?.time,
        },
      },
    ])
    // While its word is under way, and when it was taken, nothing is said again.
    rig.head()
    expect(rig.taken('acknowledge')).toEqual([])
    rig.on({ kind: 'acknowledged', position: at })
    rig.head()
    rig.pass(60 * SECOND)
    rig.head()
    rig.wake()
    expect(rig.taken('acknowledge')).toEqual([])
  })

  it('do not wait for one another', () => {
    const rig = started()
    const first = advance(rig)
    const second = advance(rig)
    const said = rig.taken('acknowledge').map(({ acknowledgement }) => acknowledgement.position)
    expect(said).toEqual([first, second])
    rig.on({ kind: 'acknowledged', position: first })
    rig.pass(4 * SECOND)
    rig.wake()
    expect(rig.taken('acknowledge')).toEqual([])
    // The answer to the second is lost.
    rig.pass(SECOND)
    rig.wake()
    rig.pass(SECOND)
    rig.wake()
    expect(rig.taken('acknowledge')).toMatchObject([{ acknowledgement: { position: second } }])
  })

  it('that were not taken are said again, of the newest head, after a pause and a sync', () => {
    const rig = started()
    const at = advance(rig)
    rig.effects.length = 0
    const effects = rig.on({ kind: 'unacknowledged', position: at })
    expect(kindsOf(effects)).toEqual(['ask'])
    expect(rig.taken('wake')).toHaveLength(1)
    rig.pass(1000)
    rig.serve(effects.filter(({ kind }) => kind === 'ask'))
    expect(rig.taken('acknowledge')).toEqual([])
    rig.pass(SECOND)
    rig.wake()
    const { time } = rig.core.applied() ?? {}
    expect(rig.taken('acknowledge')).toMatchObject([{ acknowledgement: { position: at, time } }])
    // Twice not taken: the pause is longer.
    rig.on({ kind: 'unacknowledged', position: at })
    rig.pass(SECOND / 2 - 1)
    rig.wake()
    expect(rig.taken('acknowledge')).toEqual([])
    rig.pass(SECOND / 2)
    rig.wake()
    expect(rig.taken('acknowledge')).toHaveLength(1)
    // After it was taken the next pauses are short again.
    rig.on({ kind: 'acknowledged', position: at })
    const next = advance(rig)
    rig.effects.length = 0
    rig.on({ kind: 'unacknowledged', position: next })
    rig.pass(SECOND / 2)
    rig.wake()
    expect(rig.taken('acknowledge')).toHaveLength(1)
  })

  it('are told what became of the newest one only', () => {
    const rig = started()
    const first = advance(rig)
    const second = advance(rig)
    rig.effects.length = 0
    expect(rig.on({ kind: 'unacknowledged', position: first })).toEqual([])
    rig.on({ kind: 'acknowledged', position: second })
    expect(rig.on({ kind: 'unacknowledged', position: second })).toEqual([])
    rig.pass(20 * SECOND)
    rig.serve(rig.head())
    expect(rig.taken('acknowledge')).toEqual([])
    // What was never said cannot have been taken.
    rig.on({ kind: 'acknowledged', position: (second + 5) as Position })
    rig.on({ kind: 'acknowledged', position: first })
    const third = advance(rig)
    expect(rig.taken('acknowledge')).toMatchObject([{ acknowledgement: { position: third } }])
  })
})

describe('a verifier that is closed', () => {
  it('releases its lease, closes its stream and decides nothing any more', () => {
    const rig = started()
    const token = rig.authority.token()
    const stream = rig.stream ?? -1
    const head = rig.core.applied()
    expect(rig.on({ kind: 'closed' })).toEqual([
      { kind: 'close-stream', stream },
      {
        kind: 'acknowledge',
        acknowledgement: {
          incarnation: 'i'.repeat(22),
          position: head?.position,
          chain: head?.chain,
          digest: head?.digest,
          time: head?.time,
          released: true,
        },
      },
    ])
    const { decision, effects } = rig.decide(token)
    expect([decision.verdict, decision.cause, effects]).toEqual(['stale', 'cold', []])
    expect(rig.core.staleness(rig.now)).toBe('cold')
    expect(rig.on({ kind: 'started' })).toEqual([])
    expect(rig.on({ kind: 'closed' })).toEqual([])
  })

  it('before anything was applied has nothing to release', () => {
    expect(new Rig().on({ kind: 'closed' })).toEqual([])
  })
})

describe('the stream', () => {
  it('that brings no head for three heartbeats is opened anew', () => {
    const rig = started()
    rig.head()
    const stream = rig.stream ?? -1
    rig.pass(3 * SECOND - 1)
    expect(rig.wake()).toEqual([])
    rig.pass(1)
    expect(rig.wake()).toEqual([{ kind: 'close-stream', stream }])
    rig.pass(SECOND / 4)
    expect(rig.wake()).toEqual([])
    rig.pass(SECOND)
    expect(rig.wake()).toMatchObject([{ kind: 'open-stream', after: rig.authority.state.position }])
    expect(rig.stream).not.toBe(stream)
  })

  it('lives by heads: entries and old heads are no sign of it', () => {
    const rig = started()
    const old = rig.authority.head()
    rig.head()
    rig.pass(2 * SECOND)
    rig.head(old)
    rig.entry('x')
    rig.pass(SECOND)
    expect(kindsOf(rig.wake())).toContain('close-stream')
  })

  it('lives by the heartbeat that the newest head tells', () => {
    const rig = started()
    rig.authority.heartbeat = 5000
    rig.head()
    rig.pass(15 * SECOND - 1)
    expect(kindsOf(rig.wake())).not.toContain('close-stream')
    rig.pass(1)
    expect(kindsOf(rig.wake())).toContain('close-stream')
  })

  it('has three heartbeats from when it was opened', () => {
    const rig = new Rig()
    rig.start()
    const stream = rig.stream ?? -1
    rig.pass(2 * SECOND)
    rig.on({ kind: 'stream-opened', stream })
    rig.pass(2 * SECOND)
    expect(kindsOf(rig.wake())).not.toContain('close-stream')
    rig.pass(SECOND)
    expect(kindsOf(rig.wake())).toContain('close-stream')
  })

  it('that was closed is opened again after pauses that grow, elsewhere from the third on', () => {
    const rig = started()
    const opened: { micros: number; isElsewhere: boolean }[] = []
    rig.on({ kind: 'stream-closed', stream: rig.stream ?? -1, isGone: false })
    for (let i = 0; i < 400 && opened.length < 6; i++) {
      rig.pass(50_000)
      const effects = rig.wake()
      if (kindsOf(effects).includes('open-stream')) {
        opened.push({ micros: rig.now, isElsewhere: kindsOf(effects).includes('next-url') })
        rig.on({ kind: 'stream-closed', stream: rig.stream ?? -1, isGone: false })
      }
      rig.serve(rig.taken('ask'))
    }
    const pauses = opened.slice(1).map(({ micros }, k) => micros - (opened[k]?.micros ?? 0))
    for (const [k, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(Math.min((SECOND / 2) * 2 ** k, 2 * SECOND))
      expect(pause).toBeLessThanOrEqual(Math.min(SECOND * 2 ** k, 4 * SECOND) + 50_000)
    }
    expect(opened.map(({ isElsewhere }) => isElsewhere).slice(0, 3)).toEqual([false, true, true])
  })

  it('that brought a head is opened again soon', () => {
    const rig = started()
    for (let i = 0; i < 5; i++) {
      rig.on({ kind: 'stream-closed', stream: rig.stream ?? -1, isGone: false })
      rig.pass(SECOND / 2 + 20_000)
      expect(kindsOf(rig.wake())).toContain('open-stream')
      rig.head()
    }
  })

  it('leaves a question behind it when it ends', () => {
    const rig = started()
    expect(
      kindsOf(rig.on({ kind: 'stream-closed', stream: rig.stream ?? -1, isGone: false })),
    ).toEqual(['ask'])
  })
})

describe('fetches', () => {
  function behind(): { rig: Rig; fetch: number } {
    const rig = started()
    rig.authority.revoke({ subjects: ['eve'] })
    rig.head()
    return { rig, fetch: rig.taken('fetch-entries')[0]?.fetch ?? -1 }
  }

  it('are one at a time, and those given up are passed over', () => {
    const { rig, fetch } = behind()
    rig.head()
    expect(rig.taken('fetch-entries')).toEqual([])
    const entries = rig.authority.texts(0)
    expect(rig.on({ kind: 'entries', fetch: fetch + 7, entries })).toEqual([])
    rig.on({ kind: 'entries-failed', fetch: fetch + 7, isGone: true })
    rig.on({ kind: 'snapshot', fetch: fetch + 7, ...rig.authority.snapshot() })
    rig.on({ kind: 'snapshot-failed', fetch: fetch + 7 })
    expect(rig.core.applied()?.position).toBe(rig.authority.state.position - 1)
    rig.on({ kind: 'entries', fetch, entries })
    expect(rig.core.applied()?.position).toBe(rig.authority.state.position)
  })

  const tries = (rig: Rig, fail: (fetch: number) => void): { micros: number; next: boolean }[] => {
    const found: { micros: number; next: boolean }[] = []
    for (let i = 0; i < 400 && found.length < 5; i++) {
      rig.pass(50_000)
      rig.serve(rig.head().filter(({ kind }) => kind === 'open-stream'))
      rig.wake()
      const next = rig.effects.some(({ kind }) => kind === 'next-url')
      const all = rig.taken('fetch-entries')
      const [one] = all
      if (one === undefined) continue
      found.push({ micros: rig.now, next })
      fail(one.fetch)
    }
    return found
  }

  it.for([
    ['fail', (rig: Rig, fetch: number) => rig.on({ kind: 'entries-failed', fetch, isGone: false })],
    ['bring nothing', (rig: Rig, fetch: number) => rig.on({ kind: 'entries', fetch, entries: [] })],
    [
      'bring what cannot be read',
      (rig: Rig, fetch: number) => rig.on({ kind: 'entries', fetch, entries: ['x'] }),
    ],
  ] as const)('that %s are tried again after pauses that grow', ([, fail]) => {
    const { rig, fetch } = behind()
    fail(rig, fetch)
    const found = tries(rig, (one) => void fail(rig, one))
    const pauses = found.slice(1).map(({ micros }, k) => micros - (found[k]?.micros ?? 0))
    for (const [k, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(Math.min((SECOND / 2) * 2 ** k, 2 * SECOND))
      expect(pause).toBeLessThanOrEqual(Math.min(SECOND * 2 ** k, 4 * SECOND) + 50_000)
    }
    expect(found.map(({ next }) => next).slice(0, 3)).toEqual([false, true, true])
  })

  it('that bring what a head does not speak for are tried again after a pause', () => {
    const { rig, fetch } = behind()
    const at = rig.authority.state.position
    const forged = `{"position":${at},"op":"lift","id":"rev_x"}`
    rig.on({ kind: 'entries', fetch, entries: [forged] })
    expect(rig.taken('fetch-entries')).toEqual([])
    rig.pass(SECOND / 2 + 20_000)
    rig.wake()
    expect(rig.taken('fetch-entries')).toMatchObject([{ after: at - 1 }])
  })

  it('stop at an entry that cannot be read', () => {
    const { rig, fetch } = behind()
    const [good = ''] = rig.authority.texts(rig.authority.state.position - 1)
    rig.on({ kind: 'entries', fetch, entries: ['x', good] })
    expect(rig.core.applied()?.position).toBe(rig.authority.state.position - 1)
  })

  it('that find what came meanwhile have not failed', () => {
    const { rig, fetch } = behind()
    for (const text of rig.authority.texts(rig.authority.state.position - 1)) rig.entry(text)
    rig.on({ kind: 'entries', fetch, entries: [] })
    rig.authority.revoke({ subjects: ['mallory'] })
    rig.effects.length = 0
    rig.head()
    expect(rig.taken('fetch-entries')).toHaveLength(1)
  })

  it('of entries are given up after 5 s, of a snapshot after 30 s', () => {
    const { rig } = behind()
    rig.pass(5 * SECOND - 1)
    rig.head()
    expect(rig.taken('fetch-entries')).toEqual([])
    rig.pass(1)
    rig.head()
    rig.pass(SECOND)
    rig.head()
    expect(rig.taken('fetch-entries')).toHaveLength(1)

    const other = started()
    other.on({ kind: 'stream-closed', stream: other.stream ?? -1, isGone: true })
    expect(other.taken('fetch-snapshot')).toHaveLength(1)
    other.pass(30 * SECOND - 1)
    other.wake()
    expect(other.taken('fetch-snapshot')).toEqual([])
    other.pass(1)
    other.wake()
    other.pass(SECOND)
    other.wake()
    expect(other.taken('fetch-snapshot')).toHaveLength(1)
  })

  it('of a snapshot are tried again until one is good, and entries wait for it', () => {
    const rig = started()
    rig.on({ kind: 'stream-closed', stream: rig.stream ?? -1, isGone: true })
    const [first] = rig.taken('fetch-snapshot')
    rig.authority.revoke({ subjects: ['eve'] })
    rig.on({ kind: 'snapshot-failed', fetch: first?.fetch ?? -1 })
    rig.pass(SECOND)
    rig.wake()
    const [second] = rig.taken('fetch-snapshot')
    rig.on({ kind: 'snapshot', fetch: second?.fetch ?? -1, head: 'x', entries: [] })
    rig.pass(2 * SECOND)
    rig.wake()
    expect(rig.taken('open-stream')).toEqual([])
    const wake = rig.wake()
    expect(kindsOf(wake)).not.toContain('fetch-entries')
    rig.pass(2 * SECOND)
    rig.wake()
    expect(rig.stream).toBeUndefined()
    const all = rig.effects.filter(({ kind }) => kind === 'fetch-snapshot')
    expect(all.length).toBeLessThanOrEqual(1)
  })
})
