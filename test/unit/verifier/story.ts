import type { RevokeBody } from '#domain/feed/body.ts'
import { epochIsFull } from '#domain/feed/entry.ts'
import type { Position } from '#domain/feed/position.ts'
import type { FeedRecord, RevokeRecord } from '#domain/feed/record.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import type { Revocable } from '#domain/revocation/rule.ts'
import { type Instant, instant } from '#kernel/instant.ts'
import { opinion, type Opinion } from '../domain/revocation/oracle.ts'
import { AUDIENCE, Authority, jwkOf, SECOND, T0 } from './authority.ts'
import type { Chance } from './chance.ts'

const AT = T0 / SECOND
/** No token of a story lives longer, so no rule of it may go before. */
export const STORY_END = AT + 400

const ids = ['cred_a', 'cred_b', `cred_${'0'.repeat(21)}a`, `cred_${'0'.repeat(21)}b`]
/** A list that is long enough to be filed apart from its rule. */
const longList = [...ids.slice(2), ...Array.from({ length: 20 }, (_, i) => `cred_long${i}`)]
const clients = ['bot', 'report']
const subjects = ['ann', 'bob']
const sessions = ['s1', 's2']
const scopes = ['deploy', 'deploy:prod', 'read']
const patterns = [...scopes, 'deploy:*', '*']
const audiences = [AUDIENCE, 'https://other.test']
const keyIds = ['key_a', 'key_b']

/** A token as text, and as the oracle sees it. */
export interface StoryToken {
  readonly text: string
  readonly revocable: Revocable
  readonly untilSeconds: number
}

/** What an authority may do, at random; and what follows from it, by a scan over all of it. */
export class Story {
  readonly authority = new Authority()
  readonly tokens: StoryToken[] = []
  readonly #chance: Chance
  readonly #blocks: string[] = []
  readonly #ids: string[] = []

  constructor(chance: Chance) {
    this.#chance = chance
    this.authority.maxTtl = 1000
    this.authority.key('key_b')
  }

  happen(): void {
    const { authority } = this
    const chance = this.#chance
    const what = chance.upTo(19)
    if (what < 9) this.#revoke()
    else if (what < 11) this.#lift()
    else if (what < 13) this.#unblock()
    else if (what < 14) this.#key()
    else if (what < 15) authority.epoch()
    else this.mint()
    if (epochIsFull(authority.state)) authority.epoch()
  }

