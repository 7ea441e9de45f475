import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyBody, liftBody, revokeBody, unblockBody } from '#domain/feed/body.ts'
import { epochEntry, feedOrigin, nextEntry } from '#domain/feed/entry.ts'
import { position } from '#domain/feed/position.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { revocation } from '../revocation/worlds.ts'

const P = position(1, 7)
const HASH = 'h'.repeat(43)

/** Each op as it may be at its fullest. */
const good = {
  revoke: {
    position: P,
    op: 'revoke',
    id: 'rev_1',
    selector: { clients: ['bot'], scopes: ['deploy:*'], from: 5, before: 9 },
    except: { sessions: ['s1'] },
    reach: 'tokens',
    cut: P,
    published: 1000,
    graceEnd: 31_000,
    reason: 'other',
    message: 'renew',
    record: HASH,
    until: 99,
  },
  unblock: { position: P, op: 'unblock', id: 'rev_1', cut: P, until: 99 },
  lift: { position: P, op: 'lift', id: 'rev_1' },
  key: {
    position: P,
    op: 'key',
    id: 'key_1',
    purpose: 'feed',
    algorithm: 'ES256',
    state: 'retiring',
    jwk: { kty: 'EC', kid: 'key_1' },
    retireAfter: 12,
    endorsement: 'a.b.c',
  },
  epoch: { position: position(2, 0), op: 'epoch', continues: P, chain: HASH },
} as const

type Change = Readonly<Record<string, unknown>>
/** `undefined` takes a field away. */
const textOf = (op: keyof typeof good, change: Change = {}): string =>
  JSON.stringify({ ...good[op], ...change })
const selecting = (selector: unknown, change: Change = {}): string =>
  textOf('revoke', { selector, ...change })
const aKey = { selector: { keys: ['key_1'] }, cut: null, graceEnd: undefined, except: undefined }

