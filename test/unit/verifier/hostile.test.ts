import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { revocableOfClaims } from '#domain/credential/claims.ts'
import { parseToken } from '#domain/credential/token.ts'
import { HEAD_TYPE } from '#domain/feed/head.ts'
import type { Position } from '#domain/feed/position.ts'
import type { VerifierEffect, VerifierEvent } from '#verifier/protocol.ts'
import { AUDIENCE, Authority, ISSUER, jwkOf, SECOND, sign, T0 } from './authority.ts'
import { Chance } from './chance.ts'
import { Rig } from './rig.ts'

const AT = T0 / SECOND
const anyJson = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    -1,
    0,
    1.5,
    2 ** 53,
    1e308,
    AT,
    AT + 60,
    `${AT}`,
    [],
    {},
    AUDIENCE,
    [AUDIENCE],
    'strict',
    '__proto__',
  ),
)
const claimNames = Object.keys(new Authority().claims())
const anyClaims = fc.dictionary(
  fc.oneof(
    fc.constantFrom(...claimNames, 'nbf', 'auth_time', 'acr', 'staleness', 'cnf', 'trust'),
    fc.string(),
  ),
  anyJson,
  { maxKeys: 3 },
)

describe('hostile tokens', () => {
  it('with a good signature and any claims are accepted only if all of them are sound', () => {
    const rig = new Rig().start()
    const seen = { accepted: 0, other: 0 }
    fc.assert(
      fc.property(anyClaims, (change) => {
        const text = rig.authority.token(change)
        const { verdict } = rig.decide(text).decision
        if (verdict !== 'accepted') {
          seen.other++
          return
        }
        seen.accepted++
        const parsed = parseToken(text)
        if (typeof parsed === 'string') throw new Error(parsed)
        const { claims } = parsed
        const revocable = revocableOfClaims(claims, 'key_a')
        if (typeof revocable === 'string') throw new Error(revocable)
        expect(claims['iss']).toBe(ISSUER)
        expect(revocable.audience).toContain(AUDIENCE)
        expect(revocable.feedSeq).toBeLessThanOrEqual(rig.authority.state.position)
        const { exp, iat, nbf = 0 } = claims as { exp: number; iat: number; nbf?: number }
        expect(Math.max(iat, nbf)).toBeLessThanOrEqual(AT + 2)
        expect(AT - 2).toBeLessThanOrEqual(exp)
        expect(exp - iat).toBeLessThanOrEqual(3600)
        expect(claims['cnf']).toBeUndefined()
      }),
      { numRuns: 1500 },
    )
    expect(Math.min(seen.accepted, seen.other)).toBeGreaterThan(100)
  })

  it('of any text and any header are never accepted', () => {
    const rig = new Rig().start()
    const good = rig.authority.token()
    const seen = new Set<string>()
    const headers = fc.dictionary(
      fc.constantFrom('typ', 'alg', 'kid', 'crit', 'jwk', 'x'),
      anyJson,
      {
        minKeys: 1,
      },
    )
    fc.assert(
      fc.property(headers, (header) => {
        const text = rig.authority.token({}, header)
        const { verdict } = rig.decide(text).decision
        const isGood =
          (header['typ'] ?? 'at+jwt') === 'at+jwt' &&
          (header['alg'] ?? 'ES256') === 'ES256' &&
          (header['kid'] ?? 'key_a') === 'key_a' &&
          header['crit'] === undefined
        if (!isGood) seen.add(verdict)
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.string({ minLength: 0, maxLength: 3 }), (at, put) => {
        const text = good.slice(0, at) + put + good.slice(at + 1)
        if (text !== good) seen.add(rig.verdict(text))
      }),
      { numRuns: 500 },
    )
    expect(seen.has('accepted')).toBe(false)
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(rig.verdict(text)).toBe('invalid')
      }),
    )
  })
})

