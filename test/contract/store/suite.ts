import { describe, expect, it } from 'vitest'
import { credentialContract } from './credential-suite.ts'
import { type OpenStore, withStore, client, credential, NOW, refusalOf } from './fixtures.ts'
import { collectionContract } from './collection-suite.ts'
import { followerContract } from './follower-suite.ts'
import { maintenanceContract } from './maintenance-suite.ts'
import { recordContract } from './record-suite.ts'
import { revocationContract } from './revocation-suite.ts'
import { selectionContract } from './selection-suite.ts'
import { statusListContract } from './status-list-suite.ts'
import { trustContract } from './trust-suite.ts'

/**
 * What every store promises, whatever is behind it. `open` makes an empty one; nothing here knows
 * what database it is.
 */
export function storeContract(name: string, open: OpenStore): void {
  describe(`store: ${name}`, () => {
    transactionContract(open)
    recordContract(open)
    credentialContract(open)
    selectionContract(open)
    revocationContract(open)
    maintenanceContract(open)
    followerContract(open)
    collectionContract(open)
    trustContract(open)
    statusListContract(open)
  })
}

function transactionContract(open: OpenStore): void {
  describe('transactions', () => {
    it('give the result of the work', () =>
      withStore(open, async (store) => {
        expect(await store.write(async () => 7)).toBe(7)
        expect(await store.read(async () => 'seven')).toBe('seven')
      }))

    it('see their own writes, and reads see them once they are committed', () =>
      withStore(open, async (store) => {
        const inside = await store.write(async (tx) => {
          await tx.insertClient(client('a'))
          return tx.findClient('a')
        })
        expect(inside).toEqual(client('a'))
        expect(await store.read((tx) => tx.findClient('a'))).toEqual(client('a'))
      }))

    it('undo everything when the work rejects, and throw what it threw', () =>
      withStore(open, async (store) => {
        const fault = new Error('halfway')
        const half = store.write(async (tx) => {
          await tx.insertClient(client('a'))
          await tx.insertCredentials([credential('cred_1')])
          throw fault
        })
        await expect(half).rejects.toBe(fault)
        expect(await store.read((tx) => tx.findClient('a'))).toBeUndefined()
        expect(await store.read((tx) => tx.findCredential('cred_1'))).toBeUndefined()
      }))

    it('undo everything when a statement fails, and go on', () =>
      withStore(open, async (store) => {
        const twice = store.write(async (tx) => {
          await tx.insertClient(client('a'))
          await tx.insertClient(client('a'))
        })
        await expect(twice).rejects.toBeInstanceOf(Error)
        expect(await store.read((tx) => tx.findClient('a'))).toBeUndefined()
        await store.write((tx) => tx.insertClient(client('a')))
        expect(await store.read((tx) => tx.findClient('a'))).toEqual(client('a'))
      }))

    it('take turns: none sees or overwrites the half of another', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertClient(client('n', { tags: { count: '0' } })))
        const increment = () =>
          store.write(async (tx) => {
            const before = await tx.findClient('n')
            const count = String(Number(before?.tags['count']) + 1)
            await tx.updateClient(client('n', { tags: { count } }))
          })
        await Promise.all(Array.from({ length: 25 }, increment))
        expect((await store.read((tx) => tx.findClient('n')))?.tags).toEqual({ count: '25' })
      }))

    it('read one snapshot, however many questions they ask', () =>
      withStore(open, async (store) => {
        let written: Promise<void> | undefined
        const seen = await store.read(async (tx) => {
          const before = await tx.findClient('late')
          written = store.write((other) => other.insertClient(client('late')))
          for (let i = 0; i < 50; i++) await tx.feed()
          return [before, await tx.findClient('late')]
        })
        await written
        expect(seen).toEqual([undefined, undefined])
        expect(await store.read((tx) => tx.findClient('late'))).toBeDefined()
      }))

    it('cannot be used after their end', () =>
      withStore(open, async (store) => {
        const leaked = await store.write(async (tx) => () => tx.insertClient(client('late')))
        await expect(leaked()).rejects.toThrow('after its end')
        expect(await store.read((tx) => tx.findClient('late'))).toBeUndefined()
      }))
  })

  describe('cursors', () => {
    it.for([
      '',
      '*',
      'e30',
      'bm9wZQ',
      'Y2xpZW50Og',
      'Y3JlZGVudGlhbDphYmM=',
      'Y3JlZGVudGlhbDphYmN',
      '_w',
    ])('refuses %j on every list', (cursor) =>
      withStore(open, async (store) => {
        const page = { limit: 5, cursor }
        const refusals = await Promise.all([
          refusalOf(store.read((tx) => tx.listClients({}, page))),
          refusalOf(store.read((tx) => tx.listCredentials({}, page))),
          refusalOf(store.read((tx) => tx.listRevocations({}, page))),
          refusalOf(store.read((tx) => tx.listKeys({}, page))),
          refusalOf(store.read((tx) => tx.listAudit({}, page))),
          refusalOf(store.read((tx) => tx.listVerifiers(page))),
        ])
        expect(refusals).toEqual(Array(6).fill('request-invalid'))
      }),
    )

    it('refuses the cursor of another list', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await tx.insertClient(client('a'))
          await tx.insertClient(client('b'))
          await tx.insertCredentials([credential('cred_1')])
        })
        const { nextCursor } = await store.read((tx) => tx.listClients({}, { limit: 1 }))
        expect(nextCursor).not.toBeNull()
        const page = { limit: 1, cursor: nextCursor ?? '' }
        expect(await refusalOf(store.read((tx) => tx.listCredentials({}, page)))).toBe(
          'request-invalid',
        )
      }))

    it('are null at the end, also where the last page is full', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await tx.insertCredentials([credential('cred_1'), credential('cred_2')])
        })
        const full = await store.read((tx) => tx.listCredentials({}, { limit: 2 }))
        expect(full.items).toHaveLength(2)
        expect(full.nextCursor).toBeNull()
        expect(await store.read((tx) => tx.listKeys({}, { limit: 2 }))).toEqual({
          items: [],
          nextCursor: null,
        })
      }))

    it('stay where they were while rows come and go around them', () =>
      withStore(open, async (store) => {
        const early = ['cred_2', 'cred_4', 'cred_6', 'cred_8']
        await store.write((tx) => tx.insertCredentials(early.map((id) => credential(id))))
        const first = await store.read((tx) => tx.listCredentials({}, { limit: 2 }))
        const late = ['cred_9', 'cred_7', 'cred_5', 'cred_1']
        await store.write((tx) => tx.insertCredentials(late.map((id) => credential(id))))
        const cursor = first.nextCursor ?? ''
        const rest = await store.read((tx) => tx.listCredentials({}, { limit: 9, cursor }))
        expect(first.items.map(({ id }) => id)).toEqual(['cred_8', 'cred_6'])
        expect(rest.items.map(({ id }) => id)).toEqual(['cred_5', 'cred_4', 'cred_2', 'cred_1'])
      }))
  })

  it('keeps instants to the millisecond', () =>
    withStore(open, async (store) => {
      const odd = client('a', { createdAt: (NOW + 1) as typeof NOW })
      await store.write((tx) => tx.insertClient(odd))
      expect(await store.read((tx) => tx.findClient('a'))).toEqual(odd)
    }))
}
