import { describe, expect, it } from 'vitest'
import { Authority, endorsementOf, jwkOf, SECOND, T0 } from './authority.ts'
import { Rig } from './rig.ts'

const K1 = jwkOf('key_feed1')
const K2 = jwkOf('key_feed2')
const K3 = jwkOf('key_feed3')
const AT = T0 / SECOND

/** Puts another feed key in the place of the one that signs. */
function succeed(
  authority: Authority,
  next = K2,
  { endorsement = endorsementOf(authority.feedKey, next), end = 'retired' as const } = {},
): void {
  const { feedKey } = authority
  authority.key(next['kid'] ?? '', { purpose: 'feed', jwk: next, endorsement })
  authority.key(feedKey['kid'] ?? '', { purpose: 'feed', jwk: feedKey, state: end })
  authority.feedKey = next
}

function started(about = {}): { rig: Rig; authority: Authority } {
  const rig = new Rig(about).start()
  rig.pass(SECOND)
  rig.effects.length = 0
  return { rig, authority: rig.authority }
}

describe('the keys of tokens', () => {
  it.for([
    ['prepared', {}, 'accepted'],
    ['active', {}, 'accepted'],
    ['retiring', {}, 'accepted'],
    ['retired', {}, 'invalid'],
    ['revoked', {}, 'invalid'],
  ] as const)('%s: %s', ([state, about, verdict]) => {
    const { rig, authority } = started()
    const token = authority.token()
    authority.key('key_a', { state, ...about })
    rig.follow()
    expect(rig.verdict(token)).toBe(verdict)
  })

  it('that retire verify until their time and the leeway', () => {
    const { rig, authority } = started()
    authority.key('key_a', { state: 'retiring', retireAfter: (AT + 10) * 1000 })
    const token = authority.token()
    rig.follow()
    const end = rig.now + Math.floor(((AT + 12) * SECOND - rig.upper) / (1 + 200e-6))
    rig.now = end - 3
    expect(rig.verdict(token)).toBe('accepted')
    rig.now = end + 3
    expect(rig.verdict(token)).toBe('invalid')
  })

  it('that are revoked say why, but only of what they signed', () => {
    const { rig, authority } = started()
    const token = authority.token()
    const id = authority.revoke(
      { keys: ['key_a'] },
      { cut: null, reason: 'compromise', message: 'stolen' },
    )
    authority.key('key_a', { state: 'revoked' })
    rig.follow()
    expect(rig.decide(token).decision).toMatchObject({
      verdict: 'revoked',
      revocationId: id,
      message: 'stolen',
    })
    expect(rig.decide(`${token.slice(0, -3)}AAA`).decision).not.toHaveProperty('message')
  })

  it('of another purpose, or that are no keys, verify nothing', () => {
    const { rig, authority } = started()
    for (const purpose of ['feed', 'status', 'audit'] as const) {
      authority.key(`key_${purpose}`, { purpose })
    }
    authority.key('key_odd', { jwk: { kid: 'key_odd', kty: 'oct' } })
    rig.follow()
    for (const kid of ['key_feed', 'key_status', 'key_audit', 'key_odd']) {
      const token = authority.token({}, {}, jwkOf(kid))
      expect(rig.verdict(token)).toBe('stale behind')
    }
    // One that was a key and is none any more.
    authority.key('key_a', { jwk: { kid: 'key_a', kty: 'oct' } })
    const token = authority.token()
    rig.follow()
    expect(rig.verdict(token)).toBe('stale behind')
  })
})

