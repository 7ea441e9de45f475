import { describe, expect, it } from 'vitest'
import type { Position } from '#domain/feed/position.ts'
import { AUDIENCE, Authority, jwkOf, SECOND, sign, T0 } from './authority.ts'
import { Rig } from './rig.ts'

const AT = T0 / SECOND
const BEYOND = 2 ** 40

function started(about = {}): { rig: Rig; authority: Authority } {
  const rig = new Rig(about).start()
  return { rig, authority: rig.authority }
}

describe('a token', () => {
  it.for([
    ['accepted', {}],
    ['accepted', { aud: ['https://x.test', AUDIENCE] }],
    ['accepted', { nbf: AT - 5 }],
    ['accepted', { auth_time: AT - 5 }],
    ['accepted', { acr: 'urn:mfa' }],
    ['accepted', { staleness: 'strict' }],
    ['accepted', { trust: 'ci' }],
    ['accepted', { exp: AT + 3600 }],
    ['accepted', { iat: AT + 2, nbf: AT + 1 }, 300_000],
    ['invalid', { exp: AT + 3601 }],
    ['invalid', { iss: 'https://other.test' }],
    ['invalid', { aud: 'https://other.test' }],
    ['invalid', { aud: [] }],
    ['invalid', { aud: undefined }],
    ['invalid', { jti: undefined }],
    ['invalid', { sub: 7 }],
    ['invalid', { client_id: null }],
    ['invalid', { sid: undefined }],
    ['invalid', { scope: ['read'] }],
    ['invalid', { iat: 'x' }],
    ['invalid', { exp: undefined }],
    ['invalid', { exp: AT + 0.5 }],
    ['invalid', { root_iat: undefined }],
    ['invalid', { feed_seq: undefined }],
    ['invalid', { feed_seq: 0 }],
    ['invalid', { feed_seq: '4294967297' }],
    ['invalid', { root_seq: undefined }],
    ['invalid', { root_seq: BEYOND }],
    ['invalid', { nbf: '5' }],
    ['invalid', { nbf: AT + 0.5 }],
    ['invalid', { auth_time: 'yesterday' }],
    ['invalid', { acr: ['urn:mfa'] }],
    ['invalid', { staleness: 'lazy' }],
    ['invalid', { staleness: null }],
    ['invalid', { staleness: 'toString' }],
    ['proof-invalid', { cnf: { jkt: 'x' } }],
    ['proof-invalid', { cnf: null }],
    ['not-yet-valid', { nbf: AT + 4 }],
    ['not-yet-valid', { iat: AT + 4, exp: AT + 9 }],
    ['not-yet-valid', { nbf: AT - 9, iat: AT + 4, exp: AT + 9 }],
    ['expired', { exp: AT - 3 }],
  ] as const)('is %s: %j', ([verdict, about, laterMicros = 0]) => {
    const { rig, authority } = started()
    const text = authority.token(about as Record<string, unknown>)
    rig.pass(laterMicros)
    const { decision } = rig.decide(text)
    expect(decision.verdict).toBe(verdict)
    if (verdict === 'invalid' || verdict === 'proof-invalid') {
      expect(decision).not.toHaveProperty('claims')
    } else expect(decision.claims).toMatchObject({ client_id: 'bot' })
  })

  it.for([
    ['no token', () => ''],
    ['two parts', (text: string) => text.split('.').slice(1).join('.')],
    ['a forged signature', (text: string) => `${text.slice(0, -3)}AAA`],
    [
      'another payload',
      (text: string, a: Authority) => {
        const [head, , mark] = text.split('.')
        return [head, a.token({ scope: '*' }).split('.')[1], mark].join('.')
      },
    ],
    ['another type', (_: string, a: Authority) => sign(jwkOf('key_a'), 'JWT', a.claims())],
    ['a head', (_: string, a: Authority) => a.head()],
    ['an extension', (_: string, a: Authority) => a.token({}, { crit: ['b64'] })],
    ['no algorithm', (_: string, a: Authority) => a.token({}, { alg: 'none' })],
    ['the key of heads', (_: string, a: Authority) => a.token({}, {}, a.feedKey)],
    ['blanks', (text: string) => ` ${text}`],
    ['padding', (text: string) => `${text}=`],
  ] as const)('that is %s is not accepted', ([, spoil]) => {
    const { rig, authority } = started()
    const text = authority.token()
    expect(rig.verdict(text)).toBe('accepted')
    expect(rig.verdict(spoil(text, authority))).toMatch(/^(invalid|stale behind)$/)
  })

  it('may say its type in full', () => {
    const { rig, authority } = started()
    const claims = authority.claims()
    expect(rig.verdict(sign(jwkOf('key_a'), 'application/at+jwt', claims))).toBe('accepted')
  })

  it('lives as long as its times say, and the leeway, and no longer', () => {
    const { rig, authority } = started()
    const text = authority.token({ exp: AT + 20 })
    rig.now += 19 * SECOND
    // Accepted while the upper bound is within the leeway.
    const left = (): number => (AT + 22) * SECOND - rig.upper
    rig.now += Math.floor(left() / (1 + 200e-6)) - 2
    expect(rig.verdict(text)).toBe('accepted')
    rig.now += 4
    expect(rig.verdict(text)).toBe('expired')
    const early = authority.token({ nbf: AT + 60, exp: AT + 90 })
    rig.now = 5 * SECOND
    expect(rig.verdict(early)).toBe('not-yet-valid')
  })

  it('says what it was refused for, in order', () => {
    const { rig, authority } = started()
    const dead = authority.token({ exp: AT - 10, iat: AT - 20, auth_time: AT - 999 })
    const alive = authority.token({ auth_time: AT - 999 })
    authority.revoke({ clients: ['bot'] })
    rig.pass(SECOND)
    const asked = { maxAgeSeconds: 60, scopes: ['admin'] }
    expect(rig.verdict(alive, asked)).toBe('step-up-required')
    expect(rig.verdict(alive, { scopes: ['admin'] })).toBe('insufficient-scope')
    rig.follow()
    expect(rig.verdict(alive, asked)).toBe('revoked')
    expect(rig.verdict(dead, asked)).toBe('expired')
  })

  it.for([
    ['accepted', []],
    ['accepted', ['read']],
    ['accepted', ['read', 'deploy:prod']],
    ['accepted', ['deploy:*']],
    ['insufficient-scope', ['deploy']],
    ['insufficient-scope', ['read', 'admin']],
    ['insufficient-scope', ['deploy:prod:eu']],
  ] as const)('is %s for scopes %j', ([verdict, scopes]) => {
    const { rig, authority } = started()
    const { decision } = rig.decide(authority.token(), { scopes })
    expect(decision.verdict).toBe(verdict)
    if (verdict !== 'accepted') expect(decision.detail).toContain(scopes.at(-1))
  })

  it('needs a recent sign-in where one is asked for', () => {
    const { rig, authority } = started()
    const of = (about: object) => authority.token({ ...about })
    const age = (maxAgeSeconds: number) => ({ maxAgeSeconds })
    expect(rig.verdict(of({ auth_time: AT - 100 }), age(99))).toBe('accepted')
    expect(rig.verdict(of({ auth_time: AT - 100 }), age(98))).toBe('step-up-required')
    expect(rig.verdict(of({ root_iat: AT - 100 }), age(99))).toBe('accepted')
    expect(rig.verdict(of({ root_iat: AT - 100 }), age(98))).toBe('step-up-required')
    // What the claim says of the sign-in stands above its root.
    expect(rig.verdict(of({ root_iat: AT, auth_time: AT - 100 }), age(60))).toBe('step-up-required')
    expect(rig.decide(of({ auth_time: AT - 100 }), age(60)).decision).toMatchObject({
      claims: { auth_time: AT - 100 },
      detail: expect.stringContaining('sign-in'),
    })
  })

  it('is recent to the microsecond, by the upper bound and the leeway', () => {
    const { rig, authority } = started()
    const text = authority.token({ auth_time: AT })
    const at = rig.now + Math.floor(((AT + 12) * SECOND - rig.upper) / (1 + 200e-6))
    rig.now = at - 2
    expect(rig.verdict(text, { maxAgeSeconds: 10 })).toBe('accepted')
    rig.now = at + 2
    expect(rig.verdict(text, { maxAgeSeconds: 10 })).toBe('step-up-required')
  })

  it('needs one of the contexts that are asked for', () => {
    const { rig, authority } = started()
    const acr = ['urn:mfa', 'urn:phr']
    expect(rig.verdict(authority.token({ acr: 'urn:phr' }), { acr })).toBe('accepted')
    expect(rig.verdict(authority.token({ acr: 'urn:pwd' }), { acr })).toBe('step-up-required')
    expect(rig.decide(authority.token(), { acr }).decision).toMatchObject({
      verdict: 'step-up-required',
      detail: 'it needs acr urn:mfa or urn:phr',
    })
    expect(rig.verdict(authority.token({ acr: 'urn:pwd' }), { acr: [] })).toBe('step-up-required')
  })
})

