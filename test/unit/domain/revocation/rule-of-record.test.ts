import { describe, expect, it } from 'vitest'
import { revokeBody } from '#domain/feed/body.ts'
import { feedOrigin, nextEntry } from '#domain/feed/entry.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import { hits, type Rule, ruleOf, ruleOfRecord } from '#domain/revocation/rule.ts'
import fc from 'fast-check'
import { anyRevocations, anyToken, at, revocation, second, token } from './worlds.ts'

const HASH = 'h'.repeat(43)

/** By way of the feed: as bytes, and read from them. */
function published(one: Parameters<typeof revokeBody>[0]): Rule {
  const state = { ...feedOrigin(0), position: at(one.position - at(0) - 1) }
  const text = new TextDecoder().decode(nextEntry(state, 'revoke', revokeBody(one, HASH)).bytes)
  const record = readRecord(text)
  if (typeof record === 'string' || record.op !== 'revoke') throw new Error(text)
  return ruleOfRecord(record)
}

describe('a rule as the feed tells it', () => {
  it('hits what the rule of the record hits, with the same grace, reason and message', () => {
    fc.assert(
      fc.property(anyRevocations, anyToken, (revocations, about) => {
        for (const one of revocations) {
          // A key is named alone and a window of nothing is no window, as the planner sees to.
          const ours = ruleOf(one)
          const told = published(one)
          expect(hits(told, about)).toBe(hits(ours, about))
          expect(told.graceEndsAt).toBe(ours.graceEndsAt)
          expect(told.graceSeconds).toBe(ours.graceSeconds)
          expect([told.id, told.position, told.cut, told.reach]).toEqual([
            ours.id,
            ours.position,
            ours.cut,
            ours.reach,
          ])
          expect([told.reason, told.message, told.spares]).toEqual([
            ours.reason,
            ours.message,
            ours.spares,
          ])
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is a block where it has no cut, and is not of a key', () => {
    const block = published(
      revocation({ cut: null, blocks: true, selector: { clients: ['deploy'] } }),
    )
    const key = published(revocation({ cut: null, final: true, selector: { keys: ['key_a'] } }))
    const plain = published(revocation({ selector: { clients: ['deploy'] } }))
    expect([block.blocks, key.blocks, plain.blocks]).toEqual([true, false, false])
    expect(hits(block, token({ rootSeq: at(900) }))).toBe(true)
  })

  it('carries message and grace to the millisecond', () => {
    const told = published(
      revocation({
        selector: { all: true },
        message: 'renew',
        graceSeconds: 7,
        publishedAt: second(3),
      }),
    )
    expect(told).toMatchObject({ message: 'renew', graceSeconds: 7, graceEndsAt: second(10) })
    const bare = published(revocation({ selector: { all: true } }))
    expect(bare).toMatchObject({ message: undefined, graceSeconds: 0, graceEndsAt: -Infinity })
  })
})
