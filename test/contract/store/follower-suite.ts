import { describe, expect, it } from 'vitest'
import { position } from '#domain/feed/position.ts'
import type { Incarnation, Lease } from '#domain/proof/proof.ts'
import { instant } from '#kernel/instant.ts'
import type { Store, StoredAcknowledgement, VerifierRecord } from '#store/port.ts'
import {
  allPages,
  ids,
  NOW,
  type OpenStore,
  revocation,
  secondsLater,
  withStore,
} from './fixtures.ts'

/** Who follows the feed, and what is not known to be enforced yet. */
export function followerContract(open: OpenStore): void {
  verifierContract(open)
  incarnationContract(open)
  acknowledgementContract(open)
  enforcementContract(open)
}

const verifier = (id: string, more: Partial<VerifierRecord> = {}): VerifierRecord => ({
  id,
  name: `name of ${id}`,
  audiences: [],
  mode: 'standard',
  secretHash: Uint8Array.of(1, 0, 2),
  createdAt: NOW,
  ...more,
})

function verifierContract(open: OpenStore): void {
  describe('verifiers', () => {
    it('come back as they went in, by id and by name', () =>
      withStore(open, async (store) => {
        const audiences = ['https://a.example.com', 'urn:b']
        const full = verifier('ver_1', { audiences, mode: 'strict', createdAt: secondsLater(1) })
        await store.write((tx) => tx.insertVerifier(full))
        expect(await store.read((tx) => tx.findVerifier('ver_1'))).toEqual(full)
        expect(await store.read((tx) => tx.findVerifierByName('name of ver_1'))).toEqual(full)
        expect(await store.read((tx) => tx.findVerifier('ver_2'))).toBeUndefined()
        expect(await store.read((tx) => tx.findVerifierByName('ver_1'))).toBeUndefined()
      }))

    it('give their name up when they are removed, and are still listed', () =>
      withStore(open, async (store) => {
        const first = verifier('ver_1', { name: 'api' })
        const second = verifier('ver_2', { name: 'api' })
        await store.write((tx) => tx.insertVerifier(first))
        const twice = store.write((tx) => tx.insertVerifier(second))
        await expect(twice).rejects.toBeInstanceOf(Error)
        const removed = { ...first, removedAt: secondsLater(5) }
        await store.write((tx) => tx.updateVerifier(removed))
        expect(await store.read((tx) => tx.findVerifierByName('api'))).toBeUndefined()
        await store.write((tx) => tx.insertVerifier(second))
        expect(await store.read((tx) => tx.findVerifierByName('api'))).toEqual(second)
        for (const limit of [1, 2, 9]) {
          const listed = await allPages(limit, (page) => store.read((tx) => tx.listVerifiers(page)))
          expect(listed).toEqual([removed, second])
        }
      }))

    it('are updated whole, and only where they are', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await tx.insertVerifier(verifier('ver_1'))
          await tx.insertVerifier(verifier('ver_2'))
        })
        const changed = verifier('ver_1', { mode: 'relaxed', audiences: ['x'], name: 'new' })
        await store.write((tx) => tx.updateVerifier(changed))
        expect(await store.read((tx) => tx.findVerifier('ver_1'))).toEqual(changed)
        expect(await store.read((tx) => tx.findVerifier('ver_2'))).toEqual(verifier('ver_2'))
        const none = store.write((tx) => tx.updateVerifier(verifier('ver_3')))
        await expect(none).rejects.toThrow('ver_3')
      }))
  })
}

const MICROS = NOW * 1000

const incarnation = (id: string, more: Partial<Incarnation> = {}): Incarnation => ({
  id,
  verifierId: 'ver_1',
  name: 'api-7',
  audiences: ['https://api.example.com'],
  mode: 'standard',
  limitSeconds: 30,
  firstPosition: position(1, 3),
  headsUntilMicros: MICROS,
  firstSeenAt: NOW,
  lastSeenAt: NOW,
  ...more,
})

