import { describe, expect, it } from 'vitest'
import { position } from '#domain/feed/position.ts'
import type { Revocation, Selector } from '#domain/revocation/revocation.ts'
import type { CandidateValues } from '#domain/revocation/rule-index.ts'
import {
  allPages,
  ids,
  noValues,
  NOW,
  type OpenStore,
  revocation,
  secondsLater,
  withStore,
} from './fixtures.ts'

const full: Revocation = {
  id: 'rev_full',
  position: position(2, 9),
  selector: { clients: ['ci', 'web'], tags: { team: 'core' }, issuedAfter: NOW },
  exceptions: { tokens: ['cred_9'], sessions: ['cred_8'] },
  resolved: { tokens: ['cred_1', 'cred_2'] },
  cut: null,
  reach: 'tokens',
  reason: 'privilege-withdrawn',
  message: 'ask "security"',
  graceSeconds: 30,
  blocks: true,
  final: true,
  suspends: true,
  publishedAt: NOW,
  enforcedAt: secondsLater(1),
  liftedAt: secondsLater(2),
  expiresAt: secondsLater(3),
  matched: { credentials: 2, byClient: { ci: 2 }, byScope: { read: 2 }, byAudience: { x: 1 } },
  actor: 'operator:bob',
  incidentId: 'inc_1',
  recordSalt: '_-8AAAAAAAAAAAAAAAAAAA',
}

export function revocationContract(open: OpenStore): void {
  describe('revocations', () => {
    it('come back as they went in', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertRevocation(full))
        await store.write((tx) => tx.insertRevocation(revocation(1)))
        expect(await store.read((tx) => tx.findRevocation('rev_full'))).toEqual(full)
        expect(await store.read((tx) => tx.findRevocation('rev_1'))).toEqual(revocation(1))
        expect(await store.read((tx) => tx.findRevocation('rev_2'))).toBeUndefined()
      }))

    it('have one object for both selectors where nothing was resolved', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertRevocation(revocation(1)))
        const found = await store.read((tx) => tx.findRevocation('rev_1'))
        expect(found?.resolved).toBe(found?.selector)
      }))

    it('are updated under their id and place; anything else is a fault', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertRevocation(revocation(1)))
        const { message: _, liftedAt: __, ...rest } = full
        const changed = { ...rest, id: 'rev_1', position: position(1, 1) }
        await store.write((tx) => tx.updateRevocation(changed))
        expect(await store.read((tx) => tx.findRevocation('rev_1'))).toEqual(changed)
        const moved = { ...changed, position: position(1, 2) }
        await expect(store.write((tx) => tx.updateRevocation(moved))).rejects.toThrow('position')
        const unknown = store.write((tx) => tx.updateRevocation(revocation(7)))
        await expect(unknown).rejects.toThrow('no revocation')
      }))

    it('are listed the newest first, filtered, page by page', () =>
      withStore(open, async (store) => {
        await store.write(async (tx) => {
          await tx.insertRevocation(revocation(2, { reason: 'testing' }))
          await tx.insertRevocation(revocation(1, { liftedAt: NOW }))
          await tx.insertRevocation(revocation(10, { actor: 'operator:bob' }))
          await tx.insertRevocation(revocation(3, { position: position(2, 0), liftedAt: NOW }))
        })
        const listed = (filter: object, limit: number) =>
          allPages(limit, (page) => store.read((tx) => tx.listRevocations(filter, page))).then(ids)
        for (const limit of [1, 2, 4, 9]) {
          expect(await listed({}, limit)).toEqual(['rev_3', 'rev_10', 'rev_2', 'rev_1'])
        }
        expect(await listed({ lifted: true }, 1)).toEqual(['rev_3', 'rev_1'])
        expect(await listed({ lifted: false }, 1)).toEqual(['rev_10', 'rev_2'])
        expect(await listed({ reason: 'testing' }, 1)).toEqual(['rev_2'])
        expect(await listed({ actor: 'operator:bob', lifted: false }, 1)).toEqual(['rev_10'])
        const unlifted = await store.read((tx) => tx.unliftedRevocations())
        expect(ids(unlifted)).toEqual(['rev_2', 'rev_10'])
      }))
    candidateContract(open)
    dueContract(open)
  })
}

const named: readonly (readonly [Selector, Partial<CandidateValues>])[] = [
  [{ tokens: ['cred_1', 'cred_2'] }, { tokens: ['cred_2'] }],
  [{ clients: ['ci'] }, { clients: ['x', 'ci'] }],
  [{ subjects: ['alice'] }, { subjects: ['alice'] }],
  [{ sessions: ['cred_1'] }, { sessions: ['cred_1'] }],
  [{ scopes: ['deploy:*'] }, { scopes: ['deploy:prod', '*', 'deploy:*'] }],
  [{ audiences: ['urn:"x"'] }, { audiences: ['urn:"x"'] }],
  [{ keys: ['key_a'] }, { keys: ['key_a'] }],
  [{ trusts: ['github'] }, { trusts: ['github'] }],
  [
    { clients: ['ci'], scopes: ['read'] },
    { clients: ['ci'], scopes: ['read'] },
  ],
  [{ all: true }, {}],
  [{ all: true, issuedBefore: NOW }, { clients: ['whoever'] }],
]

