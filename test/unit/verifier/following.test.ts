import { describe, expect, it } from 'vitest'
import { chainOver, nextEntry } from '#domain/feed/entry.ts'
import { position, type Position } from '#domain/feed/position.ts'
import { HEAD_TYPE } from '#domain/feed/head.ts'
import { type Authority, SECOND, sign } from './authority.ts'
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

describe('entries that come by the stream', () => {
  it('count when a signed head reaches them, and not before', () => {
    const { rig, authority, at, token } = started()
    const id = authority.revoke({ clients: ['bot'] }, { message: 'ask Ann' })
    const [text = ''] = since(rig, at)
    expect(rig.entry(text)).toEqual([])
    expect(rig.verdict(token)).toBe('accepted')
    expect(rig.head()).toMatchObject([
      {
        kind: 'applied',
        position: authority.state.position,
        timeMicros: authority.state.timeMicros,
      },
      { kind: 'acknowledge' },
    ])
    expect(rig.decide(token).decision).toEqual({
      verdict: 'revoked',
      reason: 'other',
      message: 'ask Ann',
      revocationId: id,
      claims: expect.objectContaining({ client_id: 'bot' }),
      detail: 'it is revoked (other)',
    })
  })

  it('count once, and in order only', () => {
    const { rig, authority, at, token } = started()
    authority.revoke({ subjects: ['eve'] })
    authority.revoke({ clients: ['bot'] })
    const [first = '', second = ''] = since(rig, at)
    // The second one first: there is a gap, and what is missing is fetched.
    expect(rig.entry(second)).toMatchObject([{ kind: 'fetch-entries', after: at }])
    rig.entry(first)
    rig.entry(first)
    rig.entry(first)
    expect(rig.taken('alarm')).toEqual([])
    rig.entry(second)
    rig.head()
    expect(rig.verdict(token)).toBe('revoked')
    expect(rig.taken('alarm')).toEqual([])
  })

  it('are missed when a head lies beyond them, and fetched then', () => {
    const { rig, authority, at, token } = started()
    authority.revoke({ clients: ['bot'] })
    const effects = rig.head()
    expect(effects).toMatchObject([{ kind: 'fetch-entries', after: at }])
    expect(rig.verdict(token)).toBe('accepted')
    rig.serve(effects)
    expect(rig.verdict(token)).toBe('revoked')
  })

  it('are fetched in pages, up to the newest head', () => {
    const { rig, authority, at } = started()
    for (let i = 0; i < 5; i++) authority.revoke({ subjects: [`eve${i}`] })
    const [fetch] = rig.head()
    if (fetch?.kind !== 'fetch-entries') throw new Error('nothing is fetched')
    const page = since(rig, at).slice(0, 2)
    const more = rig.on({ kind: 'entries', fetch: fetch.fetch, entries: page })
    expect(more).toMatchObject([{ kind: 'fetch-entries', after: at + 2 }])
    expect(rig.core.applied()?.position).toBe(at)
    rig.serve(more)
    expect(rig.core.applied()?.position).toBe(at + 5)
  })

  it('that were changed are let go of and fetched anew, with an alarm', () => {
    const { rig, authority, at, token } = started()
    authority.revoke({ clients: ['bot'] })
    const [text = ''] = since(rig, at)
    rig.entry(text.replace('"bot"', '"bat"'))
    const effects = rig.head()
    expect(effects).toMatchObject([
      { kind: 'alarm', detail: expect.stringContaining('does not speak for') },
      { kind: 'close-stream' },
      { kind: 'fetch-entries', after: at },
    ])
    expect(rig.core.applied()?.position).toBe(at)
    rig.serve(effects)
    expect(rig.verdict(token)).toBe('revoked')
    // The stream is opened again, from where the log is now.
    rig.pass(SECOND)
    expect(rig.wake()).toMatchObject([{ kind: 'open-stream', after: at + 1 }])
  })

  it('that no head speaks for are never obeyed, though they follow', () => {
    const { rig, authority, at, token } = started()
    const forged = nextEntry(authority.state, 'lift', { id: 'rev_x' })
    rig.entry(new TextDecoder().decode(forged.bytes))
    rig.serve(rig.head())
    expect(rig.core.applied()?.position).toBe(at)
    expect(rig.verdict(token)).toBe('accepted')
    authority.revoke({ clients: ['bot'] })
    rig.serve([...since(rig, at).flatMap((text) => rig.entry(text)), ...rig.head()])
    expect(rig.verdict(token)).toBe('revoked')
  })

  it('that cannot be read are not passed over', () => {
    const { rig, authority, at, token } = started()
    expect(rig.entry('{"position":1}')).toMatchObject([
      { kind: 'alarm', detail: expect.stringContaining('position') },
      { kind: 'fetch-entries', after: at },
    ])
    // The same alarm is not raised again at once.
    expect(kindsOf(rig.entry('{"position":1}'))).not.toContain('alarm')
    rig.pass(10 * SECOND)
    expect(kindsOf(rig.entry('{"position":1}'))).toContain('alarm')
    expect(authority.state.position).toBe(at)
    expect(token).toBeDefined()
  })

  it('that are passed over by their own word move the place', () => {
    const { rig, authority, at } = started()
    const text = `{"position":${at + 1},"op":"novel","ignorable":true}`
    const bytes = new TextEncoder().encode(text)
    const chain = chainOver(authority.state.chain, bytes)
    authority.state = { ...authority.state, position: (at + 1) as Position, chain }
    rig.entry(text)
    rig.head()
    expect(rig.core.applied()?.position).toBe(at + 1)
  })

  it('from another stream, or after it was closed, are passed over', () => {
    const { rig, authority, at } = started()
    authority.revoke({ clients: ['bot'] })
    const [text = ''] = since(rig, at)
    const stream = rig.stream ?? 0
    expect(rig.on({ kind: 'stream-entry', stream: stream + 1, text })).toEqual([])
    expect(rig.on({ kind: 'stream-head', stream: stream + 1, text: authority.head() })).toEqual([])
    expect(rig.on({ kind: 'stream-closed', stream: stream + 1, isGone: true })).toEqual([])
    rig.on({ kind: 'stream-closed', stream, isGone: false })
    rig.on({ kind: 'stream-entry', stream, text })
    rig.on({ kind: 'stream-head', stream, text: authority.head() })
    expect(rig.core.applied()?.position).toBe(at)
  })
})

