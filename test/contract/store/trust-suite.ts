import { describe, expect, it } from 'vitest'
import type { Trust } from '#domain/trust/trust.ts'
import { credential, NOW, type OpenStore, withStore } from './fixtures.ts'

const trust = (id: string, change: Partial<Trust> = {}): Trust => ({
  id,
  form: 'github-actions',
  issuer: 'https://ci.example',
  audience: 'https://auth.example',
  claims: { repository_id: ['1'], ref: ['a', 'b'] },
  conditions: ['true'],
  clientId: 'bot',
  scopes: ['deploy:*'],
  mode: 'enforce',
  allowsPrivate: false,
  createdAt: NOW,
  updatedAt: NOW,
  ...change,
})

/** Trusts, and credentials that came of one. */
export function trustContract(open: OpenStore): void {
  describe('trusts', () => {
    it('are found, listed by id and by client, changed and removed', () =>
      withStore(open, async (store) => {
        const full = trust('b', { ttlSecondsMax: 60, jwks: { keys: [{ kty: 'RSA' }] } })
        await store.write(async (tx) => {
          await tx.insertTrust(full)
          await tx.insertTrust(trust('a', { clientId: 'other' }))
          await tx.insertTrust(trust('c', { issuer: 'https://else.example' }))
        })
        await store.read(async (tx) => {
          expect(await tx.findTrust('b')).toEqual(full)
          expect(await tx.findTrust('z')).toBeUndefined()
          const first = await tx.listTrusts({}, { limit: 2 })
          expect(first.items.map(({ id }) => id)).toEqual(['a', 'b'])
          const cursor = first.nextCursor ?? undefined
          const second = await tx.listTrusts({}, { limit: 2, cursor })
          expect(second).toMatchObject({ items: [{ id: 'c' }], nextCursor: null })
          const ofBot = await tx.listTrusts({ clientId: 'bot' }, { limit: 9 })
          expect(ofBot.items.map(({ id }) => id)).toEqual(['b', 'c'])
          const ofIssuer = await tx.trustsOfIssuer('https://ci.example')
          expect(ofIssuer.map(({ id }) => id)).toEqual(['a', 'b'])
        })
        const changed = trust('b', { issuer: 'https://else.example', mode: 'audit' })
        await store.write(async (tx) => {
          await tx.updateTrust(changed)
          await tx.deleteTrust('a')
        })
        await store.read(async (tx) => {
          expect(await tx.findTrust('b')).toEqual(changed)
          expect(await tx.findTrust('a')).toBeUndefined()
          expect(await tx.trustsOfIssuer('https://ci.example')).toEqual([])
        })
      }))

    it('that are not there cannot be changed or removed, nor made twice', () =>
      withStore(open, async (store) => {
        await expect(store.write((tx) => tx.updateTrust(trust('a')))).rejects.toThrow(/no trust a/)
        await expect(store.write((tx) => tx.deleteTrust('a'))).rejects.toThrow(/no trust a/)
        await store.write((tx) => tx.insertTrust(trust('a')))
        await expect(store.write((tx) => tx.insertTrust(trust('a')))).rejects.toThrow(/trust/)
      }))
  })

  describe('credentials of a trust', () => {
    it('say so, and are selected by it, alone and with others', () =>
      withStore(open, async (store) => {
        await store.write((tx) =>
          tx.insertCredentials([
            credential('cred_1', { trustId: 'a' }),
            credential('cred_2', { trustId: 'b' }),
            credential('cred_3'),
            credential('cred_4', { trustId: 'a', clientId: 'other' }),
          ]),
        )
        const select = (selector: object) =>
          store.read(async (tx) => {
            const found = await tx.selectCredentials({
              selector,
              exceptions: {},
              reach: 'sessions',
              expiringAfter: NOW,
              limit: 9,
            })
            return found.map(({ id }) => id)
          })
        expect((await store.read((tx) => tx.findCredential('cred_1')))?.trustId).toBe('a')
        expect(await store.read((tx) => tx.findCredential('cred_3'))).not.toHaveProperty('trustId')
        expect(await select({ trusts: ['a'] })).toEqual(['cred_1', 'cred_4'])
        expect(await select({ trusts: ['a', 'b'] })).toEqual(['cred_1', 'cred_2', 'cred_4'])
        expect(await select({ trusts: ['a'], clients: ['other'] })).toEqual(['cred_4'])
        expect(await select({ trusts: ['c'] })).toEqual([])
      }))
  })
}
