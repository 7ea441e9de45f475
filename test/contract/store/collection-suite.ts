import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ORIGIN, position } from '#domain/feed/position.ts'
import { instant } from '#kernel/instant.ts'
import type { SelectionRecord, Store } from '#store/port.ts'
import { history, play } from './compaction-history.ts'
import {
  append,
  at,
  compact,
  isDue,
  key,
  openEpoch,
  places,
  revoke,
  rows,
  unblock,
} from './feed-steps.ts'
import { NOW, type OpenStore, secondsLater, withStore } from './fixtures.ts'

/** What is kept for a time only: entries of the feed that are over, and lists on their way in. */
export function collectionContract(open: OpenStore): void {
  floorContract(open)
  compactionContract(open)
  divergenceContract(open)
  selectionListContract(open)
}

function floorContract(open: OpenStore): void {
  describe('the floor of the feed', () => {
    it('lies at the origin first, and is raised and never lowered', () =>
      withStore(open, async (store) => {
        const floor = () => store.read((tx) => tx.feedFloor())
        expect(await floor()).toBe(ORIGIN)
        await store.write(async (tx) => {
          for (const id of ['rev_1', 'rev_2', 'rev_3']) await append(tx, 'revoke', revoke(id))
        })
        expect([await isDue(store, ORIGIN), await isDue(store, at(2))]).toEqual([false, true])
        expect(await compact(store, at(2))).toBe(0)
        expect([await floor(), await isDue(store, at(2))]).toEqual([at(2), false])
        expect(await compact(store, at(1))).toBe(0)
        expect(await floor()).toBe(at(2))
        await compact(store, at(3))
        expect(await floor()).toBe(at(3))
        expect(await places(store)).toEqual([1, 2, 3])
      }))

    it('never lies above the feed', () =>
      withStore(open, async (store) => {
        await store.write((tx) => append(tx, 'revoke', revoke('rev_1')))
        await expect(compact(store, at(2))).rejects.toThrow('above the feed')
        expect(await store.read((tx) => tx.feedFloor())).toBe(ORIGIN)
      }))

    it('says of which places an entry may be missing; a single one is found by its place', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'lift', { id: 'rev_0' })
          await append(tx, 'lift', { id: 'rev_0' })
          await append(tx, 'lift', { id: 'rev_0' }, 77)
        })
        const all = await rows(store)
        expect(await compact(store, at(2))).toBe(1)
        const entries = await Promise.all(
          [1, 2, 3, 4].map((n) => store.read((tx) => tx.feedEntry(at(n)))),
        )
        expect(entries).toEqual([undefined, all[1], all[2], undefined])
        expect(entries[2]?.untilSeconds).toBe(77)
      }))
  })
}

