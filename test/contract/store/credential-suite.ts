import { describe, expect, it } from 'vitest'
import { instant } from '#kernel/instant.ts'
import type { CredentialFilter } from '#store/port.ts'
import {
  allPages,
  credential,
  fullCredential,
  ids,
  NOW,
  type OpenStore,
  secondsLater,
  withStore,
} from './fixtures.ts'

export function credentialContract(open: OpenStore): void {
  describe('credentials', () => {
    it('come back as they went in', () =>
      withStore(open, async (store) => {
        const plain = credential('cred_plain', { scopes: [], audience: [] })
        await store.write((tx) => tx.insertCredentials([fullCredential, plain]))
        expect(await store.read((tx) => tx.findCredential('cred_full'))).toEqual(fullCredential)
        expect(await store.read((tx) => tx.findCredential('cred_plain'))).toEqual(plain)
        expect(await store.read((tx) => tx.findCredential('cred_none'))).toBeUndefined()
        const { items } = await store.read((tx) => tx.listCredentials({}, { limit: 9 }))
        expect(items).toEqual([plain, fullCredential])
      }))

    it('are inserted all or none', () =>
      withStore(open, async (store) => {
        const twice = [credential('cred_1'), credential('cred_2'), credential('cred_1')]
        await expect(store.write((tx) => tx.insertCredentials(twice))).rejects.toBeInstanceOf(Error)
        const { items } = await store.read((tx) => tx.listCredentials({}, { limit: 9 }))
        expect(items).toEqual([])
        await store.write((tx) => tx.insertCredentials([]))
      }))

    it.for(['two words', ''])('take no scope %j, which a list could not hold', (scope) =>
      withStore(open, async (store) => {
        const wrong = credential('cred_1', { scopes: [scope] })
        await expect(store.write((tx) => tx.insertCredentials([wrong]))).rejects.toThrow(
          'no member of a list',
        )
      }),
    )
    filterContract(open)
    kinContract(open)
    expiryContract(open)
  })
}

/** Newest first, so `cred_6` comes before `cred_1`. */
const sample = [
  credential('cred_1', { tags: { team: 'core' }, createdBy: 'operator:bob' }),
  credential('cred_2', { subject: 'alice', scopes: ['deploy:prod', 'read'] }),
  credential('cred_3', { clientId: 'alice', scopes: ['deploy:prod:eu'], keyId: 'key_b' }),
  credential('cred_4', { sessionId: 'cred_1', audience: ['urn:x', 'urn:y'], scopes: ['deploy'] }),
  credential('cred_5', {
    issuedAt: secondsLater(10),
    expiresAt: secondsLater(60),
    scopes: ['deploy:'],
    tags: { team: 'web', 'team.core': 'x' },
  }),
  credential('cred_6', {
    issuedAt: secondsLater(20),
    scopes: ['d?ploy:prod', 'x[a]:b'],
    tags: { core: 'team' },
  }),
]

const answers: readonly (readonly [CredentialFilter, readonly string[]])[] = [
  [{}, ['cred_6', 'cred_5', 'cred_4', 'cred_3', 'cred_2', 'cred_1']],
  [{ clientId: 'ci' }, ['cred_6', 'cred_5', 'cred_4', 'cred_2', 'cred_1']],
  [{ clientId: 'c_' }, []],
  [{ subject: 'alice' }, ['cred_3', 'cred_2']],
  [{ subject: 'ci' }, ['cred_6', 'cred_5', 'cred_4', 'cred_1']],
  [{ subject: 'alice', clientId: 'ci' }, ['cred_2']],
  [{ sessionId: 'cred_1' }, ['cred_4', 'cred_1']],
  [{ sessionId: 'cred_4' }, []],
  [{ sessionId: 'cred_1', subject: 'ci', clientId: 'ci', scope: 'read' }, ['cred_1']],
  [{ keyId: 'key_b' }, ['cred_3']],
  [{ createdBy: 'operator:bob' }, ['cred_1']],
  [{ audience: 'urn:y' }, ['cred_4']],
  [{ audience: 'urn:' }, []],
  [{ audience: 'urn:x urn:y' }, []],
  [{ audience: '' }, []],
  [{ scope: 'deploy' }, ['cred_4']],
  [{ scope: 'deploy:*' }, ['cred_3', 'cred_2']],
  [{ scope: 'deploy:prod' }, ['cred_2']],
  [{ scope: 'deploy:prod:*' }, ['cred_3']],
  [{ scope: 'd?ploy:*' }, ['cred_6']],
  [{ scope: 'x[a]:*' }, ['cred_6']],
  [{ scope: 'DEPLOY:*' }, []],
  [{ scope: 'dep*' }, []],
  [{ scope: 'prod read' }, []],
  [{ scope: '' }, []],
  [{ scope: '*' }, ['cred_6', 'cred_5', 'cred_4', 'cred_3', 'cred_2', 'cred_1']],
  [{ tag: { key: 'team', value: 'core' } }, ['cred_1']],
  [{ tag: { key: 'team.core', value: 'x' } }, ['cred_5']],
  [{ tag: { key: 'team', value: 'cor' } }, []],
  [{ issuedAfter: secondsLater(10) }, ['cred_6', 'cred_5']],
  [{ issuedAfter: instant(secondsLater(10) + 999) }, ['cred_6', 'cred_5']],
  [{ issuedBefore: secondsLater(10) }, ['cred_4', 'cred_3', 'cred_2', 'cred_1']],
  [{ issuedBefore: instant(secondsLater(10) + 1), issuedAfter: secondsLater(1) }, ['cred_5']],
  [{ expiresBefore: secondsLater(600) }, ['cred_5']],
  [{ expiresBefore: secondsLater(60) }, []],
  [{ expiresBefore: instant(secondsLater(60) + 1) }, ['cred_5']],
  [{ expiresAfter: secondsLater(60), scope: 'deploy:' }, []],
  [{ expiresAfter: instant(secondsLater(60) - 1), scope: 'deploy:' }, ['cred_5']],
]