describe('what is not known', () => {
  const ahead = (authority: Authority): string => {
    const next = (authority.state.position + 1) as Position
    return authority.token({ feed_seq: next })
  }

  it('is unclear until a head that was issued later does not know it either: a position', () => {
    const { rig, authority } = started()
    rig.pass(SECOND)
    const text = ahead(authority)
    const arrivedMicros = rig.now
    // The answer to a question from before it came says nothing of it.
    rig.now -= 1
    const [before] = rig.decide(text, { arrivedMicros }).effects
    rig.now += 1
    if (before?.kind !== 'ask') throw new Error('it does not ask')
    rig.serve(rig.answer(before.question))
    expect(rig.verdict(text, { arrivedMicros })).toBe('stale behind')
    rig.pass(SECOND)
    rig.effects.length = 0
    expect(rig.verdict(text, { arrivedMicros })).toBe('stale behind')
    rig.serve(rig.taken('ask'))
    expect(rig.verdict(text, { arrivedMicros })).toBe('invalid')
  })

  it('is accepted once it is known', () => {
    const { rig, authority } = started()
    rig.pass(SECOND)
    const text = ahead(authority)
    const { decision, effects } = rig.decide(text)
    expect(decision).toMatchObject({ verdict: 'stale', cause: 'behind', retryAfterSeconds: 1 })
    authority.revoke({ subjects: ['eve'] })
    rig.serve(effects)
    expect(rig.verdict(text)).toBe('accepted')
  })

  it('is not asked for where the signature is forged', () => {
    const { rig, authority } = started()
    rig.pass(SECOND)
    const text = ahead(authority)
    expect(rig.verdict(`${text.slice(0, -3)}AAA`)).toBe('invalid')
  })

  it.for(['key_b', undefined, 7, 'constructor'])(
    'is unclear until a later head does not know it either: key %s',
    (kid) => {
      const { rig, authority } = started()
      rig.pass(SECOND)
      const arrivedMicros = rig.now
      const text = authority.token({}, { kid }, jwkOf('key_b'))
      rig.effects.length = 0
      expect(rig.verdict(text, { arrivedMicros })).toBe('stale behind')
      rig.serve(rig.taken('ask'))
      expect(rig.verdict(text, { arrivedMicros })).toBe('invalid')
    },
  )

  it('is known by a streamed head, once it was certainly issued later', () => {
    const { rig, authority } = started()
    rig.pass(1)
    const text = ahead(authority)
    const arrivedMicros = rig.now
    // The upper bound is 251 ms above: until then nobody can say which was first.
    rig.pass(250_500)
    rig.head()
    expect(rig.verdict(text, { arrivedMicros })).toBe('stale behind')
    rig.pass(1000)
    rig.head()
    expect(rig.verdict(text, { arrivedMicros })).toBe('invalid')
  })

  it('is not told by a head that comes late', () => {
    const { rig, authority } = started()
    rig.pass(SECOND)
    const early = authority.head()
    rig.pass(SECOND)
    const text = ahead(authority)
    const arrivedMicros = rig.now
    rig.pass(SECOND)
    rig.head(early)
    expect(rig.verdict(text, { arrivedMicros })).toBe('stale behind')
  })

  it('is told by an older head too, where a newer one is applied already', () => {
    const { rig, authority } = started()
    rig.pass(SECOND)
    const text = ahead(authority)
    const arrivedMicros = rig.now
    rig.pass(1)
    const [ask] = rig.decide(text, { arrivedMicros }).effects
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    expect(ask.question).toBeDefined()
    const answer = authority.head({ nonce: ask.question.nonce })
    rig.head()
    rig.answer(ask.question, answer)
    expect(rig.verdict(text, { arrivedMicros })).toBe('invalid')
  })
})

