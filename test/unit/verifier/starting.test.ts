import { describe, expect, it } from 'vitest'
import { ORIGIN, position } from '#domain/feed/position.ts'
import { Authority, AUDIENCE, jwkOf, SECOND } from './authority.ts'
import { Rig } from './rig.ts'

describe('a verifier that starts', () => {
  it('decides nothing before it was answered, and asks who it is', () => {
    const rig = new Rig()
    const token = rig.authority.token()
    const { decision, effects } = rig.decide(token)
    expect(decision).toMatchObject({ verdict: 'stale', cause: 'cold', retryAfterSeconds: 1 })
    expect(rig.core.staleness(rig.now)).toBe('cold')
    expect(rig.core.applied()).toBeUndefined()
    expect(rig.core.interval(rig.now)).toBeUndefined()
    expect(effects).toMatchObject([
      {
        kind: 'ask',
        question: {
          incarnation: 'i'.repeat(22),
          name: 'api-1',
          audiences: [AUDIENCE],
          mode: 'standard',
        },
      },
      { kind: 'wake', atMicros: rig.now + 2 * SECOND },
    ])
    expect(effects[0]).not.toHaveProperty('question.applied')
    expect(effects[0]).toHaveProperty('question.nonce', expect.stringMatching(/^[\w-]{43}$/))
    rig.serve(effects)
    expect(rig.verdict(token)).toBe('accepted')
    expect(rig.core.staleness(rig.now)).toBeUndefined()
    expect(rig.core.applied()).toMatchObject({ position: rig.authority.state.position })
  })

  it('asks as soon as it is started', () => {
    const rig = new Rig()
    expect(rig.on({ kind: 'started' }).map(({ kind }) => kind)).toEqual(['ask'])
  })

  it('takes an empty feed as it is', () => {
    const authority = new Authority()
    authority.log.length = 0
    const rig = new Rig({}, { authority })
    const empty = new Authority()
    Object.assign(authority, { state: { ...empty.state, position: ORIGIN } })
    const question = rig.on({ kind: 'started' })[0]
    if (question?.kind !== 'ask') throw new Error('it does not ask')
    const digest = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
    const head = authority.head({
      nonce: question.question.nonce,
      position: ORIGIN,
      chain: 'A'.repeat(43),
      digest,
    })
    const effects = rig.answer(question.question, head)
    expect(effects.map(({ kind }) => kind)).toContain('applied')
    expect(rig.core.applied()?.position).toBe(ORIGIN)
  })

  it('fetches the entries of a young feed, and opens the stream after them', () => {
    const rig = new Rig()
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const effects = rig.answer(ask.question)
    expect(effects).toMatchObject([
      { kind: 'fetch-entries', after: ORIGIN },
      { kind: 'open-stream', after: ORIGIN },
    ])
    rig.serve(effects)
    expect(rig.taken('applied')).toMatchObject([{ position: rig.authority.state.position }])
  })

  it('begins far behind, or below the floor, with the snapshot', () => {
    const far = new Authority()
    far.state = { ...far.state, position: position(1, 5001) }
    const low = new Authority()
    low.floor = position(1, 1)
    for (const authority of [far, low]) {
      const rig = new Rig({}, { authority })
      const [ask] = rig.on({ kind: 'started' })
      if (ask?.kind !== 'ask') throw new Error('it does not ask')
      expect(rig.answer(ask.question)).toMatchObject([{ kind: 'fetch-snapshot' }])
    }
    const near = new Authority()
    near.state = { ...near.state, position: position(1, 5000) }
    const rig = new Rig({}, { authority: near })
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    expect(rig.answer(ask.question)).toMatchObject([
      { kind: 'fetch-entries' },
      { kind: 'open-stream' },
    ])
  })

  it('opens the stream where the snapshot ends', () => {
    const authority = new Authority()
    const token = authority.token()
    const spared = authority.token({ client_id: 'other' })
    authority.revoke({ clients: ['bot'] })
    authority.floor = authority.state.position
    const rig = new Rig({}, { authority }).start()
    expect(rig.taken('open-stream')).toMatchObject([{ after: authority.state.position }])
    expect(rig.verdict(token)).toBe('revoked')
    expect(rig.verdict(spared)).toBe('accepted')
  })

  it('takes no lease from the stream', () => {
    const rig = new Rig({ feedKeys: [jwkOf('key_feed1')] })
    rig.on({ kind: 'started' })
    rig.on({
      kind: 'kept',
      ...rig.authority.snapshot(),
      feedKeys: [],
    })
    expect(rig.stream).toBeUndefined()
    expect(rig.taken('open-stream')).toEqual([])
    // Whatever number a shell would make up.
    rig.on({ kind: 'stream-head', stream: 1, text: rig.authority.head() })
    expect(rig.core.applied()).toBeUndefined()
  })
})