function candidateContract(open: OpenStore): void {
  const candidates = (values: Partial<CandidateValues>) => [{ ...noValues, ...values }] as const

  it.for(named)('%j is a candidate for %j', ([selector, values]) =>
    withStore(open, async (store) => {
      const other = revocation(2, { selector: { clients: ['other'], tokens: ['cred_other'] } })
      await store.write((tx) => tx.insertRevocation(revocation(1, { selector })))
      await store.write((tx) => tx.insertRevocation(other))
      const found = await store.read((tx) => tx.revocationCandidates(...candidates(values)))
      expect(ids(found)).toEqual(['rev_1'])
    }),
  )

  it('are found once, however many of their values fit, by position', () =>
    withStore(open, async (store) => {
      const selector = { clients: ['a', 'b'], tokens: ['cred_1'] }
      await store.write((tx) => tx.insertRevocation(revocation(2, { selector })))
      await store.write((tx) => tx.insertRevocation(revocation(1, { selector })))
      const values = { clients: ['a', 'b', 'a'], tokens: ['cred_1'] }
      const found = await store.read((tx) => tx.revocationCandidates(...candidates(values)))
      expect(ids(found)).toEqual(['rev_1', 'rev_2'])
    }))

  it('are told apart by dimension', () =>
    withStore(open, async (store) => {
      await store.write((tx) =>
        tx.insertRevocation(revocation(1, { selector: { clients: ['alice'] } })),
      )
      const values = { subjects: ['alice'], tokens: ['alice'], sessions: ['alice'] }
      expect(await store.read((tx) => tx.revocationCandidates(...candidates(values)))).toEqual([])
    }))

  it('are found by what they resolve to, not by what was asked', () =>
    withStore(open, async (store) => {
      const selector = { tags: { team: 'core' }, clients: ['ci'] }
      const resolved = { tokens: ['cred_1'] }
      await store.write((tx) => tx.insertRevocation(revocation(1, { selector, resolved })))
      const by = (values: Partial<CandidateValues>) =>
        store.read((tx) => tx.revocationCandidates(...candidates(values))).then(ids)
      expect(await by({ tokens: ['cred_1'] })).toEqual(['rev_1'])
      expect(await by({ clients: ['ci'] })).toEqual([])
    }))

  it('follow a change of what is resolved, and end with a lift', () =>
    withStore(open, async (store) => {
      const selector = { tokens: ['cred_1'] }
      const by = (token: string) =>
        store.read((tx) => tx.revocationCandidates(...candidates({ tokens: [token] }))).then(ids)
      await store.write((tx) => tx.insertRevocation(revocation(1, { selector })))
      const grown = revocation(1, { selector, resolved: { tokens: ['cred_2', 'cred_3'] } })
      await store.write((tx) => tx.updateRevocation(grown))
      expect([await by('cred_1'), await by('cred_2')]).toEqual([[], ['rev_1']])
      await store.write((tx) => tx.updateRevocation({ ...grown, enforcedAt: NOW }))
      expect(await by('cred_3')).toEqual(['rev_1'])
      await store.write((tx) => tx.updateRevocation({ ...grown, liftedAt: NOW }))
      expect([await by('cred_2'), await by('cred_3')]).toEqual([[], []])
    }))

  it('may be a list of ten thousand', () =>
    withStore(open, async (store) => {
      const tokens = Array.from({ length: 10_000 }, (_, i) => `cred_${i}`)
      await store.write((tx) => tx.insertRevocation(revocation(1, { selector: { tokens } })))
      const values = { tokens: ['cred_9999'] }
      const found = await store.read((tx) => tx.revocationCandidates(...candidates(values)))
      expect(found[0]?.resolved.tokens).toEqual(tokens)
    }))
}

function dueContract(open: OpenStore): void {
  it('are due when their expiry has come while they block or suspend', () =>
    withStore(open, async (store) => {
      const expiresAt = secondsLater(10)
      const block = { blocks: true, cut: null, expiresAt }
      await store.write(async (tx) => {
        await tx.insertRevocation(revocation(1, { suspends: true, expiresAt }))
        await tx.insertRevocation(revocation(2, block))
        await tx.insertRevocation(revocation(3, { ...block, expiresAt: secondsLater(11) }))
        await tx.insertRevocation(revocation(4, { blocks: true, cut: null }))
        await tx.insertRevocation(revocation(5, { expiresAt }))
        await tx.insertRevocation(revocation(6, { suspends: true, expiresAt, liftedAt: NOW }))
        await tx.insertRevocation(revocation(7, { ...block, liftedAt: NOW }))
      })
      const due = (at: number) => store.read((tx) => tx.revocationsDue(secondsLater(at))).then(ids)
      expect(await due(9)).toEqual([])
      expect(await due(10)).toEqual(['rev_1', 'rev_2'])
      expect(await due(99)).toEqual(['rev_1', 'rev_2', 'rev_3'])
    }))
}