describe('grace', () => {
  const GRACE = 20

  function graced(about = {}): { rig: Rig; authority: Authority; token: string; id: string } {
    const { rig, authority } = started({ mode: 'relaxed' })
    const token = authority.token()
    const id = authority.revoke(
      { clients: ['bot'] },
      { graceEnd: T0 / 1000 + GRACE * 1000, message: 'renew', ...about },
    )
    rig.follow()
    return { rig, authority, token, id }
  }

  it('lets a token pass, marked, until it may be over', () => {
    const { rig, token, id } = graced()
    expect(rig.decide(token).decision).toEqual({
      verdict: 'accepted',
      claims: expect.anything(),
      reason: 'other',
      revocationId: id,
      graceSeconds: 20,
      detail: expect.stringContaining('grace'),
    })
    const end = rig.now + Math.floor(((AT + GRACE) * SECOND - rig.upper) / (1 + 200e-6))
    rig.now = end - 3
    expect(rig.decide(token).decision).toMatchObject({ verdict: 'accepted', graceSeconds: 1 })
    rig.now = end + 3
    expect(rig.decide(token).decision).toMatchObject({ verdict: 'revoked', message: 'renew' })
  })

  it('is shortened by a later revocation, and never stretched', () => {
    const { rig, authority, token } = graced()
    const shorter = authority.revoke({ subjects: ['ann'] }, { graceEnd: T0 / 1000 + 5000 })
    authority.revoke({ all: true }, { graceEnd: T0 / 1000 + 90_000 })
    rig.follow()
    expect(rig.decide(token).decision).toMatchObject({ revocationId: shorter, graceSeconds: 5 })
    authority.revoke({ sessions: ['x'], tokens: ['y'] })
    authority.revoke({ audiences: [AUDIENCE] })
    rig.follow()
    expect(rig.verdict(token)).toBe('revoked')
  })

  it('does not stand in for scope or step-up', () => {
    const { rig, token } = graced()
    expect(rig.verdict(token, { scopes: ['admin'] })).toBe('insufficient-scope')
  })
})

