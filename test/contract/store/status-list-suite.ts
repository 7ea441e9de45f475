import { describe, expect, it } from 'vitest'
import type { StatusList } from '#domain/status-list/status-list.ts'
import { fromSeconds } from '#kernel/instant.ts'
import type { Store } from '#store/port.ts'
import { credential, NOW, type OpenStore, secondsLater, withStore } from './fixtures.ts'

const list = (id: string, more: Partial<StatusList> = {}): StatusList => ({
  id,
  size: 10,
  seed: Uint8Array.of(1, 2, 3),
  taken: 0,
  expiresAt: NOW,
  isAbandoned: false,
  openedAt: NOW,
  ...more,
})

const take = (store: Store, count: number, seconds = 0) =>
  store.write((tx) => tx.takeStatusPlaces(count, secondsLater(seconds)))
const idsOf = async (store: Store): Promise<string[]> =>
  (await store.read((tx) => tx.statusLists())).map(({ id }) => id)

/** Status lists: whose places are given once, and which of them are kept how long. */
export function statusListContract(open: OpenStore): void {
  describe('the places of a status list', () => {
    it('are given in order of their numbers, and never twice', () =>
      withStore(open, async (store) => {
        expect(await take(store, 1)).toBeUndefined()
        await store.write((tx) => tx.insertStatusList(list('a')))
        const common = { list: 'a', size: 10, seed: Uint8Array.of(1, 2, 3) }
        expect(await take(store, 1)).toEqual({ ...common, first: 0, count: 1 })
        expect(await take(store, 6)).toEqual({ ...common, first: 1, count: 6 })
        expect(await take(store, 6)).toEqual({ ...common, first: 7, count: 3 })
        expect(await take(store, 1)).toBeUndefined()
        await store.write((tx) => tx.insertStatusList(list('b')))
        expect(await take(store, 2)).toMatchObject({ list: 'b', first: 0, count: 2 })
      }))

    it('are given back by a transaction that fails, which gave them to nobody', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertStatusList(list('a')))
        const failing = store.write(async (tx) => {
          await tx.takeStatusPlaces(5, NOW)
          throw new Error('it fails')
        })
        await expect(failing).rejects.toThrow('it fails')
        expect(await take(store, 1)).toMatchObject({ first: 0 })
      }))

    it('stay with their credential', () =>
      withStore(open, async (store) => {
        const placed = credential('cred_1', { status: { list: 'a', index: 0 } })
        const bare = credential('cred_2')
        await store.write((tx) => tx.insertCredentials([placed, bare]))
        expect(await store.read((tx) => tx.findCredential('cred_1'))).toEqual(placed)
        expect(await store.read((tx) => tx.findCredential('cred_2'))).toEqual(bare)
      }))
  })

  describe('a status list', () => {
    it('is found by its id, and lasts as long as the last that is in it', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertStatusList(list('a')))
        await take(store, 1, 500)
        await take(store, 1, 400)
        const found = await store.read((tx) => tx.findStatusList('a'))
        expect(found).toEqual(list('a', { taken: 2, expiresAt: secondsLater(500) }))
        expect(await store.read((tx) => tx.findStatusList('b'))).toBeUndefined()
      }))

    it('has an id that no other has', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertStatusList(list('a')))
        const again = store.write((tx) => tx.insertStatusList(list('a')))
        await expect(again).rejects.toBeInstanceOf(Error)
      }))

    it('gives out nothing once it is abandoned, and lasts a while', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertStatusList(list('a')))
        await store.write((tx) => tx.abandonStatusLists(secondsLater(60)))
        expect(await take(store, 1)).toBeUndefined()
        expect(await store.read((tx) => tx.statusLists())).toEqual([
          list('a', { isAbandoned: true, expiresAt: secondsLater(60) }),
        ])
      }))

    it('is dropped once it is closed and has expired, and not before', () =>
      withStore(open, async (store) => {
        for (const id of ['a', 'b', 'c', 'd']) {
          await store.write((tx) => tx.insertStatusList(list(id)))
          if (id !== 'd') await take(store, 10, id === 'c' ? 20 : 10)
        }
        const at = secondsLater(11)
        const isDue = (before = at) => store.read((tx) => tx.isDroppingStatusListsDue(before))
        expect(await isDue(secondsLater(10))).toBe(false)
        expect(await isDue()).toBe(true)
        const drop = (limit: number) => store.write((tx) => tx.dropStatusLists(at, limit))
        expect([await drop(1), await idsOf(store)]).toEqual([1, ['b', 'c', 'd']])
        expect([await drop(9), await idsOf(store)]).toEqual([1, ['c', 'd']])
        expect(await isDue()).toBe(false)
        // One that is still being filled stays, however long ago its last credential expired.
        expect(await isDue(secondsLater(9999))).toBe(true)
        await store.write((tx) => tx.dropStatusLists(secondsLater(9999), 9))
        expect(await idsOf(store)).toEqual(['d'])
      }))
  })

  describe('until when lists may be used', () => {
    it('is on record before they are given out, and never falls', () =>
      withStore(open, async (store) => {
        const until = () => store.read((tx) => tx.statusListsIssuedUntil())
        expect(await until()).toBe(fromSeconds(0))
        await store.write((tx) => tx.issueStatusLists(secondsLater(60)))
        expect(await until()).toBe(secondsLater(60))
        await store.write((tx) => tx.issueStatusLists(secondsLater(30)))
        expect(await until()).toBe(secondsLater(60))
      }))
  })
}