  #revoke(): void {
    const { authority } = this
    const chance = this.#chance
    const published = Math.floor(authority.clockMicros / 1000)
    const isBlock = chance.in(0.2)
    const grace = chance.in(0.2) && !isBlock ? 1000 * chance.upTo(20) + 1 : 0
    const about: Partial<RevokeBody> & { until?: number } = {
      ...(isBlock ? { cut: null } : { until: STORY_END + chance.upTo(9) }),
      ...(chance.in(0.3) ? { reach: 'tokens' } : {}),
      ...(grace === 0 ? {} : { graceEnd: published + grace }),
      ...(chance.in(0.3) ? { except: this.#exceptions() } : {}),
    }
    if (chance.in(0.05)) {
      this.#ids.push(authority.revoke({ keys: [chance.pick(keyIds)] }, { cut: null }))
      return
    }
    if (chance.in(0.15)) {
      this.#ids.push(this.#parts(about))
      return
    }
    const id = authority.revoke(this.#selector(), about)
    this.#ids.push(id)
    if (isBlock) this.#blocks.push(id)
  }

  /** One list as two entries of one id, which cut where the second one stands. */
  #parts(about: object): string {
    const { authority } = this
    const cut = (authority.state.position + 2) as Position
    const rest = { ...about, cut, until: STORY_END }
    const id = authority.revoke({ tokens: ids.slice(0, 2) }, rest)
    authority.revoke({ tokens: longList }, { ...rest, id })
    return id
  }

  #selector(): RevokeBody['selector'] {
    const chance = this.#chance
    const second = (): number => AT - 4 + chance.upTo(30)
    const window = {
      ...(chance.in(0.2) ? { from: second() } : {}),
      ...(chance.in(0.2) ? { before: second() } : {}),
    }
    if (chance.in(0.1)) return { all: true, ...window }
    const all = {
      tokens: chance.in(0.3) ? longList : chance.some(ids),
      clients: chance.some(clients),
      subjects: chance.some(subjects),
      sessions: chance.some(sessions),
      scopes: chance.some(patterns),
      audiences: chance.some(audiences),
      trusts: ['ci'],
    }
    const names = chance.in(0.7)
      ? [chance.pick(Object.keys(all))]
      : chance.some(Object.keys(all)).slice(0, 2)
    const named = Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)))
    return { ...named, ...window }
  }

  #exceptions(): NonNullable<RevokeBody['except']> {
    const chance = this.#chance
    const all = { tokens: ids, clients, subjects, sessions }
    const name = chance.pick(Object.keys(all) as (keyof typeof all)[])
    return { [name]: chance.some(all[name]) }
  }

  #lift(): void {
    if (this.#ids.length === 0) return
    const id = this.#chance.pick(this.#ids)
    this.#ids.splice(this.#ids.indexOf(id), 1)
    const at = this.#blocks.indexOf(id)
    if (0 <= at) this.#blocks.splice(at, 1)
    this.authority.lift(id)
  }

  #unblock(): void {
    const id = this.#blocks.shift()
    if (id !== undefined) this.authority.unblock(id, STORY_END)
  }

  #key(): void {
    const states = ['prepared', 'active', 'retiring', 'retired', 'revoked'] as const
    this.authority.key(this.#chance.pick(keyIds), { state: this.#chance.pick(states) })
  }

  mint(): void {
    const chance = this.#chance
    const { authority } = this
    const seconds = Math.floor(authority.clockMicros / SECOND)
    const { position } = authority.state
    const jwk = jwkOf(chance.pick(keyIds))
    const rootIat = Math.max(AT - 10, seconds - chance.upTo(8))
    const root = authority.log[chance.upTo(authority.log.length - 1)]?.record.position ?? position
    const untilSeconds = Math.min(seconds + 5 + chance.upTo(300), STORY_END)
    const about = {
      jti: chance.pick([...ids, longList.at(-1) ?? '']),
      client_id: chance.pick(clients),
      sub: chance.pick(subjects),
      sid: chance.pick(sessions),
      scope: chance.some(scopes).join(' '),
      aud: [AUDIENCE, ...(chance.in(0.3) ? ['https://other.test'] : [])],
      iat: seconds,
      exp: untilSeconds,
      root_iat: rootIat,
      root_seq: chance.in(0.6) ? position : root,
      ...(chance.in(0.3) ? { trust: 'ci' } : {}),
    }
    this.tokens.push({
      text: authority.token(about, {}, jwk),
      untilSeconds,
      revocable: {
        id: about.jti,
        clientId: about.client_id,
        subject: about.sub,
        sessionId: about.sid,
        scopes: about.scope.split(' '),
        audience: about.aud,
        keyId: jwk['kid'] ?? '',
        ...(about.trust === undefined ? {} : { trustId: about.trust }),
        feedSeq: position,
        rootSeq: about.root_seq,
        issuedAtSeconds: seconds,
        rootIssuedAtSeconds: rootIat,
      },
    })
  }

  /** What a verifier that has applied all up to a place must say of a token. */
  expected(token: StoryToken, place: Position, now: Instant): string {
    const records = this.authority.log
      .map(({ record }) => record)
      .filter((record) => record.position <= place)
    const key = records.findLast(
      (record) => record.op === 'key' && record.id === token.revocable.keyId,
    )
    const state = key?.op === 'key' ? key.state : 'unknown'
    if (state === 'unknown') return 'invalid'
    const said = this.opinion(token, records, now)
    if (said.kind === 'revoked') return `revoked by ${said.by}`
    if (state === 'revoked' || state === 'retired') return 'invalid'
    return said.kind === 'clear' ? 'accepted' : `accepted by ${said.by}`
  }

  opinion({ revocable }: StoryToken, records: readonly FeedRecord[], now: Instant): Opinion {
    return opinion(
      revocable,
      records.flatMap((one) => plainly(one, records)),
      now,
    )
  }
}

/** A revocation as a list of its entries tells it. */
function plainly(record: FeedRecord, records: readonly FeedRecord[]): Revocation[] {
  if (record.op !== 'revoke') return []
  const after = (op: 'lift' | 'unblock') =>
    records.find((one) => one.op === op && one.id === record.id && record.position < one.position)
  const end = after('unblock')
  return [
    {
      ...plain,
      id: record.id,
      position: record.position,
      resolved: selectorOf(record),
      exceptions: record.exceptions,
      cut: end === undefined ? record.cut : end.position,
      reach: record.reach,
      publishedAt: instant(record.publishedMs),
      graceSeconds: ((record.graceEndMs ?? record.publishedMs) - record.publishedMs) / 1000,
      ...(after('lift') === undefined ? {} : { liftedAt: instant(0) }),
    },
  ]
}

function selectorOf({
  selector: { from, before, ...named },
}: RevokeRecord): Revocation['resolved'] {
  return {
    ...named,
    ...(from === undefined ? {} : { issuedAfter: instant(from * 1000) }),
    ...(before === undefined ? {} : { issuedBefore: instant(before * 1000) }),
  }
}

const plain = {
  selector: {},
  reason: 'other',
  blocks: false,
  final: false,
  suspends: false,
  matched: { credentials: 0, byClient: {}, byScope: {}, byAudience: {} },
  actor: 'local:test',
  recordSalt: 'c2FsdA',
} as const