const acknowledged: NonNullable<Incarnation['acknowledged']> = {
  position: position(1, 7),
  chain: 'chain',
  digest: 'digest',
  headMicros: MICROS + 1,
  atMicros: MICROS + 2,
}

/** By hand, and in the order of the store's. */
const leaseOf = (one: Incarnation): Lease => ({
  limitSeconds: one.limitSeconds,
  firstPosition: one.firstPosition,
  headsUntilMicros: one.headsUntilMicros,
  ...(one.releasedMicros === undefined ? {} : { releasedMicros: one.releasedMicros }),
  ...(one.acknowledged === undefined
    ? {}
    : {
        acknowledged: {
          position: one.acknowledged.position,
          atMicros: one.acknowledged.atMicros,
        },
      }),
})

const putAll = (store: Store, all: readonly Incarnation[]): Promise<void> =>
  store.write(async (tx) => {
    for (const it of all) await tx.upsertIncarnation(it)
  })

function incarnationContract(open: OpenStore): void {
  describe('incarnations', () => {
    it('come back as they went in, with all or nothing that may be absent', () =>
      withStore(open, async (store) => {
        const bare = incarnation('a')
        const full = incarnation('b', {
          verifierId: 'local',
          name: 'other',
          audiences: ['x', 'y'],
          mode: 'strict',
          limitSeconds: 10,
          firstPosition: position(2, 1),
          headsUntilMicros: MICROS + 5,
          releasedMicros: MICROS + 4,
          acknowledged,
          firstSeenAt: secondsLater(1),
          lastSeenAt: secondsLater(2),
        })
        await putAll(store, [full, bare])
        expect(await store.read((tx) => tx.findIncarnation('a'))).toEqual(bare)
        expect(await store.read((tx) => tx.findIncarnation('b'))).toEqual(full)
        expect(await store.read((tx) => tx.findIncarnation('c'))).toBeUndefined()
        expect(await store.read((tx) => tx.incarnations({}))).toEqual([bare, full])
      }))

    it('are put in the place of the one of the same id; what was promised stays', () =>
      withStore(open, async (store) => {
        await putAll(store, [incarnation('a', { acknowledged, releasedMicros: 1 })])
        const next = incarnation('a', {
          verifierId: 'ver_2',
          name: 'renamed',
          audiences: ['y'],
          mode: 'relaxed',
          limitSeconds: 300,
          firstPosition: position(1, 9),
          headsUntilMicros: MICROS + 9,
          firstSeenAt: secondsLater(1),
          lastSeenAt: secondsLater(2),
        })
        await putAll(store, [next])
        const found = () => store.read((tx) => tx.findIncarnation('a'))
        expect(await found()).toEqual({ ...next, acknowledged })
        await putAll(store, [{ ...next, limitSeconds: 10, headsUntilMicros: MICROS }])
        expect(await found()).toEqual({ ...next, acknowledged })
        const older = { ...acknowledged, position: position(1, 1) }
        await putAll(store, [{ ...next, acknowledged: older }])
        expect(await found()).toEqual({ ...next, acknowledged })
      }))

    it('are found by credential, and by a lease that ends later and was not given up before', () =>
      withStore(open, async (store) => {
        // Their leases end at MICROS + 30 s; `d` has a shorter limit and longer heads.
        await putAll(store, [
          incarnation('d', { limitSeconds: 10, headsUntilMicros: MICROS + 20_000_001 }),
          incarnation('b', { releasedMicros: MICROS + 7 }),
          incarnation('a', { verifierId: 'ver_2' }),
          incarnation('c', { verifierId: 'ver_2', headsUntilMicros: MICROS - 1 }),
        ])
        const found = async (filter: object) =>
          ids(await store.read((tx) => tx.incarnations(filter)))
        expect(await found({})).toEqual(['a', 'b', 'c', 'd'])
        expect(await found({ verifierId: 'ver_2' })).toEqual(['a', 'c'])
        expect(await found({ leaseAfterMicros: MICROS + 7 })).toEqual(['a', 'b', 'c', 'd'])
        expect(await found({ leaseAfterMicros: MICROS + 8 })).toEqual(['a', 'c', 'd'])
        expect(await found({ leaseAfterMicros: MICROS + 29_999_998 })).toEqual(['a', 'c', 'd'])
        expect(await found({ leaseAfterMicros: MICROS + 29_999_999 })).toEqual(['a', 'd'])
        expect(await found({ leaseAfterMicros: MICROS + 30_000_000 })).toEqual(['d'])
        expect(await found({ leaseAfterMicros: MICROS + 30_000_001 })).toEqual([])
        const leaseAfterMicros = MICROS + 8
        expect(await found({ leaseAfterMicros, verifierId: 'ver_1' })).toEqual(['d'])
      }))

    it('tell their leases, each that differs once', () =>
      withStore(open, async (store) => {
        const word = { ...acknowledged, position: position(1, 7), atMicros: MICROS + 3 }
        const all = [
          incarnation('a'),
          incarnation('b', { name: 'other', verifierId: 'ver_2', lastSeenAt: secondsLater(9) }),
          incarnation('c', { limitSeconds: 10 }),
          incarnation('d', { firstPosition: position(1, 2) }),
          incarnation('e', { headsUntilMicros: MICROS + 1 }),
          incarnation('f', { releasedMicros: MICROS + 8 }),
          incarnation('g', { acknowledged: word }),
          incarnation('h', { acknowledged: { ...word, headMicros: 1, digest: 'other' } }),
          incarnation('i', { acknowledged: { ...word, position: position(1, 8) } }),
          incarnation('j', { acknowledged: { ...word, atMicros: MICROS + 4 } }),
        ]
        await putAll(store, all)
        const filters = [{}, { leaseAfterMicros: MICROS + 9 }, { verifierId: 'ver_2' }]
        for (const filter of filters) {
          const [leases, incarnations] = await store.read(async (tx) => [
            await tx.leases(filter),
            await tx.incarnations(filter),
          ])
          const expected = new Set(incarnations.map((one) => JSON.stringify(leaseOf(one))))
          expect(leases.map((one) => JSON.stringify(one)).sort()).toEqual([...expected].sort())
        }
        expect(await store.read((tx) => tx.leases({}))).toHaveLength(8)
      }))

    it('may be given heads for longer, five thousand at once, and never for less long', () =>
      withStore(open, async (store) => {
        const many = Array.from({ length: 5000 }, (_, i) => incarnation(`many_${i}`))
        const longer = incarnation('longer', { headsUntilMicros: MICROS + 99 })
        await putAll(store, [...many, longer, incarnation('other')])
        const named = [...ids(many), 'longer', 'nobody']
        await store.write((tx) => tx.extendHeads(named, MICROS + 50))
        const until = async (id: string) =>
          (await store.read((tx) => tx.findIncarnation(id)))?.headsUntilMicros
        const all = await store.read((tx) => tx.incarnations({}))
        const extended = all.filter(({ headsUntilMicros }) => headsUntilMicros === MICROS + 50)
        expect(extended).toHaveLength(5000)
        expect([await until('longer'), await until('other')]).toEqual([MICROS + 99, MICROS])
        await store.write((tx) => tx.extendHeads(['many_1', 'longer'], MICROS + 100))
        expect([await until('many_1'), await until('longer')]).toEqual([MICROS + 100, MICROS + 100])
      }))

    it('say which audiences are verified, whoever of them is still there', () =>
      withStore(open, async (store) => {
        expect(await store.read((tx) => tx.verifiedAudiences())).toEqual([])
        await putAll(store, [
          incarnation('a', { audiences: ['urn:b', 'urn:a'] }),
          incarnation('b', { audiences: ['urn:a', 'urn:b'], releasedMicros: 1 }),
          incarnation('c', { audiences: ['urn:c'], headsUntilMicros: 0 }),
          incarnation('d', { audiences: ['urn:a'] }),
        ])
        const verified = () => store.read((tx) => tx.verifiedAudiences())
        expect(await verified()).toEqual(['urn:a', 'urn:b', 'urn:c'])
        await putAll(store, [incarnation('c', { audiences: ['urn:d'] })])
        expect(await verified()).toEqual(['urn:a', 'urn:b', 'urn:d'])
      }))

    it('are forgotten by when they were seen last, and not before their leases ended too', () =>
      withStore(open, async (store) => {
        const old = { headsUntilMicros: MICROS - 40_000_000 }
        await putAll(store, [
          incarnation('c', { ...old, lastSeenAt: secondsLater(-3) }),
          incarnation('a', { ...old, lastSeenAt: secondsLater(-5) }),
          incarnation('b', { ...old, lastSeenAt: secondsLater(-4) }),
          incarnation('seen', { ...old, lastSeenAt: NOW }),
          // Its lease ends at NOW, and not before.
          incarnation('held', { headsUntilMicros: MICROS - 30_000_000, lastSeenAt: instant(0) }),
        ])
        const forget = (limit: number) => store.write((tx) => tx.forgetIncarnations(NOW, limit))
        const left = async () => ids(await store.read((tx) => tx.incarnations({})))
        const isDue = (at = NOW) => store.read((tx) => tx.isCollectionDue(dueBy({ at })))
        expect([await isDue(secondsLater(-5)), await isDue()]).toEqual([false, true])
        expect(await forget(2)).toBe(2)
        expect(await left()).toEqual(['c', 'held', 'seen'])
        expect(await forget(2)).toBe(1)
        expect(await forget(2)).toBe(0)
        expect(await left()).toEqual(['held', 'seen'])
        expect(await isDue()).toBe(false)
      }))
  })
}

