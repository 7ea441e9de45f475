import { describe, expect, it } from 'vitest'
import { chainOver, epochEntry } from '#domain/feed/entry.ts'
import { position, type Position } from '#domain/feed/position.ts'
import { HEAD_TYPE } from '#domain/feed/head.ts'
import { Authority, SECOND, sign } from './authority.ts'
import { Rig } from './rig.ts'

const kindsOf = (effects: readonly { kind: string }[]): string[] => effects.map(({ kind }) => kind)
/** What was published after a place. */
const since = (rig: Rig, at: number): string[] => rig.authority.texts(at)

function started(about = {}): { rig: Rig; authority: Authority; at: Position; token: string } {
  const rig = new Rig(about).start()
  const { authority } = rig
  const token = authority.token()
  rig.effects.length = 0
  rig.pass(SECOND)
  return { rig, authority, at: authority.state.position, token }
}

describe('the digest', () => {
  it('is recomputed, and where it differs nothing is decided until a snapshot came', () => {
    const { rig, authority, at, token } = started()
    const good = authority.headClaims()
    const effects = rig.head(
      sign(authority.feedKey, HEAD_TYPE, { ...good, digest: 'D'.repeat(43) }),
    )
    expect(effects).toMatchObject([
      { kind: 'alarm', detail: expect.stringContaining('digest') },
      { kind: 'fetch-snapshot' },
    ])
    expect(rig.core.applied()?.time).toBeLessThan(good.time)
    expect(rig.verdict(token)).toBe('stale behind')
    expect(rig.core.staleness(rig.now)).toBe('behind')
    // Heads alone mend nothing.
    rig.head()
    expect(rig.verdict(token)).toBe('stale behind')
    rig.serve(effects)
    expect(rig.verdict(token)).toBe('accepted')
    expect(rig.core.applied()?.position).toBe(at)
  })
})

describe('an epoch', () => {
  it('that continues ours is followed', () => {
    const { rig, authority, token } = started()
    authority.epoch()
    authority.revoke({ clients: ['bot'] })
    rig.follow()
    expect(rig.core.applied()?.position).toBe(position(2, 1))
    expect(rig.verdict(token)).toBe('revoked')
  })

  it('that was opened over another past is reached by the snapshot', () => {
    const { rig, authority, at, token } = started()
    // Back from a backup that lacks the last entry.
    const backup = new Authority()
    backup.clockMicros = authority.clockMicros + SECOND
    authority.revoke({ subjects: ['eve'] })
    rig.follow()
    backup.epoch()
    backup.revoke({ all: true })
    const [opening = ''] = backup.texts(at)
    expect(rig.entry(opening)).toMatchObject([{ kind: 'fetch-snapshot' }])
    const { fetch } = rig.taken('fetch-snapshot')[0] ?? { fetch: 0 }
    rig.on({ kind: 'snapshot', fetch, ...backup.snapshot() })
    expect(rig.core.applied()?.position).toBe(position(2, 1))
    expect(rig.verdict(token)).toBe('revoked')
    expect(rig.taken('alarm')).toEqual([])
  })

  it('whose chain is not ours is another past too', () => {
    const { rig, authority } = started()
    const elsewhere = { ...authority.state, chain: new Uint8Array(32).fill(1) }
    const text = new TextDecoder().decode(epochEntry(elsewhere).bytes)
    expect(kindsOf(rig.entry(text))).toContain('fetch-snapshot')
  })

  it('that continues what has not come yet is a gap', () => {
    const { rig, authority, at } = started()
    authority.revoke({ subjects: ['eve'] })
    authority.epoch()
    const [, opening = ''] = since(rig, at)
    const effects = rig.entry(opening)
    expect(kindsOf(effects)).toEqual(['fetch-entries'])
    rig.serve([...effects, ...rig.head()])
    expect(rig.core.applied()?.position).toBe(position(2, 0))
  })

  it('is opened by its own entry only', () => {
    const authority = new Authority()
    authority.state = { ...authority.state, position: position(1, 2 ** 32 - 1) }
    const rig = new Rig({}, { authority })
    authority.floor = authority.state.position
    rig.start()
    expect(rig.core.applied()?.position).toBe(position(1, 2 ** 32 - 1))
    const text = `{"position":${position(2, 0)},"op":"lift","id":"rev_x"}`
    expect(kindsOf(rig.entry(text))).toContain('fetch-entries')
    authority.state = {
      ...authority.state,
      position: position(2, 0),
      chain: chainOver(authority.state.chain, new TextEncoder().encode(text)),
    }
    rig.head()
    expect(rig.core.applied()?.position).toBe(position(1, 2 ** 32 - 1))
  })
})

