import { describe, expect, it } from 'vitest'
import { ORIGIN, position } from '#domain/feed/position.ts'
import { instant } from '#kernel/instant.ts'
import {
  allPages,
  auditEntry,
  client,
  feedEntry,
  ids,
  key,
  NOW,
  type OpenStore,
  secondsLater,
  withStore,
} from './fixtures.ts'

/** Authority, feed, clients, keys and audit. */
export function recordContract(open: OpenStore): void {
  describe('authority', () => {
    it('is absent, then what was created, and there is only one', () =>
      withStore(open, async (store) => {
        const record = { issuer: 'http://127.0.0.1:7420', createdAt: NOW }
        expect(await store.read((tx) => tx.authority())).toBeUndefined()
        await store.write((tx) => tx.createAuthority(record))
        expect(await store.read((tx) => tx.authority())).toEqual(record)
        await expect(store.write((tx) => tx.createAuthority(record))).rejects.toBeInstanceOf(Error)
      }))
  })
  feedContract(open)
  clientContract(open)
  keyContract(open)
  auditContract(open)
}

function feedContract(open: OpenStore): void {
  describe('feed', () => {
    it('begins at the origin, before any entry, with a chain of zeros', () =>
      withStore(open, async (store) => {
        const state = await store.read((tx) => tx.feed())
        expect(state).toEqual({ position: ORIGIN, chain: new Uint8Array(32), timeMicros: 0 })
        expect(await store.read((tx) => tx.feedEntries(0, 10))).toEqual([])
      }))

    it('moves with each entry and gives them back byte for byte, in order', () =>
      withStore(open, async (store) => {
        const entries = [
          feedEntry(position(1, 1), { untilSeconds: 1_795_461_480 }),
          feedEntry(position(1, 2), { op: 'lift', bytes: Uint8Array.of(0, 255, 34) }),
          feedEntry(position(1, 3), { op: 'key' }),
        ]
        const micros = 1_795_460_880_123_456
        for (const [i, entry] of entries.entries()) {
          await store.write((tx) => tx.appendFeed(entry, micros + i))
        }
        const last = entries[2]
        expect(await store.read((tx) => tx.feed())).toEqual({
          position: position(1, 3),
          chain: last?.chain,
          timeMicros: micros + 2,
        })
        expect(await store.read((tx) => tx.feedEntries(0, 10))).toEqual(entries)
        expect(await store.read((tx) => tx.feedEntries(0, 2))).toEqual(entries.slice(0, 2))
        expect(await store.read((tx) => tx.feedEntries(position(1, 1), 10))).toEqual(
          entries.slice(1),
        )
        expect(await store.read((tx) => tx.feedEntries(position(1, 3), 10))).toEqual([])
      }))

    it.for([
      ['the same position again', position(1, 1), 'revoke', 2],
      ['a gap', position(1, 3), 'revoke', 2],
      ['the origin', ORIGIN, 'revoke', 2],
      ['a higher epoch opened by another op', position(2, 0), 'revoke', 2],
      ['a higher epoch that does not begin at its opening', position(2, 1), 'epoch', 2],
      ['a lower epoch', position(0, 2), 'epoch', 2],
      ['the same time', position(1, 2), 'revoke', 1],
      ['an earlier time', position(1, 2), 'revoke', 0],
    ] as const)('stops at %s', ([, at, op, timeMicros]) =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.appendFeed(feedEntry(position(1, 1)), 1))
        const wrong = store.write((tx) => tx.appendFeed(feedEntry(at, { op }), timeMicros))
        await expect(wrong).rejects.toThrow('does not follow')
        expect((await store.read((tx) => tx.feed())).position).toBe(position(1, 1))
        expect(await store.read((tx) => tx.feedEntries(0, 9))).toHaveLength(1)
      }),
    )

    it('goes on in a higher epoch after its opening entry', () =>
      withStore(open, async (store) => {
        const opening = feedEntry(position(7, 0), { op: 'epoch' })
        await store.write(async (tx) => {
          await tx.appendFeed(feedEntry(position(1, 1)), 1)
          await tx.appendFeed(opening, 2)
          await tx.appendFeed(feedEntry(position(7, 1)), 3)
        })
        expect((await store.read((tx) => tx.feed())).position).toBe(position(7, 1))
        expect(await store.read((tx) => tx.feedEntries(position(1, 1), 1))).toEqual([opening])
      }))

    it.for([
      ['to the clock’s, where that is later', 900, 900],
      ['by a microsecond, where the clock is at the same time', 5, 6],
      ['by a microsecond, where the clock is behind', 0, 6],
    ] as const)('moves its time on without an entry %s', ([, clockMicros, expected]) =>
      withStore(open, async (store) => {
        const entry = feedEntry(position(1, 1))
        await store.write((tx) => tx.appendFeed(entry, 5))
        const moved = await store.write((tx) => tx.advanceFeedTime(clockMicros))
        expect(moved).toEqual({
          position: entry.position,
          chain: entry.chain,
          timeMicros: expected,
        })
        expect(await store.read((tx) => tx.feed())).toEqual(moved)
        const late = store.write((tx) => tx.appendFeed(feedEntry(position(1, 2)), expected))
        await expect(late).rejects.toThrow('does not follow')
        await store.write((tx) => tx.appendFeed(feedEntry(position(1, 2)), expected + 1))
      }),
    )

    it('gives back the time of a transaction that was rolled back', () =>
      withStore(open, async (store) => {
        const failed = store.write(async (tx) => {
          await tx.advanceFeedTime(5)
          throw new Error('no')
        })
        await expect(failed).rejects.toThrow('no')
        expect((await store.write((tx) => tx.advanceFeedTime(1))).timeMicros).toBe(1)
      }))

    it('takes nothing back that was rolled back with its transaction', () =>
      withStore(open, async (store) => {
        const failed = store.write(async (tx) => {
          await tx.appendFeed(feedEntry(position(1, 1)), 5)
          throw new Error('no')
        })
        await expect(failed).rejects.toThrow('no')
        await store.write((tx) => tx.appendFeed(feedEntry(position(1, 1)), 1))
        expect((await store.read((tx) => tx.feed())).timeMicros).toBe(1)
      }))
  })
}