describe('an entry', () => {
  it('is read with every field that it has', () => {
    const { except, published, graceEnd, until, record: _, ...rest } = good.revoke
    expect(readRecord(textOf('revoke'))).toEqual({
      ...rest,
      exceptions: except,
      publishedMs: published,
      graceEndMs: graceEnd,
      untilSeconds: until,
    })
    expect(readRecord(textOf('unblock'))).toEqual({
      position: P,
      op: 'unblock',
      id: 'rev_1',
      cut: P,
      untilSeconds: 99,
    })
    expect(readRecord(textOf('lift'))).toEqual(good.lift)
    const { retireAfter, ...key } = good.key
    expect(readRecord(textOf('key'))).toEqual({ ...key, retireAfterMs: retireAfter })
    expect(readRecord(textOf('epoch'))).toEqual(good.epoch)
  })

  it('may lack what need not be there', () => {
    const bare = { except: undefined, reach: undefined, graceEnd: undefined, message: undefined }
    expect(readRecord(textOf('revoke', { ...bare, until: undefined, cut: null }))).toEqual({
      position: P,
      op: 'revoke',
      id: 'rev_1',
      selector: good.revoke.selector,
      exceptions: {},
      reach: 'sessions',
      cut: null,
      publishedMs: 1000,
      reason: 'other',
    })
    expect(readRecord(textOf('key', { retireAfter: undefined, endorsement: undefined }))).toEqual({
      position: P,
      op: 'key',
      id: 'key_1',
      purpose: 'feed',
      algorithm: 'ES256',
      state: 'retiring',
      jwk: good.key.jwk,
    })
  })

  it.for([
    selecting({ all: true }),
    selecting({ all: true, from: -5 }),
    selecting({ tokens: ['t'], clients: ['c'], subjects: ['s'], sessions: ['x'] }),
    selecting({ scopes: ['*'], audiences: ['a'.repeat(512)], trusts: ['ci'] }),
    textOf('revoke', aKey),
    textOf('revoke', { id: 'r'.repeat(128), message: 'm'.repeat(200), reach: 'sessions' }),
    textOf('revoke', { message: ' !"~' }),
    textOf('revoke', { published: 0, graceEnd: 1, until: 0 }),
    textOf('revoke', { until: 2 ** 32 - 2 }),
    textOf('key', { endorsement: 'e'.repeat(4096), retireAfter: 0 }),
    textOf('key', { jwk: { kid: 'key_1', x: 'x'.repeat(1024) } }),
    textOf('key', {
      jwk: Object.fromEntries([
        ['kid', 'key_1'],
        ...Array.from({ length: 15 }, (_, i) => [`m${i}`, '']),
      ]),
    }),
    textOf('lift')
      .slice(0, -1)
      .padEnd(8 * 1024 * 1024 - 1) + '}',
  ])('may be %s', (text) => {
    expect(readRecord(text)).toBeTypeOf('object')
  })

  it('is passed over only if it says so, and then whole', () => {
    const novel = { position: P, op: 'novel', whatever: { a: 1 }, until: 7 }
    const passed = { position: P, op: 'ignorable', untilSeconds: 7 }
    expect(readRecord(JSON.stringify({ ...novel, ignorable: true }))).toEqual(passed)
    expect(readRecord(JSON.stringify(novel))).toMatch(/op "novel" is unknown/)
    for (const other of [false, 1, 'true', null]) {
      expect(readRecord(JSON.stringify({ ...novel, ignorable: other }))).toMatch(/unknown/)
      expect(readRecord(textOf('lift', { ignorable: other }))).toMatch(/"ignorable" is unknown/)
    }
    expect(readRecord(textOf('revoke', { selector: { planets: ['x'] }, ignorable: true }))).toEqual(
      {
        position: P,
        op: 'ignorable',
        untilSeconds: 99,
      },
    )
    for (const op of ['toString', 'constructor', '__proto__', 'hasOwnProperty']) {
      expect(readRecord(`{"position":${P},"op":"${op}"}`)).toMatch(/is unknown here/)
    }
  })

  it.for([
    // The whole.
    ['', /not JSON/],
    ['{', /not JSON/],
    ['[]', /no JSON object/],
    ['null', /no JSON object/],
    ['7', /no JSON object/],
    [`{"position":${P},"op":"lift","id":"\ud800"}`, /well-formed/],
    [`${textOf('lift').slice(0, -1)}${' '.repeat(8 * 1024 * 1024)}}`, /longer/],
    // Position and op, and that the bytes begin with them.
    [textOf('lift', { position: undefined }), /position is missing/],
    [textOf('lift', { position: 5 }), /position is missing/],
    [textOf('lift', { position: `${P}` }), /position is missing/],
    [textOf('lift', { op: undefined }), /op is missing/],
    [textOf('lift', { op: 7 }), /op is missing/],
    [`{"op":"lift","position":${P},"id":"x"}`, /does not begin/],
    [`{ "position":${P},"op":"lift","id":"x"}`, /does not begin/],
    [`{"position":${P},"op":"lift","id":"x","op":"epoch"}`, /does not begin/],
    [`{"position":${P},"op":"lift","id":"x","position":${P + 1}}`, /does not begin/],
    [textOf('lift', { until: -1 }), /until/],
    [textOf('lift', { until: 1.5 }), /until/],
    [textOf('lift', { until: '9' }), /until/],
    [textOf('lift', { until: null }), /until/],
    [textOf('lift', { until: 2 ** 32 - 1 }), /until/],
    // Unknown fields of each.
    [textOf('revoke', { actor: 'ann' }), /"actor" is unknown/],
    [textOf('unblock', { reason: 'other' }), /"reason" is unknown/],
    [textOf('lift', { cut: P }), /"cut" is unknown/],
    [textOf('key', { createdAt: 1 }), /"createdAt" is unknown/],
    [textOf('epoch', { id: 'x' }), /"id" is unknown/],
    // Ids.
    ...(['revoke', 'unblock', 'lift', 'key'] as const).flatMap((op) =>
      [undefined, '', 7, 'x'.repeat(129)].map(
        (id) => [textOf(op, { id }), /id is missing/] as const,
      ),
    ),
    // A revocation.
    [selecting(undefined), /selector is missing/],
    [selecting([]), /selector is missing/],
    [selecting(null), /selector is missing/],
    [selecting({}), /names nothing/],
    [selecting({ from: 5 }), /names nothing/],
    [selecting({ all: true, clients: ['bot'] }), /says all, and more/],
    [selecting({ all: false, clients: ['bot'] }), /neither all/],
    [selecting({ all: 1 }), /neither all/],
    [selecting({ clients: [] }), /no list/],
    [selecting({ clients: 'bot' }), /no list/],
    [selecting({ clients: ['bot', 7] }), /no list/],
    [selecting({ clients: ['bot', ''] }), /no list/],
    [selecting({ clients: ['x'.repeat(513)] }), /no list/],
    [selecting({ tags: ['x'] }), /"tags" that is unknown/],
    [selecting({ clients: ['bot'], issuedAfter: 5 }), /"issuedAfter" that is unknown/],
    [selecting({ all: true, from: 1.5 }), /begin of its window/],
    [selecting({ all: true, before: '9' }), /end of its window/],
    [textOf('revoke', { except: 7 }), /exceptions are no object/],
    [textOf('revoke', { except: { tokens: [] } }), /no list/],
    [textOf('revoke', { except: { scopes: ['x'] } }), /"scopes" that is unknown/],
    [textOf('revoke', { except: { all: true } }), /"all" that is unknown/],
    [textOf('revoke', { reach: 'worlds' }), /reach/],
    [textOf('revoke', { reach: null }), /reach/],
    [textOf('revoke', { cut: undefined }), /cut/],
    [textOf('revoke', { cut: 5 }), /cut/],
    [textOf('revoke', { published: undefined }), /published/],
    [textOf('revoke', { published: -1 }), /published/],
    [textOf('revoke', { published: '1000' }), /published/],
    [textOf('revoke', { graceEnd: 1000 }), /graceEnd/],
    [textOf('revoke', { graceEnd: '31000' }), /graceEnd/],
    [textOf('revoke', { reason: undefined }), /reason/],
    [textOf('revoke', { reason: 'because' }), /reason/],
    [textOf('revoke', { message: '' }), /message/],
    [textOf('revoke', { message: 'a\nb' }), /message/],
    [textOf('revoke', { message: 'ä' }), /message/],
    [textOf('revoke', { message: 'm'.repeat(201) }), /message/],
    [textOf('revoke', { message: 7 }), /message/],
    [textOf('revoke', { record: undefined }), /record/],
    [textOf('revoke', { record: 'h'.repeat(42) }), /record/],
    [textOf('revoke', { record: 7 }), /record/],
    [textOf('revoke', { ...aKey, cut: P }), /whole/],
    [textOf('revoke', { ...aKey, graceEnd: 31_000 }), /whole/],
    [textOf('revoke', { ...aKey, except: { clients: ['bot'] } }), /whole/],
    [textOf('revoke', { ...aKey, selector: { keys: ['k'], clients: ['bot'] } }), /whole/],
    [textOf('revoke', { ...aKey, selector: { keys: ['k'], from: 1 } }), /whole/],
    [textOf('revoke', { ...aKey, selector: { keys: ['k'], before: 1 } }), /whole/],
    // The end of a block.
    [textOf('unblock', { cut: undefined }), /cut is not its own/],
    [textOf('unblock', { cut: P + 1 }), /cut is not its own/],
    [textOf('unblock', { cut: P - 1 }), /cut is not its own/],
    // A key.
    [textOf('key', { purpose: 'fun' }), /purpose/],
    [textOf('key', { algorithm: 'none' }), /algorithm/],
    [textOf('key', { state: 'lost' }), /state/],
    [textOf('key', { jwk: undefined }), /jwk is missing/],
    [textOf('key', { jwk: ['key_1'] }), /jwk is missing/],
    [textOf('key', { jwk: { kid: 'key_1', n: 7 } }), /jwk is missing/],
    [textOf('key', { jwk: { kid: 'key_1', x: 'x'.repeat(1025) } }), /jwk is missing/],
    [
      textOf('key', {
        jwk: Object.fromEntries([
          ['kid', 'key_1'],
          ...Array.from({ length: 16 }, (_, i) => [`m${i}`, '']),
        ]),
      }),
      /jwk is missing/,
    ],
    [textOf('key', { jwk: { kid: 'key_2' } }), /another key/],
    [textOf('key', { retireAfter: -1 }), /retireAfter/],
    [textOf('key', { retireAfter: '12' }), /retireAfter/],
    [textOf('key', { endorsement: '' }), /endorsement/],
    [textOf('key', { endorsement: 7 }), /endorsement/],
    [textOf('key', { endorsement: 'e'.repeat(4097) }), /endorsement/],
    // An epoch.
    [textOf('epoch', { position: position(2, 1) }), /midst/],
    [textOf('epoch', { continues: undefined }), /continues/],
    [textOf('epoch', { continues: 5 }), /continues/],
    [textOf('epoch', { continues: position(2, 0) }), /continues/],
    [textOf('epoch', { chain: undefined }), /chain/],
    [textOf('epoch', { chain: `${'h'.repeat(42)}=` }), /chain/],
  ] as const)('is refused: %s', ([text, fault]) => {
    expect(readRecord(text)).toMatch(fault)
  })

  it('of ours is always read', () => {
    const state = feedOrigin(0)
    const one = revocation({ selector: { clients: ['bot'] }, cut: position(1, 1) })
    const entries = [
      nextEntry(state, 'revoke', revokeBody(one, HASH), { untilSeconds: 9 }),
      nextEntry(state, 'unblock', unblockBody(one)),
      nextEntry(state, 'lift', liftBody(one)),
      nextEntry(
        state,
        'key',
        keyBody({
          id: 'key_1',
          purpose: 'token',
          algorithm: 'ES256',
          state: 'active',
          createdAt: one.publishedAt,
          publicJwk: { kty: 'EC', kid: 'key_1' },
        }),
      ),
      epochEntry(state),
    ]
    for (const { op, bytes, position: at } of entries) {
      expect(readRecord(new TextDecoder().decode(bytes))).toMatchObject({ op, position: at })
    }
  })

  it('that somebody made up never throws', () => {
    const anyValue = fc.oneof(fc.jsonValue(), fc.constantFrom(P, 'rev_1', HASH, null))
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(good) as (keyof typeof good)[])),
        fc.dictionary(fc.constantFrom(...Object.keys({ ...good.revoke, ...good.key })), anyValue),
        (op, change) => {
          const read = readRecord(textOf(op, change))
          expect(['string', 'object']).toContain(typeof read)
        },
      ),
      { numRuns: 1000 },
    )
    fc.assert(fc.property(fc.string(), (text) => void readRecord(text)))
  })
})