describe('a snapshot', () => {
  it('is taken where entries are gone', () => {
    const { rig, authority, at, token } = started()
    const old = authority.snapshot()
    authority.revoke({ clients: ['bot'] })
    authority.revoke({ subjects: ['eve'] })
    authority.floor = authority.state.position
    const effects = rig.head()
    expect(effects).toMatchObject([{ kind: 'fetch-snapshot' }])
    const { fetch } = rig.taken('fetch-snapshot')[0] ?? { fetch: 0 }
    // One from between is newer than what is applied; it does not reach the newest head.
    const again = rig.on({ kind: 'snapshot', fetch, ...old })
    expect(kindsOf(again)).toEqual(['applied', 'fetch-snapshot'])
    expect(rig.core.applied()?.position).toBe(at)
    rig.serve(again)
    expect(rig.core.applied()?.position).toBe(at + 2)
    expect(rig.verdict(token)).toBe('revoked')
  })

  it('that comes late is passed over, without an alarm', () => {
    const { rig, authority } = started()
    const old = authority.snapshot()
    rig.head()
    const applied = rig.core.applied()
    authority.floor = (authority.state.position + 1) as Position
    authority.revoke({ clients: ['bot'] })
    rig.head()
    const { fetch } = rig.taken('fetch-snapshot')[0] ?? { fetch: 0 }
    expect(rig.on({ kind: 'snapshot', fetch, ...old })).toEqual([])
    expect(rig.core.applied()?.time).toBe(applied?.time)
    rig.pass(SECOND)
    expect(kindsOf(rig.wake())).toContain('fetch-snapshot')
  })

  it('follows where the stream or the entries say 410', () => {
    const { rig } = started()
    const stream = rig.stream ?? 0
    const effects = rig.on({ kind: 'stream-closed', stream, isGone: true })
    expect(kindsOf(effects)).toEqual(['ask', 'fetch-snapshot'])
    const other = started()
    other.authority.revoke({ clients: ['bot'] })
    other.rig.head()
    const { fetch } = other.rig.taken('fetch-entries')[0] ?? { fetch: 0 }
    expect(other.rig.on({ kind: 'entries-failed', fetch, isGone: true })).toMatchObject([
      { kind: 'fetch-snapshot' },
    ])
  })

  it('of another chain at our place, or of a place before ours, is refused', () => {
    const { rig, authority, at } = started()
    authority.floor = (at + 1) as Position
    for (const spoil of [{ chain: 'C'.repeat(43) }, { position: (at - 1) as Position }]) {
      rig.pass(11 * SECOND)
      rig.effects.length = 0
      const stream = rig.stream ?? -1
      rig.serve(
        rig
          .on({ kind: 'stream-closed', stream, isGone: true })
          .filter(({ kind }) => kind !== 'fetch-snapshot'),
      )
      const { fetch } = rig.taken('fetch-snapshot')[0] ?? { fetch: 0 }
      const { entries } = authority.snapshot()
      const head = authority.head(spoil)
      const before = rig.core.applied()
      expect(kindsOf(rig.on({ kind: 'snapshot', fetch, head, entries }))).toContain('alarm')
      expect(rig.core.applied()).toBe(before)
      rig.pass(5 * SECOND)
      rig.serve(rig.wake())
    }
  })
})