describe('the keys of heads', () => {
  it('are those of the first answer, and from then on no others', () => {
    const { rig, authority } = started()
    expect(rig.core.feedKeys()).toEqual([K1])
    rig.pass(SECOND)
    const token = authority.token({ feed_seq: authority.state.position + 1 })
    const [ask] = rig.decide(token).effects
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    authority.feedKey = K2
    rig.answer(ask.question)
    expect(rig.core.feedKeys()).toEqual([K1])
    expect(rig.core.applied()?.time).toBeLessThan(authority.state.timeMicros)
  })

  it('of the first answer are taken only with a head that they signed', () => {
    const rig = new Rig()
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const { nonce } = ask.question
    const head = rig.authority.head({ nonce })
    rig.on({ kind: 'answered', nonce, head, feedKeys: [K2] })
    expect(rig.core.feedKeys()).toEqual([])
    expect(rig.core.interval(rig.now)).toBeUndefined()
  })

  it('without a name are none', () => {
    const { kid: _, ...nameless } = K2
    expect(new Rig({ feedKeys: [nameless as never] }).core.feedKeys()).toEqual([])
  })

  it('that are pinned are the only ones', () => {
    const rig = new Rig({ feedKeys: [K2] }).start()
    expect(rig.core.interval(rig.now)).toBeUndefined()
    expect(rig.core.applied()).toBeUndefined()
    const good = new Rig({ feedKeys: [K1] }).start()
    expect(good.core.applied()).toBeDefined()
  })

  it('follow from one to the next by the word of the one before', () => {
    const { rig, authority } = started()
    succeed(authority)
    rig.follow()
    expect(rig.core.applied()?.position).toBe(authority.state.position)
    expect(rig.core.feedKeys()).toEqual([K1, K2])
    succeed(authority, K3)
    rig.follow()
    expect(rig.core.applied()?.position).toBe(authority.state.position)
    expect(rig.taken('alarm')).toEqual([])
  })

  it('follow at a first start with an old pin, through the snapshot', () => {
    const authority = new Authority()
    succeed(authority)
    succeed(authority, K3)
    const rig = new Rig({ feedKeys: [K1] }, { authority })
    const effects = rig.on({ kind: 'started' })
    const [ask] = effects
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const after = rig.answer(ask.question)
    expect(after).toMatchObject([{ kind: 'fetch-snapshot' }])
    rig.serve(after)
    expect(rig.core.applied()).toBeUndefined()
    expect(rig.core.feedKeys()).toEqual([K1, K2, K3])
    rig.pass(SECOND)
    rig.serve(rig.wake())
    expect(rig.core.applied()?.position).toBe(authority.state.position)
    expect(rig.taken('alarm')).toEqual([])
  })

  it('are fetched when an unknown one signs, and only then an alarm is raised', () => {
    const { rig, authority } = started()
    succeed(authority)
    const effects = rig.head()
    expect(effects).toMatchObject([{ kind: 'fetch-entries' }])
    rig.serve(effects)
    rig.head()
    expect(rig.core.applied()?.position).toBe(authority.state.position)
    expect(rig.taken('alarm')).toEqual([])
    authority.feedKey = K3
    rig.pass(SECOND)
    expect(rig.head()).toMatchObject([{ kind: 'fetch-entries' }])
    // Nothing more is known before the fetch has ended.
    expect(rig.head()).toEqual([])
    const { fetch } = rig.taken('fetch-entries')[0] ?? { fetch: 0 }
    rig.on({ kind: 'entries', fetch, entries: [] })
    expect(rig.head()).toMatchObject([
      { kind: 'alarm', detail: expect.stringContaining('trusted') },
    ])
  })

  it.for<readonly [string, () => string]>([
    ['no word', () => ''],
    ['a word of the key itself', () => endorsementOf(K2, K2)],
    ['a stranger’s word', () => endorsementOf(jwkOf('key_x'), K2)],
    ['a stranger’s word under a trusted name', () => endorsementOf(jwkOf('key_feed1', 'x'), K2)],
    ['a word for another key', () => endorsementOf(K1, K2, { jkt: 'x' })],
    ['a word for another name', () => endorsementOf(K1, K2, { kid: 'key_feed3' })],
    ['another authority’s word', () => endorsementOf(K1, K2, { iss: 'https://other.test' })],
    ['a word of another type', () => endorsementOf(K1, K2, {}, { typ: 'feed-head+jwt' })],
    ['a word with extensions', () => endorsementOf(K1, K2, {}, { crit: ['x'] })],
    ['a word of another algorithm', () => endorsementOf(K1, K2, {}, { alg: 'none' })],
    ['no name', () => endorsementOf(K1, K2, {}, { kid: undefined })],
    ['a forged word', () => `${endorsementOf(K1, K2).slice(0, -3)}AAA`],
    ['no JWS', () => 'x'],
  ])('are not believed on %s', ([, word]) => {
    const { rig, authority } = started()
    const { position } = authority.state
    const endorsement = word()
    authority.key('key_feed2', {
      purpose: 'feed',
      jwk: K2,
      ...(endorsement === '' ? {} : { endorsement }),
    })
    authority.feedKey = K2
    rig.follow()
    expect(rig.core.feedKeys()).toEqual([K1])
    expect(rig.core.applied()?.position).toBe(position)
    // The entry itself may be vouched for, and still makes no key of heads.
    authority.feedKey = K1
    rig.follow()
    expect(rig.core.applied()?.position).toBe(position + 1)
    expect(rig.core.feedKeys()).toEqual([K1])
  })

  it('of another purpose are none, whoever names them', () => {
    const { rig, authority } = started()
    authority.key('key_b', { jwk: jwkOf('key_b'), endorsement: endorsementOf(K1, jwkOf('key_b')) })
    rig.follow()
    expect(rig.core.feedKeys()).toEqual([K1])
  })

  it('that were never in use are not taken at their end', () => {
    const { rig, authority } = started()
    authority.key('key_feed2', {
      purpose: 'feed',
      jwk: K2,
      state: 'retired',
      endorsement: endorsementOf(K1, K2),
    })
    rig.follow()
    expect(rig.core.feedKeys()).toEqual([K1])
  })

  it('without a thumbprint are none', () => {
    const { rig, authority } = started()
    const odd = { kid: 'key_feed2', kty: 'oct' }
    authority.key('key_feed2', { purpose: 'feed', jwk: odd, endorsement: endorsementOf(K1, odd) })
    rig.follow()
    expect(rig.core.feedKeys()).toEqual([K1])
  })

  it('of one name are not exchanged for others', () => {
    const { rig, authority } = started()
    const other = jwkOf('key_feed1', 'other')
    authority.key('key_feed1', {
      purpose: 'feed',
      jwk: other,
      endorsement: endorsementOf(K1, other),
    })
    rig.follow()
    expect(rig.core.feedKeys()).toEqual([K1])
  })

  it.for(['retired', 'revoked'] as const)('that are %s sign no more from then on', (end) => {
    const { rig, authority } = started()
    const { position } = authority.state
    authority.revoke({ subjects: ['eve'] })
    const before = authority.head()
    succeed(authority, K2, { end: end as never })
    const [, ...later] = authority.texts(position)
    authority.feedKey = K1
    const after = authority.head()
    authority.feedKey = K2
    // A head from before the end is still good, wherever it comes.
    for (const text of authority.texts(position)) rig.entry(text)
    rig.head(before)
    expect(rig.core.applied()?.position).toBe(position + 1)
    expect(later).toHaveLength(2)
    // One from after it is not, though its entries have come and only they tell of the end.
    expect(rig.head(after)).toMatchObject([
      { kind: 'alarm', detail: expect.stringContaining('ended') },
    ])
    expect(rig.core.applied()?.position).toBe(position + 1)
    rig.head()
    expect(rig.core.applied()?.position).toBe(authority.state.position)
    // And once it is applied, neither are its later heads or its word.
    authority.feedKey = K1
    rig.pass(11 * SECOND)
    expect(rig.head()).toMatchObject([{ kind: 'alarm' }])
    authority.feedKey = K2
    authority.key('key_feed3', { purpose: 'feed', jwk: K3, endorsement: endorsementOf(K1, K3) })
    rig.follow()
    expect(rig.core.feedKeys()).toEqual([K1, K2])
  })

  it('that retire still sign', () => {
    const { rig, authority } = started()
    authority.key('key_feed1', { purpose: 'feed', jwk: K1, state: 'retiring' })
    rig.follow()
    expect(rig.core.applied()?.position).toBe(authority.state.position)
  })

  it('of the same name and another purpose do not end them', () => {
    const { rig, authority } = started()
    authority.key('key_feed1', { purpose: 'status', state: 'revoked' })
    rig.follow()
    rig.pass(SECOND)
    rig.follow()
    expect(rig.core.applied()?.time).toBe(authority.state.timeMicros)
  })

  it('that had ended sign no snapshot', () => {
    const authority = new Authority()
    succeed(authority)
    authority.floor = authority.state.position
    authority.feedKey = K1
    const rig = new Rig({ feedKeys: [K1] }, { authority }).start()
    expect(rig.core.applied()).toBeUndefined()
    expect(rig.taken('alarm')).toMatchObject([
      { detail: 'a snapshot was refused: its head was signed by a key that had ended' },
    ])
    // And what a sound one says of its end is kept.
    authority.feedKey = K2
    const sound = new Rig({ feedKeys: [K1, K2] }, { authority }).start()
    expect(sound.core.applied()).toBeDefined()
    sound.effects.length = 0
    authority.feedKey = K1
    sound.pass(SECOND)
    expect(sound.head()).toMatchObject([
      { kind: 'alarm', detail: expect.stringContaining('ended') },
    ])
  })
})