function filterContract(open: OpenStore): void {
  it.for(answers)('are listed by %j', ([filter, wanted]) =>
    withStore(open, async (store) => {
      await store.write((tx) => tx.insertCredentials(sample))
      for (const limit of [1, 2, 6, 100]) {
        const listed = await allPages(limit, (page) =>
          store.read((tx) => tx.listCredentials(filter, page)),
        )
        expect(ids(listed)).toEqual(wanted)
      }
    }),
  )

  it('are not found by a scope "*" if they have none', () =>
    withStore(open, async (store) => {
      await store.write((tx) => tx.insertCredentials([credential('cred_1', { scopes: [] })]))
      const { items } = await store.read((tx) => tx.listCredentials({ scope: '*' }, { limit: 9 }))
      expect(items).toEqual([])
    }))
}

function kinContract(open: OpenStore): void {
  it('have descendants, over any number of steps and past expired ones', () =>
    withStore(open, async (store) => {
      const gone = secondsLater(-1)
      await store.write((tx) =>
        tx.insertCredentials([
          credential('cred_a'),
          credential('cred_b', { parentId: 'cred_a', expiresAt: gone }),
          credential('cred_c', { parentId: 'cred_b' }),
          credential('cred_d', { parentId: 'cred_c' }),
          credential('cred_e', { parentId: 'cred_a' }),
          credential('cred_f', { parentId: 'cred_x' }),
          credential('cred_g'),
          credential('cred_h', { parentId: 'cred_a', expiresAt: NOW }),
        ]),
      )
      const of = (given: string[]) =>
        store.read((tx) => tx.descendants(given, NOW)).then((found) => ids(found).sort())
      expect(await of(['cred_a'])).toEqual(['cred_c', 'cred_d', 'cred_e'])
      expect(await of(['cred_a', 'cred_c'])).toEqual(['cred_c', 'cred_d', 'cred_e'])
      expect(await of(['cred_c', 'cred_x'])).toEqual(['cred_d', 'cred_f'])
      expect(await of(['cred_g'])).toEqual([])
      expect(await of([])).toEqual([])
    }))

  it('may derive from what a key has signed, and be signed with another', () =>
    withStore(open, async (store) => {
      const [a, b, c] = [{ keyId: 'key_a' }, { keyId: 'key_b' }, { keyId: 'key_c' }]
      await store.write((tx) =>
        tx.insertCredentials([
          credential('cred_a', { ...a, expiresAt: secondsLater(-1) }),
          credential('cred_b', { ...a, parentId: 'cred_a' }),
          credential('cred_c', { ...b, parentId: 'cred_b', expiresAt: secondsLater(-1) }),
          credential('cred_d', { ...c, parentId: 'cred_c' }),
          credential('cred_e', { ...b, parentId: 'cred_a', expiresAt: NOW }),
          credential('cred_f', b),
          credential('cred_g', { ...c, parentId: 'cred_f' }),
          credential('cred_h', { ...c, parentId: 'cred_gone' }),
        ]),
      )
      const of = (...keys: string[]) => store.read((tx) => tx.derivedFromKeys(keys, NOW))
      expect(await of('key_a')).toEqual(['cred_d'])
      expect(await of('key_b')).toEqual(['cred_d', 'cred_g'])
      expect(await of('key_a', 'key_b')).toEqual(['cred_d', 'cred_g'])
      expect(await of('key_c')).toEqual([])
      expect(await of('key_a', 'key_c')).toEqual([])
      expect(await of()).toEqual([])
    }))

  it('may name each other as parents without end', () =>
    withStore(open, async (store) => {
      const ring = [
        credential('cred_a', { parentId: 'cred_b' }),
        credential('cred_b', { parentId: 'cred_a' }),
      ]
      await store.write((tx) => tx.insertCredentials(ring))
      const found = await store.read((tx) => tx.descendants(['cred_a'], NOW))
      expect(ids(found).sort()).toEqual(['cred_a', 'cred_b'])
    }))
}

function expiryContract(open: OpenStore): void {
  it('are counted by key while they live', () =>
    withStore(open, async (store) => {
      const counts = () => store.read((tx) => tx.countLiveByKey(NOW))
      expect(await counts()).toEqual(new Map())
      await store.write((tx) =>
        tx.insertCredentials([
          credential('cred_1'),
          credential('cred_2', { expiresAt: secondsLater(1) }),
          credential('cred_3', { expiresAt: NOW }),
          credential('cred_4', { keyId: 'key_b' }),
          credential('cred_5', { keyId: 'key_c', expiresAt: secondsLater(-1) }),
        ]),
      )
      expect(await counts()).toEqual(
        new Map([
          ['key_a', 2],
          ['key_b', 1],
        ]),
      )
    }))

  it('have a largest expiry, of all and of each key', () =>
    withStore(open, async (store) => {
      const largest = (keyId?: string) => store.read((tx) => tx.largestExpiry(keyId))
      expect(await largest()).toBeUndefined()
      await store.write((tx) =>
        tx.insertCredentials([
          credential('cred_1', { expiresAt: secondsLater(9) }),
          credential('cred_2', { expiresAt: secondsLater(3) }),
          credential('cred_3', { keyId: 'key_b', expiresAt: secondsLater(5) }),
        ]),
      )
      expect(await largest()).toBe(secondsLater(9))
      expect(await largest('key_a')).toBe(secondsLater(9))
      expect(await largest('key_b')).toBe(secondsLater(5))
      expect(await largest('key_c')).toBeUndefined()
    }))
}
