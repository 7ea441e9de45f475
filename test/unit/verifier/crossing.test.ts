import { describe, expect, it } from 'vitest'
import { HEAD_TYPE, type HeadClaims } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import { Authority, SECOND, sign } from './authority.ts'
import { Rig } from './rig.ts'

const kindsOf = (effects: readonly { kind: string }[]): string[] => effects.map(({ kind }) => kind)

/** A verifier that has applied a feed whose last two entries are in force no more. */
function started(): { rig: Rig; authority: Authority; at: Position; token: string } {
  const authority = new Authority()
  authority.lift(authority.revoke({ subjects: ['nobody'] }))
  const rig = new Rig({}, { authority }).start()
  const token = authority.token()
  rig.effects.length = 0
  rig.pass(SECOND)
  return { rig, authority, at: authority.state.position, token }
}

/** A head between what is applied and one that has been heard, whose entries have not come. */
function between(spoil: (claims: HeadClaims) => Partial<HeadClaims>) {
  const { rig, authority, at, token } = started()
  const claims = authority.headClaims()
  authority.revoke({ clients: ['bot'] })
  const [asked] = rig.head()
  if (asked?.kind !== 'fetch-entries') throw new Error('nothing is fetched')
  rig.effects.length = 0
  const head = authority.head({ ...claims, ...spoil(claims) })
  return { rig, authority, at, token, head, fetch: asked.fetch }
}

const forks = [
  ['another chain at our place', () => ({ chain: 'C'.repeat(43) })],
  ['a place before ours', ({ position }: HeadClaims) => ({ position: (position - 1) as Position })],
] as const

describe('heads that cross', () => {
  it.for(forks)('are refused though a later one was heard: %s', ([, spoil]) => {
    const { rig, authority, at, token, head } = between(spoil)
    const before = rig.core.applied()
    const effects = rig.head(head)
    expect(effects).toMatchObject([
      { kind: 'alarm', detail: 'the feed has forked: one position has two chains' },
    ])
    expect(rig.core.applied()).toBe(before)
    // What had come is not let go of for it.
    for (const text of authority.texts(at)) rig.entry(text)
    expect(rig.verdict(token)).toBe('revoked')
  })

  it.for([
    [...forks[0], 'the feed has forked: one position has two chains'],
    [...forks[1], 'it goes back behind what is applied'],
  ] as const)('are refused in a snapshot too: %s', ([, spoil, detail]) => {
    const { rig, authority, at, token, head, fetch: gone } = between(spoil)
    const { entries } = authority.snapshot()
    const before = rig.core.applied()
    rig.on({ kind: 'entries-failed', fetch: gone, isGone: true })
    const { fetch } = rig.taken('fetch-snapshot')[0] ?? { fetch: -1 }
    const known = entries.filter((text) => JSON.parse(text).position < at)
    const effects = rig.on({ kind: 'snapshot', fetch, head, entries: known })
    expect(effects).toMatchObject([{ kind: 'alarm', detail: `a snapshot was refused: ${detail}` }])
    expect(rig.core.applied()).toBe(before)
    expect(rig.verdict(token)).toBe('accepted')
  })

  it('are let go of by their age, in whatever order they came', () => {
    const { rig, authority, at } = started()
    authority.revoke({ subjects: ['eve'] })
    const heads = Array.from({ length: 20 }, () => authority.head())
    for (const text of heads.toReversed()) rig.head(text)
    for (const text of authority.texts(at)) rig.entry(text)
    expect(rig.core.applied()?.time).toBe(authority.state.timeMicros)
  })

  it('are not applied from before what was begun with', () => {
    const authority = new Authority()
    const rig = new Rig({}, { authority })
    const older = authority.headClaims()
    rig.pass(SECOND)
    rig.on({ kind: 'kept', ...authority.snapshot(), feedKeys: [authority.feedKey] })
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const { nonce } = ask.question
    rig.answer(ask.question, sign(authority.feedKey, HEAD_TYPE, { ...older, nonce }))
    expect(rig.core.applied()).toBeUndefined()
    expect(rig.taken('alarm')).toEqual([])
    rig.pass(SECOND)
    rig.serve(rig.wake())
    rig.head()
    expect(rig.core.applied()?.time).toBe(authority.state.timeMicros)
  })

  it('are not acknowledged while what is held is not theirs', () => {
    const { rig, authority } = started()
    const before = rig.core.applied()
    rig.head(authority.head({ digest: 'D'.repeat(43) }))
    rig.pass(SECOND)
    const effects = rig.head()
    expect(kindsOf(effects)).not.toContain('applied')
    expect(kindsOf(effects)).not.toContain('acknowledge')
    expect(rig.core.applied()).toBe(before)
  })

  it('do not spoil the snapshot that was made before them', () => {
    const { rig, authority, token } = started()
    const snapshot = authority.snapshot()
    rig.pass(1000)
    rig.head(authority.head({ digest: 'D'.repeat(43) }))
    const { fetch } = rig.taken('fetch-snapshot')[0] ?? { fetch: -1 }
    rig.on({ kind: 'snapshot', fetch, ...snapshot })
    expect(rig.verdict(token)).toBe('accepted')
    expect(rig.taken('alarm')).toEqual([])
  })
})