function compactionContract(open: OpenStore): void {
  describe('compacting the feed', () => {
    it('removes what is lifted, with all of its parts, the end of its block and its lift', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'revoke', revoke('rev_1', 0, true))
          await append(tx, 'revoke', revoke('rev_1', 1, true))
          await append(tx, 'revoke', revoke('rev_2'))
          await append(tx, 'unblock', unblock('rev_1'))
          await append(tx, 'lift', { id: 'rev_1' })
          await append(tx, 'lift', { id: 'rev_2' })
          await append(tx, 'revoke', revoke('rev_3'))
        })
        // Below a floor at a lift it is in force still.
        expect(await compact(store, at(5))).toBe(0)
        expect(await compact(store, at(6))).toBe(4)
        expect(await places(store)).toEqual([3, 6, 7])
        expect([await isDue(store, at(6)), await compact(store, at(6))]).toEqual([false, 0])
        expect(await compact(store, at(7))).toBe(2)
        expect(await places(store)).toEqual([7])
      }))

    it.for([
      ['has ended', 99, true],
      ['ends at the bound', 100, false],
      ['ends later', 101, false],
      ['never ends', undefined, false],
    ] as const)('of a revocation that %s', ([, until, isGone]) =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'revoke', revoke('rev_1'), until)
          await append(tx, 'revoke', revoke('rev_1', 1), until)
          await append(tx, 'key', key('key_1'))
        })
        // A part of it lies at the floor.
        expect(await compact(store, at(2), 100)).toBe(0)
        expect(await compact(store, at(3), 100)).toBe(isGone ? 2 : 0)
        expect(await places(store)).toEqual(isGone ? [3] : [1, 2, 3])
      }),
    )

    it.for([
      ['ended', 99, true],
      ['ends at the bound', 100, false],
      ['has no end', undefined, false],
    ] as const)('of a block whose cut %s', ([, until, isGone]) =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'revoke', revoke('rev_1', 0, true))
          await append(tx, 'revoke', revoke('rev_2', 0, true))
          await append(tx, 'unblock', unblock('rev_1'), until)
          await append(tx, 'key', key('key_1'))
        })
        // What a verifier at the floor has to learn is that the block is over.
        expect(await compact(store, at(3), 100)).toBe(0)
        expect(await compact(store, at(4), 100)).toBe(isGone ? 2 : 0)
        expect(await places(store)).toEqual(isGone ? [2, 4] : [1, 2, 3, 4])
      }),
    )

    it('keeps a revocation that ended while an end of its block does not', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'revoke', revoke('rev_1'), 50)
          await append(tx, 'unblock', unblock('rev_1'), 150)
          await append(tx, 'revoke', revoke('rev_2'), 150)
          await append(tx, 'unblock', unblock('rev_2'), 50)
          await append(tx, 'key', key('key_1'))
        })
        expect(await compact(store, at(5), 100)).toBe(0)
        expect(await compact(store, at(5), 151)).toBe(4)
        await store.write(async (tx) => {
          await append(tx, 'revoke', revoke('rev_3'), 50)
          await append(tx, 'unblock', unblock('rev_3'))
          await append(tx, 'key', key('key_1'))
        })
        expect(await compact(store, at(8), 151)).toBe(0)
        expect(await places(store)).toEqual([5, 6, 7, 8])
      }))

    it('of a revocation that has ended leaves the lift that lies at the floor', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'revoke', revoke('rev_1'), 50)
          await append(tx, 'lift', { id: 'rev_1' })
        })
        expect(await compact(store, at(2), 100)).toBe(1)
        expect(await places(store)).toEqual([2])
      }))

    it('keeps of a key its newest entry, of a feed key all, and no opening of an epoch', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'key', key('key_1'))
          await append(tx, 'key', key('key_2', 'feed'))
          await append(tx, 'key', key('key_3'))
          await append(tx, 'key', key('key_1', 'token', 'retiring'))
          await append(tx, 'key', key('key_2', 'feed', 'retired'))
          await openEpoch(tx)
          await append(tx, 'key', key('key_1', 'token', 'revoked'))
        })
        expect(await compact(store, at(4))).toBe(0)
        expect(await compact(store, at(5))).toBe(1)
        expect(await places(store)).toEqual([2, 3, 4, 5, 2 ** 32, 2 ** 32 + 1])
        expect(await compact(store, position(2, 0))).toBe(0)
        expect(await compact(store, position(2, 1))).toBe(1)
        expect(await places(store)).toEqual([2, 3, 4, 5, 2 ** 32 + 1])
        await store.write((tx) => append(tx, 'key', key('key_9')))
        expect(await compact(store, position(2, 2))).toBe(1)
        expect(await places(store)).toEqual([2, 3, 5, 2 ** 32 + 1, 2 ** 32 + 2])
      }))

    it('removes no more at a time than it is told, and says whether there is more', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          for (const part of [0, 1, 2]) await append(tx, 'revoke', revoke('rev_1', part), 9)
          for (const part of [0, 1]) await append(tx, 'revoke', revoke('rev_2', part), 9)
          await append(tx, 'lift', { id: 'rev_2' })
          await openEpoch(tx)
          await append(tx, 'key', key('key_1'))
          await append(tx, 'key', key('key_1'))
          await append(tx, 'key', key('key_1'))
        })
        const floor = position(2, 3)
        // Of the three of one key the last lies at the floor, and so the second stays.
        const removed: number[] = []
        while (await isDue(store, floor, 10)) removed.push(await compact(store, floor, 10, 2))
        expect(removed).toEqual([2, 2, 2, 2])
        expect(await places(store)).toEqual([2 ** 32 + 2, 2 ** 32 + 3])
      }))

    it('has work where only a key was replaced', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'key', key('key_1'))
          await append(tx, 'key', key('key_1'))
          await append(tx, 'revoke', revoke('rev_1'))
        })
        await compact(store, at(2))
        expect(await isDue(store, at(2))).toBe(false)
        expect(await compact(store, at(3), 0, 0)).toBe(0)
        expect(await isDue(store, at(3))).toBe(true)
        expect(await compact(store, at(3))).toBe(1)
      }))

    it('says of each kind that there is work, and takes it alone', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await append(tx, 'lift', { id: 'rev_1' })
          await append(tx, 'key', key('key_1'))
          await append(tx, 'key', key('key_1'))
          await append(tx, 'revoke', revoke('rev_2'), 9)
          await openEpoch(tx)
          await append(tx, 'revoke', revoke('rev_3'))
        })
        const floor = position(2, 1)
        const left: number[][] = []
        for (let i = 0; i < 4; i++) {
          expect(await isDue(store, floor, 10)).toBe(true)
          expect(await compact(store, floor, 10, 1)).toBe(1)
          left.push(await places(store))
        }
        const last = 2 ** 32 + 1
        expect(left).toEqual([
          [2, 3, 4, 2 ** 32, last],
          [2, 3, 4, last],
          [3, 4, last],
          [3, last],
        ])
        expect(await isDue(store, floor, 10)).toBe(false)
      }))

    it('leaves what gives the same in force as all, wherever it was cut short', () =>
      fc.assert(
        fc.asyncProperty(history, (steps) =>
          withStore(open, async (store) => {
            await play(store, steps)
          }),
        ),
        { numRuns: 60 },
      ))
  })
}

