import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  nextTimeMicros,
  reading,
  refuseClockBehind,
  untilSeconds,
} from '#domain/feed/authority-time.ts'
import { keyBody, liftBody, recordHash, revokeBody, unblockBody } from '#domain/feed/body.ts'
import { verifyChain } from '#domain/feed/chain.ts'
import {
  advance,
  chainOver,
  epochEntry,
  epochIsFull,
  type FeedEntry,
  type FeedOp,
  feedOrigin,
  type FeedState,
  nextEntry,
} from '#domain/feed/entry.ts'
import {
  isPosition,
  opensEpoch,
  type Position,
  position,
  successorOf,
} from '#domain/feed/position.ts'
import type { Key } from '#domain/keys/key.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { encodeBase64url } from '#kernel/base64url.ts'
import { instant } from '#kernel/instant.ts'

const T0 = 1_800_000_000_000_000
const salt = new Uint8Array(16).fill(7)
const record = recordHash(salt, { actor: 'local:ann' })

const revocation: Revocation = {
  id: 'rev_01m3q7z0000123456789abcd',
  position: position(1, 1),
  selector: { tags: { team: 'a' } },
  resolved: { clients: ['deploy-bot'] },
  exceptions: {},
  cut: position(1, 1),
  reach: 'sessions',
  reason: 'compromise',
  graceSeconds: 0,
  blocks: false,
  final: false,
  suspends: false,
  publishedAt: instant(T0 / 1000),
  matched: { credentials: 1, byClient: {}, byScope: {}, byAudience: {} },
  actor: 'local:ann',
  incidentId: 'inc_secret',
  recordSalt: encodeBase64url(salt),
}
const key: Key = {
  id: 'key_1',
  purpose: 'token',
  algorithm: 'ES256',
  state: 'active',
  createdAt: instant(0),
  publicJwk: { kty: 'EC', kid: 'key_1' },
}

const textOf = ({ bytes }: FeedEntry): string => new TextDecoder().decode(bytes)

/** Like the authority: whatever comes, with an epoch opened where one is full. */
function append(state: FeedState, index: number): { entries: FeedEntry[]; state: FeedState } {
  const entries: FeedEntry[] = []
  let here = state
  if (epochIsFull(here)) {
    const opening = epochEntry(here)
    entries.push(opening)
    here = advance(opening, nextTimeMicros(here, T0))
  }
  const entry = [
    nextEntry(here, 'revoke', revokeBody(revocation, record), { untilSeconds: 1_800_003_600 }),
    nextEntry(here, 'unblock', unblockBody(revocation)),
    nextEntry(here, 'lift', liftBody(revocation)),
    nextEntry(here, 'key', keyBody(key)),
  ][index % 4] as FeedEntry
  entries.push(entry)
  return { entries, state: advance(entry, nextTimeMicros(here, T0)) }
}

function feedOf(start: FeedState, picks: readonly number[]): FeedEntry[] {
  const all: FeedEntry[] = []
  let state = start
  for (const pick of picks) {
    const added = append(state, pick)
    all.push(...added.entries)
    state = added.state
  }
  return all
}