function clientContract(open: OpenStore): void {
  describe('clients', () => {
    const full = client('web', {
      tier: 'high',
      scopes: [],
      audiences: [],
      authMethods: ['secret', 'private-key-jwt'],
      keys: [{ id: 'thumb', jwk: { kty: 'EC', n: [1, 'ä'] }, createdAt: NOW }],
      state: 'disabled',
      tags: { 'a.b': 'ü "x"' },
    })

    it('come back as they went in, and unknown ones are undefined', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertClient(full))
        expect(await store.read((tx) => tx.findClient('web'))).toEqual(full)
        expect(await store.read((tx) => tx.findClient('WEB'))).toBeUndefined()
      }))

    it('are updated and deleted whole; of unknown ones both are faults', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertClient(client('web')))
        await store.write((tx) => tx.updateClient(full))
        expect(await store.read((tx) => tx.findClient('web'))).toEqual(full)
        await store.write((tx) => tx.deleteClient('web'))
        expect(await store.read((tx) => tx.findClient('web'))).toBeUndefined()
        await expect(store.write((tx) => tx.deleteClient('web'))).rejects.toThrow('no client')
        await expect(store.write((tx) => tx.updateClient(full))).rejects.toThrow('no client')
      }))

    it('are listed by id, filtered, page by page', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          for (const id of ['d', 'b', 'a', 'c', 'B']) {
            const tier = id === 'b' || id === 'd' ? 'low' : 'standard'
            await tx.insertClient(client(id, { tier, state: id === 'd' ? 'disabled' : 'enabled' }))
          }
        })
        const listed = (filter: object, limit: number) =>
          allPages(limit, (page) => store.read((tx) => tx.listClients(filter, page))).then(ids)
        for (const limit of [1, 2, 5, 9]) {
          expect(await listed({}, limit)).toEqual(['B', 'a', 'b', 'c', 'd'])
        }
        expect(await listed({ tier: 'low' }, 1)).toEqual(['b', 'd'])
        expect(await listed({ state: 'disabled' }, 1)).toEqual(['d'])
        expect(await listed({ tier: 'low', state: 'enabled' }, 1)).toEqual(['b'])
      }))

    it('have secrets, the oldest first, that go with them', () =>
      withStore(open, async (store) => {
        const secret = (method: 'hmac-sha256' | 'scrypt', byte: number) => ({
          clientId: 'web',
          method,
          hash: new Uint8Array(32).fill(byte),
          salt: method === 'scrypt' ? Uint8Array.of(0, byte) : new Uint8Array(0),
          createdAt: NOW,
        })
        const secrets = [secret('scrypt', 2), secret('hmac-sha256', 1)]
        await store.write(async (tx) => {
          await tx.insertClient(client('web'))
          await tx.insertClient(client('other'))
          for (const one of secrets) await tx.insertClientSecret(one)
        })
        expect(await store.read((tx) => tx.clientSecrets('web'))).toEqual(secrets)
        expect(await store.read((tx) => tx.clientSecrets('other'))).toEqual([])
        await store.write((tx) => tx.deleteClient('web'))
        expect(await store.read((tx) => tx.clientSecrets('web'))).toEqual([])
      }))
  })
}