function divergenceContract(open: OpenStore): void {
  describe('a divergence', () => {
    it('is kept from when it is first seen until it is cleared', () =>
      withStore(open, async (store) => {
        const seen = { position: at(9), chain: 'c', seenBy: 'verifier api-7', at: NOW }
        const divergence = () => store.read((tx) => tx.divergence())
        expect(await divergence()).toBeUndefined()
        await store.write((tx) => tx.recordDivergence(seen))
        await store.write((tx) => tx.recordDivergence({ ...seen, position: at(10) }))
        expect(await divergence()).toEqual(seen)
        await store.write((tx) => tx.clearDivergence())
        expect(await divergence()).toBeUndefined()
        await store.write((tx) => tx.recordDivergence({ ...seen, seenBy: 'again' }))
        expect((await divergence())?.seenBy).toBe('again')
      }))
  })
}

const list = (id: string, more: Partial<SelectionRecord> = {}): SelectionRecord => ({
  id,
  actor: 'local',
  createdAt: NOW,
  tokens: 0,
  ...more,
})

function selectionListContract(open: OpenStore): void {
  describe('exact lists', () => {
    const tokensOf = (store: Store, id: string) => store.read((tx) => tx.selectionTokens(id))
    const find = (store: Store, id: string) => store.read((tx) => tx.findSelection(id))
    const add = (store: Store, id: string, offset: number, ...tokens: readonly string[]) =>
      store.write((tx) => tx.appendSelection(id, offset, tokens))

    it('grow at their end, keep their order and what was there', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertSelection(list('sel_1', { actor: 'bob' })))
        await store.write((tx) => tx.insertSelection(list('sel_2')))
        expect(await find(store, 'sel_1')).toEqual(list('sel_1', { actor: 'bob' }))
        expect(await tokensOf(store, 'sel_1')).toEqual([])
        await add(store, 'sel_1', 0, 'c', 'a', 'c')
        await add(store, 'sel_2', 0, 'z')
        await add(store, 'sel_1', 3, 'b')
        await add(store, 'sel_1', 1, 'other', 'c', 'b', 'd')
        await add(store, 'sel_1', 0, 'c')
        expect(await tokensOf(store, 'sel_1')).toEqual(['c', 'a', 'c', 'b', 'd'])
        expect((await find(store, 'sel_1'))?.tokens).toBe(5)
        expect(await tokensOf(store, 'sel_2')).toEqual(['z'])
        const piece = (from: number, limit: number) =>
          store.read((tx) => tx.selectionTokens('sel_1', { from, limit }))
        expect(await piece(0, 2)).toEqual(['c', 'a'])
        expect(await piece(2, 2)).toEqual(['c', 'b'])
        expect(await piece(4, 2)).toEqual(['d'])
        expect(await piece(5, 2)).toEqual([])
        expect(await tokensOf(store, 'sel_3')).toEqual([])
        expect(await find(store, 'sel_3')).toBeUndefined()
      }))

    it('have no gaps, begin empty, and are added to only where they are', () =>
      withStore(open, async (store) => {
        const full = store.write((tx) => tx.insertSelection(list('sel_1', { tokens: 1 })))
        await expect(full).rejects.toThrow('begins empty')
        await store.write((tx) => tx.insertSelection(list('sel_1')))
        await add(store, 'sel_1', 0, 'a')
        await expect(add(store, 'sel_1', 2, 'b')).rejects.toThrow('gap after 1')
        await expect(add(store, 'sel_1', -1, 'b')).rejects.toThrow('gap')
        await expect(add(store, 'sel_2', 0, 'b')).rejects.toThrow('sel_2')
        expect(await tokensOf(store, 'sel_1')).toEqual(['a'])
      }))

    it('hold a hundred thousand tokens', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertSelection(list('sel_1')))
        const tokens = Array.from({ length: 100_000 }, (_, i) => `cred_${i * 7}`)
        for (let i = 0; i < tokens.length; i += 5000) {
          await add(store, 'sel_1', i, ...tokens.slice(i, i + 5000))
        }
        expect(await tokensOf(store, 'sel_1')).toEqual(tokens)
      }))

    it('are found no more as soon as they are forgotten, and go in steps of any size', () =>
      withStore(open, async (store) => {
        const young = list('sel_3', { createdAt: secondsLater(2) })
        for (const it of [list('sel_1', { createdAt: secondsLater(1) }), list('sel_2'), young]) {
          await store.write((tx) => tx.insertSelection(it))
          await add(store, it.id, 0, 'a', 'b', 'c')
        }
        const before = secondsLater(2)
        const isWork = (selectionsBegunBefore: typeof before) =>
          store.read((tx) =>
            tx.isCollectionDue({
              floor: ORIGIN,
              endedBeforeSeconds: 0,
              incarnationsSeenBefore: instant(0),
              selectionsBegunBefore,
            }),
          )
        expect([await isWork(NOW), await isWork(before)]).toEqual([false, true])
        const forget = (limit: number) => store.write((tx) => tx.forgetSelections(before, limit))
        expect(await forget(2)).toBe(2)
        for (const id of ['sel_1', 'sel_2']) {
          expect(await find(store, id)).toBeUndefined()
          expect(await tokensOf(store, id)).toEqual([])
          await expect(add(store, id, 3, 'd')).rejects.toThrow(id)
        }
        // Six tokens and two lists.
        expect([await forget(2), await forget(3), await forget(9)]).toEqual([2, 3, 1])
        expect([await forget(9), await isWork(before)]).toEqual([0, false])
        expect(await tokensOf(store, 'sel_3')).toEqual(['a', 'b', 'c'])
      }))
  })
}