describe('blocks, lifts and what is collected', () => {
  it('kills what is minted while a block lasts, and what was dead stays dead', () => {
    const { rig, authority } = started()
    const before = authority.token()
    const id = authority.revoke({ clients: ['bot'] }, { cut: null })
    const during = authority.token()
    authority.unblock(id)
    const atEnd = authority.token({
      feed_seq: authority.state.position,
      root_seq: authority.state.position,
    })
    rig.pass(SECOND)
    rig.follow()
    expect([before, during, atEnd].map((one) => rig.verdict(one))).toEqual([
      'revoked',
      'revoked',
      'accepted',
    ])
    authority.lift(id)
    rig.follow()
    expect([before, during].map((one) => rig.verdict(one))).toEqual(['accepted', 'accepted'])
  })

  it('lifts all the parts of a list, and what else is revoked stays', () => {
    const { rig, authority } = started()
    const [a = '', b = ''] = [1, 2].map(() => authority.newId('cred'))
    const tokens = [a, b].map((jti) => authority.token({ jti }))
    const id = authority.revoke(
      { tokens: [a] },
      { cut: (authority.state.position + 2) as Position },
    )
    authority.revoke({ tokens: [b] }, { id })
    authority.revoke({ subjects: ['ann'], tokens: [b] })
    rig.pass(SECOND)
    rig.follow()
    expect(tokens.map((one) => rig.verdict(one))).toEqual(['revoked', 'revoked'])
    authority.lift(id)
    rig.follow()
    expect(tokens.map((one) => rig.verdict(one))).toEqual(['accepted', 'revoked'])
  })

  it('keeps a rule for 300 s and the leeway longer than the digest does', () => {
    const until = AT + 1000
    const { rig, authority } = started({ mode: 'relaxed' })
    authority.maxTtl = 100_000
    // As if it lived on: a token that no rule may forget before its time.
    const token = authority.token({ exp: AT + 50_000 })
    authority.revoke({ clients: ['bot'] }, { until })
    const blocked = authority.revoke({ clients: ['block'] }, { cut: null })
    authority.unblock(blocked, until)
    const other = authority.token({
      client_id: 'block',
      exp: AT + 50_000,
      feed_seq: authority.state.position - 1,
      root_seq: authority.state.position - 1,
    })
    const at = (seconds: number): string[] => {
      rig.pass((seconds + AT) * SECOND - authority.clockMicros)
      rig.serve(rig.on({ kind: 'resumed' }))
      rig.follow()
      return [rig.verdict(token), rig.verdict(other)]
    }
    expect(at(999)).toEqual(['revoked', 'revoked'])
    expect(at(1001)).toEqual(['revoked', 'revoked'])
    expect(at(1301)).toEqual(['revoked', 'revoked'])
    expect(at(1302)).toEqual(['accepted', 'accepted'])
  })

  it('keeps the rule of a block whose end has no end', () => {
    const { rig, authority } = started({ mode: 'relaxed' })
    authority.maxTtl = 100_000
    const token = authority.token({ exp: AT + 50_000 })
    const id = authority.revoke({ clients: ['bot'] }, { cut: null, until: AT + 10 })
    authority.unblock(id)
    rig.pass(5000 * SECOND)
    rig.serve(rig.on({ kind: 'resumed' }))
    rig.follow()
    expect(rig.verdict(token)).toBe('revoked')
  })

  it('gives no leeway to what a snapshot may have left out', () => {
    const authority = new Authority()
    const token = authority.token({ exp: AT + 100 })
    const later = authority.token({ exp: AT + 102 })
    authority.revoke({ clients: ['bot'] }, { until: AT + 100 })
    authority.clockMicros += 100_000_000
    authority.floor = authority.state.position
    const rig = new Rig({}, { authority }).start()
    // The revocation is over for the digest, and the token within the leeway of its end.
    expect(rig.verdict(token)).toBe('expired')
    expect(rig.verdict(later)).toBe('accepted')
    // Who followed all along knows, and tells.
    const knowing = new Authority()
    knowing.revoke({ clients: ['bot'] }, { until: AT + 100 })
    knowing.clockMicros += 100_000_000
    const other = new Rig({}, { authority: knowing }).start()
    expect(other.verdict(token)).toBe('revoked')
  })
})