describe('hostile snapshots', () => {
  function full(): Authority {
    const authority = new Authority()
    for (let i = 0; i < 6; i++) authority.revoke({ clients: [`bot${i}`] })
    authority.revoke({ clients: ['gone'] }, { until: AT - 5 })
    const block = authority.revoke({ subjects: ['eve'] }, { cut: null })
    authority.unblock(block, AT + 900)
    const lifted = authority.revoke({ clients: ['bot'] })
    authority.lift(lifted)
    authority.key('key_a', { state: 'active' })
    authority.floor = authority.state.position
    return authority
  }
  const take = (authority: Authority, snapshot: { head: string; entries: string[] }): Rig => {
    const rig = new Rig({}, { authority })
    const [ask] = rig.on({ kind: 'started' })
    if (ask?.kind !== 'ask') throw new Error('it does not ask')
    const [fetch] = rig.answer(ask.question)
    if (fetch?.kind !== 'fetch-snapshot') throw new Error('it does not fetch')
    rig.on({ kind: 'snapshot', fetch: fetch.fetch, ...snapshot })
    return rig
  }

  it('are refused: an entry left out, added, changed, moved or repeated', () => {
    const authority = full()
    const good = authority.snapshot()
    expect(take(authority, good).core.applied()?.position).toBe(authority.state.position)
    const all = authority.log.map(({ text }) => text)
    const others = all.filter((text) => !good.entries.includes(text))
    expect(others.length).toBeGreaterThan(3)
    const inOrder = (entries: string[]): string[] =>
      entries.sort((a, b) => JSON.parse(a).position - JSON.parse(b).position)
    const { entries } = good
    const last = entries.length - 1
    const spoilt = [
      ...entries.map((_, i) => entries.toSpliced(i, 1)),
      ...entries.map((one, i) => entries.toSpliced(i, 1, one.replace(/"(bot|rev)/, '"x$1'))),
      ...entries.slice(1).map((one, i) => entries.toSpliced(i, 2, one, entries[i] ?? '')),
      ...entries.map((one, i) => entries.toSpliced(i, 0, one)),
      // What was once in the feed, and is over, replaced or lifted; and what lifts it.
      ...others.map((one) => inOrder([...entries, one])),
      ...others.map((one) => [...entries, one]),
      [...entries, `{"position":${authority.state.position + 1},"op":"x","ignorable":true}`],
      [...entries, `{"position":${authority.state.position + 1},"op":"lift","id":"rev_x"}`],
      [...entries.slice(0, last), `${entries[last]} `],
      [...entries, ''],
      [],
    ].filter((texts) => texts.join('\n') !== entries.join('\n'))
    for (const texts of spoilt) {
      const rig = take(authority, { ...good, entries: texts })
      expect(rig.core.applied()).toBeUndefined()
      expect(rig.taken('alarm')).toMatchObject([
        { detail: expect.stringMatching(/^a snapshot was/) },
      ])
    }
  })

  it('are refused: heads that are not of them', () => {
    const authority = full()
    const { entries } = authority.snapshot()
    const heads = [
      '',
      sign(jwkOf('key_feed1', 'x'), HEAD_TYPE, authority.headClaims()),
      authority.head({ iss: 'https://other.test' }),
      authority.head({ digest: 'D'.repeat(43) }),
      // Whose entries lie beyond it.
      authority.head({ position: (authority.state.position - 1) as Position }),
      // Which contradicts the answer to the question.
      authority.head({ chain: 'C'.repeat(43) }),
    ]
    for (const head of heads) {
      const rig = take(authority, { head, entries })
      expect(rig.core.applied()).toBeUndefined()
      expect(rig.taken('alarm')).toHaveLength(1)
    }
  })
})

/** One who has everything that was ever said, keys of its own, and patience. */
class Soup {
  readonly #chance: Chance
  readonly rig: Rig
  readonly authority: Authority
  readonly #evil = new Authority()
  readonly #heads: string[] = []
  readonly #snapshots: { head: string; entries: string[] }[] = []
  readonly #numbers: number[] = [0]
  readonly #nonces: string[] = ['x']
  /** What the authority said, and to whom it was an answer. */
  readonly minted: string[] = []

  constructor(seed: number) {
    this.#chance = new Chance(seed)
    this.authority = new Authority()
    this.rig = new Rig({ mode: 'strict', feedKeys: [this.authority.feedKey] }, this)
    this.#evil.feedKey = jwkOf('key_feed1', 'evil')
    this.#evil.clockMicros += 3600 * SECOND
    this.#evil.revoke({ clients: ['innocent'] })
  }

  authorityActs(): void {
    const chance = this.#chance
    const { authority } = this
    if (chance.in(0.3)) authority.revoke({ clients: [chance.pick(['bot', 'report'])] })
    if (chance.in(0.5)) {
      this.minted.push(
        authority.token({ client_id: chance.pick(['bot', 'report']), exp: AT + 900 }),
      )
    }
    this.#heads.push(authority.head())
    if (chance.in(0.2)) this.#snapshots.push(authority.snapshot())
  }

  /** An event that the authority did not send like this. */
  event(): VerifierEvent {
    const chance = this.#chance
    const text = this.#entry()
    const head = this.#head()
    const stream = chance.pick(this.#numbers)
    const fetch = chance.pick(this.#numbers)
    const nonce = chance.pick(this.#nonces)
    const isGone = chance.in(0.3)
    const position = chance.pick(this.authority.log).record.position
    const entries = this.#entries()
    const events: VerifierEvent[] = [
      { kind: 'started' },
      { kind: 'woken' },
      { kind: 'resumed' },
      { kind: 'answered', nonce, head, feedKeys: [this.#evil.feedKey, jwkOf('key_evil')] },
      { kind: 'unanswered', nonce },
      { kind: 'stream-opened', stream },
      { kind: 'stream-entry', stream, text },
      { kind: 'stream-entry', stream, text },
      { kind: 'stream-head', stream, text: head },
      { kind: 'stream-head', stream, text: head },
      { kind: 'stream-closed', stream, isGone },
      { kind: 'entries', fetch, entries },
      { kind: 'entries', fetch, entries: this.authority.texts(position) },
      { kind: 'entries-failed', fetch, isGone },
      { kind: 'snapshot', fetch, head, entries },
      { kind: 'snapshot', fetch, ...(chance.pick(this.#snapshots) ?? { head, entries }) },
      { kind: 'snapshot-failed', fetch },
      { kind: 'acknowledged', position },
      { kind: 'unacknowledged', position },
      { kind: 'kept', head, entries, feedKeys: [this.#evil.feedKey] },
    ]
    return chance.pick(events)
  }

  #entry(): string {
    const chance = this.#chance
    const { text } = chance.pick(chance.in(0.8) ? this.authority.log : this.#evil.log)
    if (chance.in(0.8)) return text
    const at = chance.upTo(text.length)
    return text.slice(0, at) + chance.pick(['', 'x', '"', '0']) + text.slice(at + 1)
  }

  #entries(): string[] {
    const all = this.authority.texts(0)
    return this.#chance.in(0.5) ? all : all.filter(() => this.#chance.in(0.8))
  }

  #head(): string {
    const chance = this.#chance
    const { authority } = this
    if (chance.in(0.5)) return chance.pick(this.#heads)
    if (chance.in(0.3)) return this.#evil.head({ nonce: chance.pick(this.#nonces) })
    if (chance.in(0.3)) return authority.token()
    // The authority answers a question, and its answer is the attacker's to keep.
    const head = authority.head({ nonce: chance.pick(this.#nonces) })
    this.#heads.push(head)
    return head
  }

  note(effects: readonly VerifierEffect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'ask') this.#nonces.push(effect.question.nonce)
      if (effect.kind === 'open-stream') this.#numbers.push(effect.stream)
      if (effect.kind === 'fetch-entries' || effect.kind === 'fetch-snapshot') {
        this.#numbers.push(effect.fetch)
      }
    }
    this.#nonces.splice(0, this.#nonces.length - 3)
    this.#numbers.splice(0, this.#numbers.length - 4)
  }

  /** Now and then what is asked for arrives. */
  act(effects: readonly VerifierEffect[]): void {
    this.note(effects)
    if (this.#chance.in(0.4)) this.rig.serve(effects)
    if (this.#chance.in(0.3)) this.rig.follow()
  }

  pass(): void {
    this.rig.pass(this.#chance.pick([0, 1000, 50_000, 300_000, SECOND, 3 * SECOND]))
  }
}

describe('a soup of events', () => {
  it('never makes it throw, go backwards, or accept without a lease or what it knows revoked', () => {
    const seen = { accepted: 0, applied: 0, stale: 0, revoked: 0 }
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const soup = new Soup(seed)
        const { rig, authority } = soup
        let before = { position: 0, time: 0 }
        let asked: VerifierEffect[] = []
        for (let i = 0; i < 120; i++) {
          if (i % 3 === 0) soup.authorityActs()
          soup.pass()
          soup.act([...asked, ...rig.on(soup.event())])
          asked = []
          const applied = rig.core.applied()
          if (applied !== undefined) {
            expect(before.position).toBeLessThanOrEqual(applied.position)
            expect(before.time).toBeLessThanOrEqual(applied.time)
            if (before.time < applied.time) seen.applied++
            before = applied
          }
          for (const token of soup.minted.slice(-6)) {
            const { decision, effects } = rig.decide(token)
            asked.push(...effects)
            if (decision.verdict === 'stale') seen.stale++
            if (decision.verdict === 'revoked') seen.revoked++
            if (decision.verdict !== 'accepted') continue
            seen.accepted++
            // True time is the authority's: within the lease, whatever was replayed.
            expect(authority.clockMicros).toBeLessThanOrEqual(before.time + 10 * SECOND)
            const { feed_seq: minted, client_id: client } = decision.claims ?? {}
            const revoking = authority.log.filter(
              ({ record }) =>
                record.op === 'revoke' &&
                record.selector.clients?.[0] === client &&
                Number(minted) < record.position &&
                record.position <= before.position,
            )
            expect(revoking).toEqual([])
          }
        }
      }),
      { numRuns: 60, seed: 3 },
    )
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(30)
  })
})