const dueBy = ({ at }: { at: typeof NOW }) => ({
  floor: position(1, 0),
  endedBeforeSeconds: 0,
  incarnationsSeenBefore: at,
  selectionsBegunBefore: instant(0),
})

const word = (id: string, more: Partial<StoredAcknowledgement> = {}): StoredAcknowledgement => ({
  incarnation: id,
  position: position(1, 7),
  chain: 'chain',
  digest: 'digest',
  headMicros: MICROS + 1_000_000,
  atMicros: MICROS + 2_000_000,
  released: false,
  ...more,
})

function acknowledgementContract(open: OpenStore): void {
  describe('acknowledgements', () => {
    const acknowledge = (store: Store, ...words: readonly StoredAcknowledgement[]) =>
      store.write((tx) => tx.acknowledge(words))
    const find = (store: Store, id = 'a') => store.read((tx) => tx.findIncarnation(id))

    it('are taken, and show that somebody was there', () =>
      withStore(open, async (store) => {
        await putAll(store, [incarnation('a'), incarnation('b')])
        await acknowledge(store, word('a'), word('nobody'))
        expect(await find(store)).toEqual({
          ...incarnation('a'),
          acknowledged: {
            position: position(1, 7),
            chain: 'chain',
            digest: 'digest',
            headMicros: MICROS + 1_000_000,
            atMicros: MICROS + 2_000_000,
          },
          lastSeenAt: secondsLater(2),
        })
        expect(await find(store, 'b')).toEqual(incarnation('b'))
        await acknowledge(store, word('a', { position: position(1, 8), atMicros: 0 }))
        expect((await find(store))?.lastSeenAt).toBe(secondsLater(2))
      }))

    it('of a lower position, or of an older head at the same, change nothing', () =>
      withStore(open, async (store) => {
        await putAll(store, [incarnation('a')])
        await acknowledge(store, word('a'))
        const before = await find(store)
        const late = { atMicros: MICROS + 9_000_000, released: true, chain: 'x', digest: 'x' }
        await acknowledge(
          store,
          word('a', { ...late, position: position(1, 6), headMicros: MICROS + 9_000_000 }),
          word('a', { ...late, headMicros: MICROS + 999_999 }),
        )
        expect(await find(store)).toEqual(before)
      }))

    it('of a later head at the same position keep the instant of the first', () =>
      withStore(open, async (store) => {
        await putAll(store, [incarnation('a')])
        const second = {
          headMicros: MICROS + 8_000_000,
          digest: 'd2',
          atMicros: MICROS + 9_000_000,
        }
        await acknowledge(store, word('a'), word('a', second))
        expect((await find(store))?.acknowledged).toEqual({
          position: position(1, 7),
          chain: 'chain',
          digest: 'd2',
          headMicros: MICROS + 8_000_000,
          atMicros: MICROS + 2_000_000,
        })
        const third = { ...second, position: position(1, 8), chain: 'c3', headMicros: MICROS }
        await acknowledge(store, word('a', third))
        expect((await find(store))?.acknowledged).toEqual({
          position: position(1, 8),
          chain: 'c3',
          digest: 'd2',
          headMicros: MICROS,
          atMicros: MICROS + 9_000_000,
        })
      }))

    it('release, once and for all until the next sync', () =>
      withStore(open, async (store) => {
        await putAll(store, [incarnation('a')])
        // What closes says its last word once more.
        await acknowledge(store, word('a'), word('a', { released: true }))
        expect((await find(store))?.releasedMicros).toBe(MICROS + 2_000_000)
        const next = { position: position(1, 8), atMicros: MICROS + 3_000_000 }
        await acknowledge(store, word('a', next), word('a', { ...next, released: true }))
        expect((await find(store))?.releasedMicros).toBe(MICROS + 2_000_000)
        await putAll(store, [incarnation('a')])
        expect((await find(store))?.releasedMicros).toBeUndefined()
      }))

    it('come thousands at a time', () =>
      withStore(open, async (store) => {
        const many = Array.from({ length: 5000 }, (_, i) => incarnation(`many_${i}`))
        await putAll(store, many)
        await acknowledge(store, ...many.map(({ id }) => word(id)))
        const all = await store.read((tx) => tx.incarnations({}))
        expect(all.filter((it) => it.acknowledged?.position === position(1, 7))).toHaveLength(5000)
      }))
  })
}