describe('the bytes of an entry', () => {
  const state = feedOrigin(T0)

  it('are JSON in fixed order, of one client’s revocation at most 250 bytes', () => {
    const entry = nextEntry(state, 'revoke', revokeBody(revocation, record), {
      untilSeconds: 1_800_003_600,
    })
    expect(textOf(entry)).toBe(
      `{"position":4294967297,"op":"revoke","id":"${revocation.id}","selector":{"clients":["deploy-bot"]},` +
        `"cut":4294967297,"published":1800000000000,"reason":"compromise","record":"${record}","until":1800003600}`,
    )
    expect(entry.bytes.length).toBeLessThanOrEqual(250)
    expect(entry).toMatchObject({
      position: position(1, 1),
      op: 'revoke',
      untilSeconds: 1_800_003_600,
    })
  })

  it('carry exceptions, window, reach, grace and message where there are any', () => {
    const body = revokeBody(
      {
        ...revocation,
        resolved: { all: true, issuedAfter: instant(1999), issuedBefore: instant(2001) },
        exceptions: { clients: ['b', 'a'], tokens: [] },
        reach: 'tokens',
        graceSeconds: 30,
        cut: null,
        message: 'renew "now"',
      },
      record,
    )
    expect(JSON.parse(textOf(nextEntry(state, 'revoke', body)))).toEqual({
      position: position(1, 1),
      op: 'revoke',
      id: revocation.id,
      selector: { all: true, from: 1, before: 3 },
      except: { clients: ['a', 'b'] },
      reach: 'tokens',
      cut: null,
      published: T0 / 1000,
      graceEnd: T0 / 1000 + 30_000,
      reason: 'compromise',
      message: 'renew "now"',
      record,
    })
  })

  it('never carry what is not an entry’s to tell', () => {
    const body = { ...revokeBody(revocation, record), ...revocation, matched: 'x', tags: 'y' }
    const text = textOf(nextEntry(state, 'revoke', body as never))
    for (const word of ['actor', 'local:ann', 'matched', 'inc_secret', 'recordSalt', 'tags":"y']) {
      expect(text).not.toContain(word)
    }
    expect(() => revokeBody({ ...revocation, resolved: revocation.selector }, record)).toThrow(
      /not resolved/,
    )
  })

  it.for([
    [
      'unblock',
      unblockBody(revocation),
      `{"position":4294967297,"op":"unblock","id":"${revocation.id}","cut":4294967297}`,
    ],
    ['lift', liftBody(revocation), `{"position":4294967297,"op":"lift","id":"${revocation.id}"}`],
    [
      'key',
      keyBody(key),
      '{"position":4294967297,"op":"key","id":"key_1","purpose":"token","algorithm":"ES256","state":"active","jwk":{"kty":"EC","kid":"key_1"}}',
    ],
    [
      'key',
      keyBody({ ...key, state: 'retiring', retireAfter: instant(5) }),
      '{"position":4294967297,"op":"key","id":"key_1","purpose":"token","algorithm":"ES256","state":"retiring","jwk":{"kty":"EC","kid":"key_1"},"retireAfter":5}',
    ],
  ] as const)('of %s', ([op, body, text]) => {
    expect(textOf(nextEntry(state, op, body as never))).toBe(text)
  })

  it('bind the private record, by its content and its salt', () => {
    expect(record).toMatch(/^[\w-]{43}$/)
    expect(recordHash(salt, { b: 1, a: 2 })).toBe(recordHash(salt, { a: 2, b: 1 }))
    expect(recordHash(salt, { actor: 'local:bob' })).not.toBe(record)
    expect(recordHash(new Uint8Array(16), { actor: 'local:ann' })).not.toBe(record)
    expect(() => recordHash(new Uint8Array(15), {})).toThrow(/too short/)
  })
})

