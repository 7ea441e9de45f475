import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLiveState } from '#domain/feed/live-state.ts'
import { position, type Position } from '#domain/feed/position.ts'
import type { FeedRecord } from '#domain/feed/record.ts'

const sha = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const bytesOf = (record: FeedRecord): Uint8Array => new TextEncoder().encode(JSON.stringify(record))

/** The definition in `LiveState`'s documentation, from the whole history, as plainly as can be. */
function plainly(history: readonly FeedRecord[], timeMicros: number) {
  const isLifted = (id: string, since: number): boolean =>
    history.some((it) => it.op === 'lift' && it.id === id && since < it.position)
  const lives = history.filter((it) => {
    if (it.op === 'key') {
      const isNewest = !history.some(
        (other) => other.op === 'key' && other.id === it.id && it.position < other.position,
      )
      return (isNewest || it.purpose === 'feed') && isFuture(it.untilSeconds, timeMicros)
    }
    if (it.op !== 'revoke' && it.op !== 'unblock') return false
    if (isLifted(it.id, it.position)) return false
    if (it.op === 'unblock') {
      const hasBlock = history.some(
        (other) => other.op === 'revoke' && other.id === it.id && other.position < it.position,
      )
      return hasBlock && isFuture(it.untilSeconds, timeMicros)
    }
    const end = history.find(
      (other) => other.op === 'unblock' && other.id === it.id && it.position < other.position,
    )
    return isFuture((end ?? it).untilSeconds, timeMicros)
  })
  const groups = new Map<number, Buffer[]>()
  for (const one of lives) {
    const number = Math.floor(one.position / 1024)
    groups.set(number, [...(groups.get(number) ?? []), sha(bytesOf(one))])
  }
  const parts = [...groups].map(([number, hashes]) => {
    const head = Buffer.alloc(8)
    head.writeBigUInt64BE(BigInt(number))
    return Buffer.concat([head, sha(...hashes)])
  })
  const positions = lives.map((it) => it.position)
  return { digest: sha(...parts).toString('base64url'), size: lives.length, positions }
}

const isFuture = (until: number | undefined, timeMicros: number): boolean =>
  until === undefined || timeMicros < until * 1_000_000

const id = (pick: number): string => `rev_${String(pick).padStart(22, '0')}`

const anyStep = fc.record({
  op: fc.constantFrom('revoke', 'revoke', 'revoke', 'unblock', 'lift', 'key', 'epoch', 'ignorable'),
  pick: fc.nat(4),
  until: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  gap: fc.constantFrom(0, 0, 0, 700, 5000),
  isFeedKey: fc.boolean(),
  seconds: fc.constantFrom(0, 0, 0, 1),
})
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

function recordOf({ op, pick, until, isFeedKey }: Step, at: Position): FeedRecord {
  const placed = { position: at, ...(until === undefined ? {} : { untilSeconds: until }) }
  const plain = { exceptions: {}, reach: 'sessions', publishedMs: 0, reason: 'other' } as const
  switch (op) {
    case 'revoke':
      return { ...placed, ...plain, op, id: id(pick), selector: { all: true }, cut: at }
    case 'unblock':
      return { ...placed, op, id: id(pick), cut: at }
    case 'lift':
      return { position: at, op, id: id(pick) }
    case 'key': {
      const purpose = isFeedKey ? 'feed' : 'token'
      const keyId = `key_${purpose}${pick}`
      return {
        ...placed,
        op,
        id: keyId,
        purpose,
        algorithm: 'ES256',
        state: 'active',
        jwk: { kid: keyId },
      }
    }
    case 'epoch':
      return { position: at, op, continues: at, chain: '' }
    case 'ignorable':
      return { ...placed, op: 'ignorable' }
  }
}

/** A block ends once; a revocation's id is used once, or once for each of its parts. */
function isPossible(history: readonly FeedRecord[], record: FeedRecord): boolean {
  if (record.op === 'revoke') {
    return !history.some((it) => it.op !== 'revoke' && 'id' in it && it.id === record.id)
  }
  if (record.op !== 'unblock') return true
  const mine = history.filter((it) => 'id' in it && it.id === record.id)
  // What has an end is no block.
  return mine.every((it) => it.op === 'revoke' && it.untilSeconds === undefined)
}

describe('the live state', () => {
  it('has the digest and the size that its definition gives, whatever comes and ends', () => {
    const seen = { taken: 0, ended: 0 }
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
        const live = createLiveState()
        const history: FeedRecord[] = []
        let at: number = position(1, 0)
        let seconds = 0
        for (const step of steps) {
          at += 1 + step.gap
          seconds += step.seconds
          const record = recordOf(step, at as Position)
          if (!isPossible(history, record)) continue
          history.push(record)
          live.apply(record, bytesOf(record))
          // Just before the end of a second, and at it.
          for (const time of [seconds * 1_000_000, seconds * 1_000_000 + 999_999]) {
            const { digest, size, positions } = plainly(history, time)
            expect(live.digest(time)).toBe(digest)
            expect(live.size).toBe(size)
            expect(live.positions()).toEqual(positions)
          }
          if (live.size < history.length) seen.taken++
          if (0 < seconds) seen.ended++
        }
      }),
      { numRuns: 600, seed: 5 },
    )
    expect(Math.min(seen.taken, seen.ended)).toBeGreaterThan(100)
  })

  it('has what ends later than it first said until then', () => {
    const about = { pick: 1, gap: 0, isFeedKey: false, seconds: 0 } as const
    const history = [
      recordOf({ ...about, op: 'revoke', until: 3 }, position(1, 1)),
      recordOf({ ...about, op: 'unblock', until: 9 }, position(1, 2)),
    ]
    const live = createLiveState()
    for (const record of history) live.apply(record, bytesOf(record))
    for (const second of [2, 3, 8, 9]) {
      const time = second * 1_000_000
      expect(live.digest(time), `second ${second}`).toBe(plainly(history, time).digest)
    }
    expect(live.size).toBe(0)
  })

  it('forgets thousands that have ended, and keeps what is alive', () => {
    const live = createLiveState()
    const history: FeedRecord[] = []
    for (let i = 1; i <= 3000; i++) {
      const step = { op: 'revoke', pick: i, gap: 0, isFeedKey: false, seconds: 0 } as const
      const record = recordOf(
        { ...step, until: i % 100 === 0 ? undefined : 1 + (i % 7) },
        position(1, i),
      )
      history.push(record)
      live.apply(record, bytesOf(record))
    }
    for (const seconds of [0, 3, 8]) {
      expect(live.digest(seconds * 1_000_000)).toBe(plainly(history, seconds * 1_000_000).digest)
    }
    expect(live.size).toBe(30)
    const lift: FeedRecord = { position: position(1, 3001), op: 'lift', id: id(100) }
    live.apply(lift, bytesOf(lift))
    expect(live.size).toBe(29)
    expect(live.digest(9_000_000)).toBe(plainly([...history, lift], 9_000_000).digest)
  })
})