function enforcementContract(open: OpenStore): void {
  const coverage = {
    publishedMicros: MICROS + 123,
    audiences: ['https://a.example.com', 'urn:b "c"'],
    uncovered: ['urn:b "c"'],
    matchedUntil: secondsLater(600),
  }

  describe('enforcement', () => {
    it('is kept with its revocation: whom it concerns, by when it is certain, when it was seen', () =>
      withStore(open, async (store) => {
        const enforcedBy = secondsLater(30)
        const published = revocation(1, { coverage, enforcedBy })
        await store.write((tx) => tx.insertRevocation(published))
        const found = () => store.read((tx) => tx.findRevocation('rev_1'))
        expect(await found()).toEqual(published)
        const enforced = { ...published, enforcedAt: secondsLater(2) }
        await store.write((tx) => tx.updateRevocation(enforced))
        expect(await found()).toEqual(enforced)
      }))

    it('that is not on record yet is asked for, the oldest first', () =>
      withStore(open, async (store) => {
        const all = [
          revocation(5, { coverage }),
          revocation(1, { coverage, enforcedAt: NOW }),
          revocation(3, { coverage }),
          revocation(2, { coverage, liftedAt: NOW }),
          revocation(4),
          revocation(6, { coverage }),
        ]
        for (const it of all) await store.write((tx) => tx.insertRevocation(it))
        const unenforced = (limit: number) =>
          store.read((tx) => tx.unenforcedRevocations(limit)).then(ids)
        expect(await unenforced(9)).toEqual(['rev_3', 'rev_5', 'rev_6'])
        expect(await unenforced(2)).toEqual(['rev_3', 'rev_5'])
        const seen = revocation(3, { coverage, enforcedAt: NOW })
        await store.write((tx) => tx.updateRevocation(seen))
        expect(await unenforced(9)).toEqual(['rev_5', 'rev_6'])
      }))
  })
}
