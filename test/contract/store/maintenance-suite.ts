import { describe, expect, it } from 'vitest'
import type { Credential } from '#domain/credential/credential.ts'
import type { Store, StoredReply } from '#store/port.ts'
import {
  allPages,
  credential,
  ids,
  NOW,
  type OpenStore,
  secondsLater,
  withStore,
} from './fixtures.ts'

/** What is kept for a time only: answers that may be asked for again, and expired credentials. */
export function maintenanceContract(open: OpenStore): void {
  replyContract(open)
  purgeContract(open)
}

const reply = (key: string, more: Partial<StoredReply> = {}): StoredReply => ({
  actor: 'local',
  key,
  fingerprint: `of ${key}`,
  result: { list: [1, null, 'x'] },
  ...more,
})

function replyContract(open: OpenStore): void {
  describe('replies', () => {
    it('come back to the actor who had them, under their key', () =>
      withStore(open, async (store) => {
        const find = (actor: string, name: string) => store.read((tx) => tx.findReply(actor, name))
        const theirs = reply('a', { actor: 'operator:bob', result: null })
        await store.write((tx) => tx.insertReply(reply('a'), NOW))
        await store.write((tx) => tx.insertReply(theirs, NOW))
        expect(await find('local', 'a')).toEqual(reply('a'))
        expect(await find('operator:bob', 'a')).toEqual(theirs)
        expect(await find('local', 'b')).toBeUndefined()
        const again = store.write((tx) => tx.insertReply(reply('a'), NOW))
        await expect(again).rejects.toBeInstanceOf(Error)
      }))

    it('are forgotten by age, no more at once than is allowed', () =>
      withStore(open, async (store) => {
        for (const [name, at] of [
          ['c', 2],
          ['a', 0],
          ['d', 3],
          ['b', 1],
        ] as const) {
          await store.write((tx) => tx.insertReply(reply(name), secondsLater(at)))
        }
        const before = secondsLater(3)
        const forget = (limit: number) => store.write((tx) => tx.forgetReplies(before, limit))
        expect(await store.read((tx) => tx.isForgettingDue(NOW))).toBe(false)
        expect(await store.read((tx) => tx.isForgettingDue(before))).toBe(true)
        expect(await forget(2)).toBe(2)
        expect(await store.read((tx) => tx.findReply('local', 'b'))).toBeUndefined()
        expect(await store.read((tx) => tx.findReply('local', 'c'))).toBeDefined()
        expect(await forget(2)).toBe(1)
        expect(await forget(2)).toBe(0)
        expect(await store.read((tx) => tx.isForgettingDue(before))).toBe(false)
        expect(await store.read((tx) => tx.findReply('local', 'd'))).toBeDefined()
      }))
  })
}

const gone = secondsLater(-10)
const dead = (id: string, more: Partial<Credential> = {}): Credential =>
  credential(id, { expiresAt: gone, ...more })

const kept = (store: Store): Promise<string[]> =>
  allPages(100, (page) => store.read((tx) => tx.listCredentials({}, page))).then((all) =>
    ids(all).toReversed(),
  )

/** Purges a tier to the end; says how many went. */
async function purged(store: Store, limit: number): Promise<number> {
  let removed = 0
  for (let i = 0; i < 100; i++) {
    const step = await store.write((tx) => tx.purgeCredentials('standard', NOW, limit))
    removed += step.removed
    if (step.isDone) return removed
  }
  throw new Error('a purge without end')
}

function purgeContract(open: OpenStore): void {
  describe('purging', () => {
    it('removes the expired of one tier, in steps of any size', () =>
      withStore(open, async (store) => {
        const tiers = ['standard', 'low', 'standard', 'high', 'standard', 'standard'] as const
        const made = tiers.map((tier, i) => dead(`cred_${i}`, { tier }))
        await store.write((tx) => tx.insertCredentials([...made, credential('cred_9')]))
        expect(await store.read((tx) => tx.isPurgeDue('standard', NOW))).toBe(true)
        const step = await store.write((tx) => tx.purgeCredentials('standard', NOW, 2))
        expect(step).toEqual({ removed: 1, isDone: false })
        expect(await kept(store)).toEqual([
          'cred_1',
          'cred_2',
          'cred_3',
          'cred_4',
          'cred_5',
          'cred_9',
        ])
        expect(await purged(store, 2)).toBe(3)
        expect(await kept(store)).toEqual(['cred_1', 'cred_3', 'cred_9'])
        expect(await store.read((tx) => tx.isPurgeDue('standard', NOW))).toBe(false)
        expect(await store.read((tx) => tx.isPurgeDue('low', NOW))).toBe(true)
      }))

    it('spares what expired at the instant or later, and what comes after it', () =>
      withStore(open, async (store) => {
        const made = [dead('cred_1'), dead('cred_2', { expiresAt: NOW }), dead('cred_3')]
        await store.write((tx) => tx.insertCredentials(made))
        expect(await purged(store, 10)).toBe(1)
        expect(await kept(store)).toEqual(['cred_2', 'cred_3'])
        expect(await store.read((tx) => tx.isPurgeDue('standard', NOW))).toBe(false)
        const later = secondsLater(1)
        expect(await store.read((tx) => tx.isPurgeDue('standard', later))).toBe(true)
        await store.write((tx) => tx.purgeCredentials('standard', later, 10))
        expect(await kept(store)).toEqual([])
      }))

    it('goes on for ever: also when all was purged and more is issued than there ever was', () =>
      withStore(open, async (store) => {
        for (const count of [3, 5, 1, 9]) {
          const made = Array.from({ length: count }, (_, i) => dead(`cred_${count}_${i}`))
          const young = credential(`cred_${count}_young`, { expiresAt: secondsLater(count) })
          await store.write((tx) => tx.insertCredentials([...made, young]))
          expect(await store.read((tx) => tx.isPurgeDue('standard', NOW))).toBe(true)
          expect(await purged(store, 2)).toBe(count)
          expect(await kept(store)).toEqual([young.id])
          await store.write((tx) => tx.purgeCredentials('standard', secondsLater(99), 100))
          expect(await kept(store)).toEqual([])
        }
        expect(await store.read((tx) => tx.isPurgeDue('standard', NOW))).toBe(false)
      }))
  })
}