describe('what is remembered of a token', () => {
  it('is that its signature was good, and nothing that changes', () => {
    const { rig, authority } = started()
    const text = authority.token({ exp: AT + 20 })
    expect(rig.verdict(text)).toBe('accepted')
    const { count } = rig.signatures
    expect(rig.verdict(text)).toBe('accepted')
    expect(rig.signatures.count).toBe(count)
    authority.revoke({ subjects: ['ann'] })
    rig.follow()
    expect(rig.verdict(text)).toBe('revoked')
    rig.pass(23 * SECOND)
    rig.follow()
    expect(rig.verdict(text)).toBe('expired')
    rig.now += 60 * SECOND
    expect(rig.verdict(text)).toBe('stale lease')
  })

  it('dies with the key', () => {
    const { rig, authority } = started()
    const text = authority.token()
    expect(rig.verdict(text)).toBe('accepted')
    authority.key('key_a', { state: 'retiring', retireAfter: (AT + 999) * 1000 })
    rig.follow()
    const { count } = rig.signatures
    expect(rig.verdict(text)).toBe('accepted')
    expect(rig.signatures.count).toBe(count)
    // The same name, another key.
    authority.key('key_a', { jwk: { ...jwkOf('key_a'), x: 'other' } })
    rig.follow()
    expect(rig.verdict(text)).toBe('invalid')
    expect(rig.signatures.count).toBe(count + 2)
  })

  it('is not a forged or an unknown one', () => {
    const { rig, authority } = started()
    const forged = `${authority.token().slice(0, -3)}AAA`
    for (let i = 0; i < 3; i++) expect(rig.verdict(forged)).toBe('invalid')
    const text = authority.token({}, {}, jwkOf('key_b'))
    rig.pass(1)
    expect(rig.verdict(text)).toBe('stale behind')
    authority.key('key_b')
    rig.follow()
    expect(rig.verdict(text)).toBe('accepted')
  })

  it('is bounded, and what is asked for again stays', () => {
    const { rig, authority } = started({ signaturesKeptMax: 4 })
    const [often = '', ...others] = Array.from({ length: 8 }, () => authority.token())
    const asked = (text: string): number => {
      const { count } = rig.signatures
      expect(rig.verdict(text)).toBe('accepted')
      return rig.signatures.count - count
    }
    expect(asked(often)).toBe(1)
    for (const other of others) {
      expect(asked(other)).toBe(1)
      expect(asked(often)).toBe(0)
    }
    // The first of the others has long gone, the last has not.
    expect(asked(others.at(-1) ?? '')).toBe(0)
    expect(asked(others[0] ?? '')).toBe(1)
  })

  it('is bounded by its length too', () => {
    const { rig, authority } = started()
    const texts = Array.from({ length: 1100 }, (_, i) =>
      authority.token({ pad: `${i}`.padEnd(11_800, 'x') }),
    )
    for (const text of texts) expect(rig.verdict(text)).toBe('accepted')
    const { count } = rig.signatures
    rig.verdict(texts.at(-1) ?? '')
    expect(rig.signatures.count).toBe(count)
    rig.verdict(texts[0] ?? '')
    expect(rig.signatures.count).toBe(count + 1)
  })

  it('cannot be changed by whoever was told it', () => {
    const { rig, authority } = started()
    const text = authority.token({ deep: { list: [{ a: 1 }] } })
    const { claims } = rig.decide(text).decision
    const deep = claims?.['deep'] as { list: { a: number }[] }
    expect(() => Object.assign(claims ?? {}, { sub: 'eve' })).toThrow(TypeError)
    expect(() => deep.list.push({ a: 2 })).toThrow(TypeError)
    expect(() => Object.assign(deep.list[0] ?? {}, { a: 2 })).toThrow(TypeError)
  })
})