describe('state from an earlier start', () => {
  const keptBy = (authority: Authority) => ({
    kind: 'kept' as const,
    ...authority.snapshot(),
    feedKeys: [authority.feedKey],
  })

  it('grants nothing and asks nothing', () => {
    const authority = new Authority()
    const token = authority.token()
    authority.revoke({ clients: ['bot'] })
    const rig = new Rig({}, { authority })
    expect(rig.on(keptBy(authority))).toEqual([])
    expect(rig.effects).toEqual([])
    expect(rig.verdict(token)).toBe('stale cold')
  })

  it('is gone on from, and said to the authority', () => {
    const authority = new Authority()
    const token = authority.token()
    authority.revoke({ clients: ['bot'] })
    const rig = new Rig({}, { authority })
    rig.on(keptBy(authority))
    const { position: at } = authority.state
    const later = authority.revoke({ subjects: ['eve'] })
    const effects = rig.on({ kind: 'started' })
    expect(effects[0]).toMatchObject({
      kind: 'ask',
      question: { applied: { position: at, time: expect.any(Number), chain: expect.any(String) } },
    })
    rig.serve(effects)
    expect(rig.taken('fetch-entries')).toMatchObject([{ after: at }])
    expect(rig.verdict(token)).toBe('revoked')
    const eve = authority.token({ sub: 'eve', feed_seq: at, root_seq: at })
    expect(rig.decide(eve).decision.revocationId).toBe(later)
  })

  it('is as old as its head: its time alone is no lease', () => {
    const authority = new Authority()
    const rig = new Rig({}, { authority })
    rig.on(keptBy(authority))
    expect(rig.core.applied()).toBeUndefined()
    rig.on({ kind: 'started' })
    expect(rig.core.staleness(rig.now)).toBe('cold')
  })

  it('carries the trust of its start, and a pin stands above it', () => {
    const authority = new Authority()
    const trusting = new Rig({}, { authority })
    trusting.on(keptBy(authority))
    expect(trusting.core.feedKeys()).toEqual([authority.feedKey])
    const [ask] = trusting.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const stranger = new Authority()
    stranger.feedKey = jwkOf('key_stranger')
    const { nonce } = ask.question
    const feedKeys = [stranger.feedKey]
    trusting.on({ kind: 'answered', nonce, head: stranger.head({ nonce }), feedKeys })
    expect(trusting.core.interval(trusting.now)).toBeUndefined()

    const pinned = new Rig({ feedKeys: [jwkOf('key_pinned')] }, { authority })
    pinned.on(keptBy(authority))
    expect(pinned.core.feedKeys()).toEqual([jwkOf('key_pinned')])
    expect(pinned.on({ kind: 'started' })[0]).not.toHaveProperty('question.applied')
  })

  it.for([
    ['cut short', (kept: string[]) => kept.slice(0, -1)],
    ['torn', (kept: string[]) => [...kept.slice(0, -1), (kept.at(-1) ?? '').slice(0, 20)]],
    ['empty', () => []],
  ] as const)('that is %s is passed over', ([, damage]) => {
    const authority = new Authority()
    authority.revoke({ clients: ['bot'] })
    const rig = new Rig({}, { authority })
    const kept = keptBy(authority)
    expect(rig.on({ ...kept, entries: damage(kept.entries) })).toEqual([])
    expect(rig.core.feedKeys()).toEqual([])
    const effects = rig.on({ kind: 'started' })
    expect(effects[0]).not.toHaveProperty('question.applied')
    rig.serve(effects)
    expect(rig.taken('fetch-entries')).toMatchObject([{ after: ORIGIN }])
  })

  it('that comes after the authority spoke is passed over', () => {
    const authority = new Authority()
    const old = keptBy(authority)
    authority.revoke({ clients: ['bot'] })
    const rig = new Rig({}, { authority }).start()
    const token = authority.token({ feed_seq: position(1, 1), root_seq: position(1, 1) })
    expect(rig.verdict(token)).toBe('revoked')
    rig.on(old)
    expect(rig.verdict(token)).toBe('revoked')
  })

  it('is never gone back behind', () => {
    const authority = new Authority()
    authority.revoke({ clients: ['bot'] })
    const rig = new Rig({}, { authority })
    rig.on(keptBy(authority))
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const restored = new Authority()
    restored.clockMicros = authority.clockMicros + 60 * SECOND
    const effects = rig.answer(ask.question, restored.head({ nonce: ask.question.nonce }))
    expect(effects).toMatchObject([{ kind: 'alarm' }])
    expect(rig.core.interval(rig.now)).toBeUndefined()
  })
})