function keyContract(open: OpenStore): void {
  describe('keys', () => {
    it('come back without their private half, which is asked for apart', () =>
      withStore(open, async (store) => {
        const full = key('key_1', { activateAfter: NOW, retireAfter: secondsLater(60) })
        const sealed = Uint8Array.of(1, 0, 2)
        await store.write((tx) => tx.insertKey(full, sealed))
        expect(await store.read((tx) => tx.findKey('key_1'))).toEqual(full)
        expect(await store.read((tx) => tx.sealedKey('key_1'))).toEqual(sealed)
        expect(await store.read((tx) => tx.findKey('key_2'))).toBeUndefined()
        expect(await store.read((tx) => tx.sealedKey('key_2'))).toBeUndefined()
      }))

    it('change state and times, and nothing else', () =>
      withStore(open, async (store) => {
        const sealed = Uint8Array.of(1)
        await store.write((tx) => tx.insertKey(key('key_1', { activateAfter: NOW }), sealed))
        const retiring = key('key_1', { state: 'retiring', retireAfter: NOW })
        await store.write((tx) => tx.updateKey(retiring))
        expect(await store.read((tx) => tx.findKey('key_1'))).toEqual(retiring)
        expect(await store.read((tx) => tx.sealedKey('key_1'))).toEqual(sealed)
        const other = key('key_1', { publicJwk: { kid: 'key_1', x: 'other' } })
        await expect(store.write((tx) => tx.updateKey(other))).rejects.toThrow('key_1')
        await expect(store.write((tx) => tx.updateKey(key('key_2')))).rejects.toThrow('key_2')
      }))

    it('are in the order in which they were added, whatever their names', () =>
      withStore(open, async (store) => {
        for (const id of ['key_5', 'key_9', 'key_1']) {
          await store.write((tx) => tx.insertKey(key(id), Uint8Array.of(1)))
        }
        const listed = await allPages(1, (page) => store.read((tx) => tx.listKeys({}, page)))
        expect(ids(listed)).toEqual(['key_1', 'key_9', 'key_5'])
      }))

    it('are listed the newest first, filtered, page by page', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await tx.insertKey(key('key_1', { state: 'retired' }), Uint8Array.of(1))
          await tx.insertKey(key('key_2'), Uint8Array.of(2))
          await tx.insertKey(key('key_3', { purpose: 'feed' }), Uint8Array.of(3))
          await tx.insertKey(key('key_4', { state: 'prepared' }), Uint8Array.of(4))
        })
        const listed = (filter: object, limit: number) =>
          allPages(limit, (page) => store.read((tx) => tx.listKeys(filter, page))).then(ids)
        for (const limit of [1, 3, 4]) {
          expect(await listed({}, limit)).toEqual(['key_4', 'key_3', 'key_2', 'key_1'])
        }
        expect(await listed({ purpose: 'token' }, 2)).toEqual(['key_4', 'key_2', 'key_1'])
        expect(await listed({ states: ['active', 'retired'] }, 1)).toEqual([
          'key_3',
          'key_2',
          'key_1',
        ])
        expect(await listed({ purpose: 'feed', states: ['retired'] }, 1)).toEqual([])
        expect(await listed({ states: [] }, 1)).toEqual([])
      }))
  })
}

