import { describe, expect, it } from 'vitest'
import { HEAD_TYPE } from '#domain/feed/head.ts'
import { type Authority, jwkOf, SECOND, sign } from './authority.ts'
import { Rig } from './rig.ts'

const kindsOf = (effects: readonly { kind: string }[]): string[] => effects.map(({ kind }) => kind)
/** After one failure a pause is no longer than this, and no shorter than half of it. */
const PAUSE = 0.5 * SECOND

function started(): { rig: Rig; authority: Authority } {
  const rig = new Rig().start()
  rig.effects.length = 0
  rig.pass(SECOND)
  return { rig, authority: rig.authority }
}

function asking() {
  const { rig, authority } = started()
  rig.on({ kind: 'resumed' })
  const [ask] = rig.taken('ask')
  if (ask === undefined) throw new Error('it does not ask')
  return { rig, authority, question: ask.question }
}

/** A verifier that fetches what it has not got: two entries. */
function fetching() {
  const { rig, authority } = started()
  const after = authority.state.position
  authority.revoke({ subjects: ['eve'] })
  authority.revoke({ subjects: ['mallory'] })
  const [fetch] = rig.head()
  if (fetch?.kind !== 'fetch-entries') throw new Error('nothing is fetched')
  const [first = '', second = ''] = authority.texts(after)
  const [old = ''] = authority.texts(0)
  return { rig, fetch: fetch.fetch, old, first, second }
}

describe('what came to nothing is tried again after a pause, and not before', () => {
  it('a question whose answer contradicts what was heard', () => {
    const { rig, authority, question } = asking()
    const forked = authority.head({ chain: 'C'.repeat(43), nonce: question.nonce })
    expect(kindsOf(rig.answer(question, forked))).toEqual(['alarm'])
    rig.pass(PAUSE)
    expect(kindsOf(rig.wake())).toContain('ask')
  })

  it('a question that an answer to another one came for', () => {
    const { rig, authority, question } = asking()
    const other = authority.head({ nonce: 'n'.repeat(43) })
    expect(kindsOf(rig.answer(question, other))).toEqual(['alarm'])
    rig.pass(PAUSE)
    expect(kindsOf(rig.wake())).toContain('ask')
  })

  it('a question whose answer took too long to tell the time', () => {
    const { rig, question } = asking()
    rig.pass(1.6 * SECOND)
    expect(kindsOf(rig.answer(question))).not.toContain('ask')
    rig.pass(PAUSE)
    expect(kindsOf(rig.wake())).toContain('ask')
  })

  it('a snapshot that could not be had', () => {
    const { rig } = started()
    rig.on({ kind: 'stream-closed', stream: rig.stream ?? -1, isGone: true })
    const { fetch } = rig.taken('fetch-snapshot')[0] ?? { fetch: -1 }
    expect(kindsOf(rig.on({ kind: 'snapshot-failed', fetch }))).not.toContain('fetch-snapshot')
    rig.pass(PAUSE)
    expect(kindsOf(rig.wake())).toContain('fetch-snapshot')
  })

  it('entries of which one cannot be read, with an alarm, though some were new', () => {
    const { rig, fetch, first } = fetching()
    const effects = rig.on({ kind: 'entries', fetch, entries: [first, '{"position":1}'] })
    expect(kindsOf(effects)).toEqual(['alarm'])
    rig.pass(PAUSE)
    expect(kindsOf(rig.wake())).toContain('fetch-entries')
  })

  it('entries that were there already', () => {
    const { rig, fetch, old } = fetching()
    expect(kindsOf(rig.on({ kind: 'entries', fetch, entries: [old] }))).toEqual([])
    rig.pass(PAUSE)
    expect(kindsOf(rig.wake())).toContain('fetch-entries')
  })

  it('but entries that bring it nearer are gone on with at once', () => {
    const { rig, fetch, old, first } = fetching()
    const effects = rig.on({ kind: 'entries', fetch, entries: [old, first] })
    expect(kindsOf(effects)).toEqual(['fetch-entries'])
  })
})

describe('a head whose time cannot have come yet', () => {
  it('tells nothing of when it was issued: a key may still come to be known', () => {
    const { rig, authority } = started()
    authority.clockMicros += 10 * SECOND
    rig.serve(rig.head())
    rig.pass(1000)
    const token = authority.token({}, { kid: 'key_new' }, jwkOf('key_new'))
    expect(rig.verdict(token)).toBe('stale behind')
  })
})

describe('being woken', () => {
  it('is not asked for anew by what comes just before', () => {
    const rig = new Rig().start()
    const { atMicros = 0 } = rig.taken('wake').at(-1) ?? {}
    expect(atMicros).toBeGreaterThan(rig.now)
    rig.pass(atMicros - rig.now - 1000)
    expect(rig.core.on({ kind: 'unanswered', nonce: 'nobody’s' }, rig.now)).toEqual([])
  })
})

describe('the first answer', () => {
  it('that names two keys by one name is believed of the first, which signed it', () => {
    const rig = new Rig()
    const { authority } = rig
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const { nonce } = ask.question
    const feedKeys = [authority.feedKey, jwkOf('key_feed1', 'evil')]
    const head = sign(authority.feedKey, HEAD_TYPE, authority.headClaims({ nonce }))
    rig.serve(rig.on({ kind: 'answered', nonce, head, feedKeys }))
    expect(rig.core.feedKeys()).toEqual([authority.feedKey])
    rig.pass(SECOND)
    rig.head()
    expect(rig.core.applied()?.time).toBe(authority.state.timeMicros)
  })
})