describe('the chain', () => {
  const anyPicks = fc.array(fc.nat(3), { minLength: 2, maxLength: 12 })
  // Near the end of an epoch too, so that one is opened on the way.
  const anyStart = fc
    .constantFrom(position(1, 0), position(1, 2 ** 32 - 4), position(7, 2 ** 32 - 1))
    .map((at): FeedState => ({ ...feedOrigin(T0), position: at }))

  it('has no gaps, opens epochs by their own entry, and fits its bytes', () => {
    fc.assert(
      fc.property(anyStart, anyPicks, (start, picks) => {
        const entries = feedOf(start, picks)
        let previous: number = start.position
        for (const entry of entries) {
          expect(entry.position).toBe(previous + 1)
          expect(entry.op === 'epoch').toBe(entry.position % 2 ** 32 === 0)
          previous = entry.position
        }
        const { end, broken } = verifyChain(start, entries)
        expect(broken).toBeUndefined()
        expect(end).toEqual({ position: previous, chain: entries.at(-1)?.chain })
        const half = entries.length >> 1
        const middle = verifyChain(start, entries.slice(0, half)).end
        expect(verifyChain(middle, entries.slice(half))).toEqual({ end })
      }),
      { numRuns: 200 },
    )
  })

  it('shows any entry that was changed, dropped, repeated or moved', () => {
    const spoil = (entries: FeedEntry[], how: string, at: number, bit: number): FeedEntry[] => {
      const entry = entries[at] as FeedEntry
      const flip = (bytes: Uint8Array): Uint8Array =>
        bytes.map((byte, i) => (i === bit % bytes.length ? byte ^ 1 : byte))
      const changed: Record<string, FeedEntry[]> = {
        bytes: [{ ...entry, bytes: flip(entry.bytes) }],
        chain: [{ ...entry, chain: flip(entry.chain) }],
        op: [{ ...entry, op: entry.op === 'lift' ? 'key' : 'lift' }],
        position: [{ ...entry, position: successorOf(entry.position) ?? entry.position }],
        drop: [],
        repeat: [entry, entry],
      }
      return [...entries.slice(0, at), ...(changed[how] ?? []), ...entries.slice(at + 1)]
    }
    const how = fc.constantFrom('bytes', 'chain', 'op', 'position', 'drop', 'repeat')
    fc.assert(
      fc.property(anyStart, anyPicks, how, fc.nat(), fc.nat(), (start, picks, way, pick, bit) => {
        const entries = feedOf(start, picks)
        // The last one dropped leaves a shorter feed that is whole; a head would tell.
        const at = pick % (entries.length - 1)
        const { end, broken } = verifyChain(start, spoil(entries, way, at, bit))
        expect(broken).toBeDefined()
        expect(end.position).toBeLessThanOrEqual(entries[at]?.position as number)
      }),
      { numRuns: 500 },
    )
  })

  it('follows a restore into a higher epoch, by its opening entry only', () => {
    const start = feedOrigin(T0)
    const opening = epochEntry(start)
    expect(JSON.parse(textOf(opening))).toEqual({
      position: position(2, 0),
      op: 'epoch',
      continues: position(1, 0),
      chain: encodeBase64url(start.chain),
    })
    expect(verifyChain(start, [opening]).broken).toBeUndefined()
    const late = nextEntry(advance(opening, T0), 'lift', liftBody(revocation))
    expect(verifyChain(start, [late]).broken).toBeDefined()
    expect(verifyChain(start, [epochEntry(advance(opening, T0))]).broken).toBeDefined()
  })

  it('breaks where hashes fit and places do not', () => {
    const start = feedOrigin(T0)
    const forged = (at: Position, op: FeedOp): FeedEntry => {
      const bytes = new TextEncoder().encode(`{"position":${at},"op":"${op}"}`)
      return { position: at, op, bytes, chain: chainOver(start.chain, bytes) }
    }
    expect(verifyChain(start, [forged(position(1, 1), 'lift')]).broken).toBeUndefined()
    for (const entry of [
      forged(position(1, 0), 'lift'),
      forged(position(1, 2), 'lift'),
      forged(position(1, 1), 'epoch'),
      forged(position(2, 0), 'lift'),
      forged(position(2, 1), 'epoch'),
      forged(position(3, 0), 'epoch'),
    ]) {
      expect(verifyChain(start, [entry]).broken).toMatchObject({ position: entry.position })
    }
  })

  it('breaks where an epoch begins in its middle, or again', () => {
    const opening = epochEntry(feedOrigin(T0))
    const state = advance(opening, T0)
    const { chain, bytes } = nextEntry(state, 'lift', liftBody(revocation))
    const second: FeedState = { position: position(2, 1), chain, timeMicros: T0 }
    const forged = (at: Position, op: FeedOp): FeedEntry => {
      const continues = `"continues":${second.position},"chain":"${encodeBase64url(chain)}"`
      const text = new TextEncoder().encode(`{"position":${at},"op":"${op}",${continues}}`)
      return { position: at, op, bytes: text, chain: chainOver(chain, text) }
    }
    expect(bytes.length).toBeGreaterThan(0)
    expect(verifyChain(second, [forged(position(3, 0), 'epoch')]).broken).toBeUndefined()
    for (const entry of [
      forged(position(3, 1), 'lift'),
      forged(position(2, 0), 'epoch'),
      forged(position(1, 0), 'epoch'),
    ]) {
      expect(verifyChain(second, [entry]).broken?.detail).toMatch(/does not follow/)
    }
  })

  it('breaks where a hash is longer or shorter than one', () => {
    const start = feedOrigin(T0)
    const entry = nextEntry(start, 'lift', liftBody(revocation))
    for (const chain of [entry.chain.slice(0, 31), new Uint8Array([...entry.chain, 0])]) {
      expect(verifyChain(start, [{ ...entry, chain }]).broken?.detail).toMatch(/hash does not fit/)
    }
  })

  it('may open a later epoch, as a restore does, if it names what it continues', () => {
    const start = feedOrigin(T0)
    const opening = epochEntry(start, 7)
    expect(verifyChain(start, [opening]).broken).toBeUndefined()
    const elsewhere = { ...start, chain: new Uint8Array(32).fill(1) }
    const bytes = epochEntry(elsewhere, 7).bytes
    const forged = { ...opening, bytes, chain: chainOver(start.chain, bytes) }
    expect(verifyChain(start, [forged]).broken?.detail).toMatch(/does not name what it continues/)
    expect(() => epochEntry(start, 1)).toThrow(/has begun already/)
  })

  it('ends where positions end', () => {
    const last: FeedState = { ...feedOrigin(T0), position: position(2 ** 21 - 1, 2 ** 32 - 1) }
    expect(() => nextEntry(last, 'lift', liftBody(revocation))).toThrow(/no places/)
    expect(() => epochEntry(last)).toThrow(/no epochs/)
    expect(epochIsFull(last)).toBe(false)
    const full: FeedState = { ...feedOrigin(T0), position: position(1, 2 ** 32 - 1) }
    expect(epochIsFull(full)).toBe(true)
    expect(() => nextEntry(full, 'lift', liftBody(revocation))).toThrow(/opened first/)
  })
})