function auditContract(open: OpenStore): void {
  describe('audit', () => {
    it('comes back as it went in, the newest first, page by page', () =>
      withStore(open, async (store) => {
        const full = auditEntry('aud_1', {
          origin: { transport: 'http', ip: '::1', userAgent: 'curl/8' },
          justification: 'because',
          policyVersion: 3,
          detail: { nested: { list: [1, null, 'x'] } },
        })
        const rest = ['aud_2', 'aud_3', 'aud_4', 'aud_5'].map((id) => auditEntry(id))
        for (const entry of [full, ...rest]) await store.write((tx) => tx.appendAudit(entry))
        for (const limit of [1, 2, 5, 9]) {
          const listed = await allPages(limit, (page) => store.read((tx) => tx.listAudit({}, page)))
          expect(listed).toEqual([...rest.toReversed(), full])
        }
      }))

    it('is in order of commitment, whatever the ids and times say', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.appendAudit(auditEntry('aud_9', { at: secondsLater(9) })))
        await store.write((tx) => tx.appendAudit(auditEntry('aud_1', { at: NOW })))
        const page = await store.read((tx) => tx.listAudit({}, { limit: 9 }))
        expect(ids(page.items)).toEqual(['aud_1', 'aud_9'])
      }))

    it('is filtered by time also where a clock was set back', () =>
      withStore(open, async (store) => {
        for (const [id, at] of [
          ['aud_1', 0],
          ['aud_2', 5],
          ['aud_3', 1],
          ['aud_4', 6],
        ] as const) {
          await store.write((tx) => tx.appendAudit(auditEntry(id, { at: secondsLater(at) })))
        }
        const filter = { after: secondsLater(2), before: secondsLater(6) }
        const page = await store.read((tx) => tx.listAudit({ after: filter.after }, { limit: 9 }))
        expect(ids(page.items)).toEqual(['aud_4', 'aud_2'])
        const within = await store.read((tx) => tx.listAudit(filter, { limit: 9 }))
        expect(ids(within.items)).toEqual(['aud_2'])
      }))

    it('takes no entry twice', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.appendAudit(auditEntry('aud_1')))
        await expect(
          store.write((tx) => tx.appendAudit(auditEntry('aud_1'))),
        ).rejects.toBeInstanceOf(Error)
      }))

    it.for([
      [{ actor: 'operator:bob' }, ['aud_2']],
      [{ action: 'key.rotate' }, ['aud_3']],
      [{ target: 'client:ci' }, ['aud_4', 'aud_2']],
      [{ target: 'client:ci', actor: 'local' }, ['aud_4']],
      [{ outcome: 'scope-refused' }, ['aud_4']],
      [{ requestId: 'req_aud_1' }, ['aud_1']],
      [{ after: secondsLater(1) }, ['aud_4', 'aud_3', 'aud_2']],
      [{ after: instant(secondsLater(1) + 1) }, ['aud_4', 'aud_3']],
      [{ before: secondsLater(2) }, ['aud_2', 'aud_1']],
      [{ after: secondsLater(1), before: secondsLater(3) }, ['aud_3', 'aud_2']],
      [{ after: secondsLater(99) }, []],
    ] as const)('answers %j', ([filter, wanted]) =>
      withStore(open, async (store) => {
        const entries = [
          auditEntry('aud_1'),
          auditEntry('aud_2', { at: secondsLater(1), actor: 'operator:bob', target: 'client:ci' }),
          auditEntry('aud_3', { at: secondsLater(2), action: 'key.rotate' }),
          auditEntry('aud_4', {
            at: secondsLater(3),
            outcome: 'scope-refused',
            target: 'client:ci',
          }),
        ]
        for (const entry of entries) await store.write((tx) => tx.appendAudit(entry))
        const listed = await allPages(1, (page) => store.read((tx) => tx.listAudit(filter, page)))
        expect(ids(listed)).toEqual(wanted)
      }),
    )
  })
}