describe('heads', () => {
  const forkOf = (rig: Rig, about: object): string => rig.authority.head(about)

  it.for([
    ['another chain at the same place', { chain: 'C'.repeat(43) }],
    ['an earlier place at a later time', { position: position(1, 1) }],
  ] as const)('are refused with an alarm: %s', ([, about]) => {
    const { rig, token } = started()
    const before = rig.core.applied()
    const effects = rig.head(forkOf(rig, about))
    expect(effects).toMatchObject([
      { kind: 'alarm', detail: expect.stringContaining('contradicts') },
    ])
    expect(rig.core.applied()).toBe(before)
    expect(rig.verdict(token)).toBe('accepted')
    // And no sync of them either.
    rig.pass(SECOND)
    rig.on({ kind: 'resumed' })
    const [ask] = rig.taken('ask')
    if (ask === undefined) throw new Error('it does not ask')
    rig.answer(ask.question, forkOf(rig, { ...about, nonce: ask.question.nonce }))
    expect(rig.core.interval(rig.now)).toBeUndefined()
    expect(rig.taken('alarm')).toEqual([])
  })

  it('are refused: a later place at the same or an earlier time', () => {
    const { rig, authority, at } = started()
    rig.head()
    const { time } = rig.core.applied() ?? { time: 0 }
    for (const earlier of [time, time - 1]) {
      rig.pass(11 * SECOND)
      rig.head(authority.head())
      rig.effects.length = 0
      rig.head(authority.head({ time: earlier, position: (at + 1) as Position }))
      expect(rig.taken('alarm')).toHaveLength(1)
    }
  })

  it('that are older than what is applied change nothing', () => {
    const { rig, authority, at } = started()
    const older = authority.head()
    authority.revoke({ clients: ['bot'] })
    rig.follow()
    const before = rig.core.applied()
    expect(rig.head(older)).toEqual([])
    expect(rig.core.applied()).toBe(before)
    expect(before?.position).toBe(at + 1)
  })

  it('that wait are each applied when their entries come, the newest first', () => {
    const { rig, authority, at } = started()
    authority.revoke({ subjects: ['eve'] })
    rig.head()
    authority.revoke({ subjects: ['mallory'] })
    rig.head()
    const [first = '', second = ''] = since(rig, at)
    rig.entry(first)
    expect(rig.core.applied()?.position).toBe(at + 1)
    rig.entry(second)
    expect(rig.core.applied()?.position).toBe(at + 2)
    expect(rig.taken('applied').map(({ position: one }) => one)).toEqual([at + 1, at + 2])
  })

  it('that wait are not kept without end', () => {
    const { rig, authority, at } = started()
    const texts: string[] = []
    for (let i = 0; i < 20; i++) {
      authority.revoke({ subjects: [`eve${i}`] })
      texts.push(authority.head())
    }
    for (const text of texts) rig.head(text)
    const entries = since(rig, at)
    for (const text of entries.slice(0, 4)) rig.entry(text)
    expect(rig.core.applied()?.position).toBe(at)
    rig.entry(entries[4] ?? '')
    expect(rig.core.applied()?.position).toBe(at + 5)
  })

  it.for([
    ['its signature is forged', (text: string) => `${text.slice(0, -2)}AA`],
    ['not canonical', (text: string) => `${text}=`],
    ['three parts', () => 'x'],
    ['type is not', (_: string, a: Authority) => sign(a.feedKey, 'at+jwt', a.headClaims())],
    ['crit', (_: string, a: Authority) => a.head({}, { crit: ['b64'] })],
    ['names no key', (_: string, a: Authority) => a.head({}, { kid: 7 })],
    ['algorithm', (_: string, a: Authority) => a.head({}, { alg: 'none' })],
    ['another authority', (_: string, a: Authority) => a.head({ iss: 'https://other.test' })],
    ['its position', (_: string, a: Authority) => a.head({ position: 5 as Position })],
    ['its chain', (_: string, a: Authority) => a.head({ chain: 'x' })],
    ['its chain', (_: string, a: Authority) => a.head({ chain: 7 as never })],
    ['its digest', (_: string, a: Authority) => a.head({ digest: `${'x'.repeat(42)}=` })],
    ['its time', (_: string, a: Authority) => a.head({ time: -1 })],
    ['its time', (_: string, a: Authority) => a.head({ time: '5' as never })],
    ['its time', (_: string, a: Authority) => a.head({ time: 2 ** 60 })],
    ['its heartbeat', (_: string, a: Authority) => a.head({ heartbeat: 0 })],
    ['its heartbeat', (_: string, a: Authority) => a.head({ heartbeat: 60_001 })],
    ['its heartbeat', (_: string, a: Authority) => a.head({ heartbeat: 'x' as never })],
    ['its maxTtl', (_: string, a: Authority) => a.head({ maxTtl: 1.5 })],
    ['its floor', (_: string, a: Authority) => a.head({ floor: 0 as Position })],
    ['its limits', (_: string, a: Authority) => a.head({ limits: undefined as never })],
    ['its limits', (_: string, a: Authority) => a.head({ limits: null as never })],
    [
      'its limits',
      (_: string, a: Authority) => a.head({ limits: { strict: 1, standard: 1 } as never }),
    ],
    ['its nonce', (_: string, a: Authority) => a.head({ nonce: 7 as never })],
  ] as const)('are refused: %s', ([detail, spoil]) => {
    const { rig, authority } = started()
    const before = rig.core.applied()
    const effects = rig.head(spoil(authority.head(), authority))
    expect(effects).toMatchObject([{ kind: 'alarm', detail: expect.stringContaining(detail) }])
    expect(rig.core.applied()).toBe(before)
  })

  it('are heads and nothing else, however long', () => {
    const { rig, authority } = started()
    const long = sign(authority.feedKey, HEAD_TYPE, {
      ...authority.headClaims(),
      x: 'x'.repeat(4000),
    })
    expect(rig.head(long)).toMatchObject([{ kind: 'alarm' }])
  })

  it.for([
    [1, 'applied'],
    [60_000, 'applied'],
  ] as const)('may beat every %i ms', ([heartbeat]) => {
    const { rig, authority } = started()
    expect(kindsOf(rig.head(authority.head({ heartbeat })))).toContain('applied')
  })
})