describe('positions', () => {
  it.for([
    [position(1, 0), true, position(1, 1)],
    [position(1, 2 ** 32 - 1), true, position(2, 0)],
    [position(2 ** 21 - 1, 2 ** 32 - 1), true, undefined],
    [position(2 ** 21, 0), false, undefined],
    [position(0, 5), false, undefined],
  ] as const)('%i: %s, then %s', ([at, valid, next]) => {
    expect(isPosition(at)).toBe(valid)
    expect(valid ? successorOf(at) : undefined).toBe(next)
  })
  it('are none without a whole number', () => {
    for (const value of [undefined, null, '4294967297', 4294967297.5, NaN, -1, Infinity]) {
      expect(isPosition(value)).toBe(false)
    }
    expect(opensEpoch(position(2, 0))).toBe(true)
    expect(opensEpoch(position(2, 1))).toBe(false)
  })
})

describe('authority time', () => {
  const state: FeedState = { ...feedOrigin(T0), position: position(1, 9) }
  // clock → time of a reading, time of the next entry
  it.for([
    [T0 - 5, T0, T0 + 1],
    [T0, T0, T0 + 1],
    [T0 + 1, T0 + 1, T0 + 1],
    [T0 + 1500, T0 + 1500, T0 + 1500],
  ] as const)('at clock %i reads %i and moves to %i', ([clock, read, next]) => {
    expect(reading(state, clock)).toEqual({
      position: position(1, 9),
      timeMicros: read,
      at: Math.floor(read / 1000),
    })
    expect(nextTimeMicros(state, clock)).toBe(next)
  })

  it('refuses to mint while the feed is more than 2 s ahead', () => {
    refuseClockBehind(state, T0 + 1)
    refuseClockBehind(state, T0 - 2_000_000)
    expect(() => refuseClockBehind(state, T0 - 2_000_001)).toThrow(
      expect.objectContaining({ code: 'clock-behind', facts: { aheadSeconds: 3 } }),
    )
  })

  const at = { cut: position(1, 3), timeMicros: T0 + 1 }
  it.for([
    [{ ...at, cut: null }, undefined, undefined],
    [at, undefined, T0 / 1e6 + 3601],
    [{ ...at, timeMicros: T0 }, undefined, T0 / 1e6 + 3600],
    [at, instant(T0 / 1000 + 1), T0 / 1e6 + 3601],
    [at, instant(T0 / 1000 + 9_000_001), T0 / 1e6 + 9001],
  ] as const)('keeps %j with a token until %s until %s', ([entry, largestExpiry, until]) => {
    expect(untilSeconds(entry, { largestExpiry, maxTtlSeconds: 3600 })).toBe(until)
  })
})
