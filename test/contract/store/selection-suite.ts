import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Credential } from '#domain/credential/credential.ts'
import type { Exceptions, Selector } from '#domain/revocation/revocation.ts'
import { fromSeconds, instant } from '#kernel/instant.ts'
import type { CredentialFilter, CredentialSelection } from '#store/port.ts'
import {
  allPages,
  credential,
  ids,
  NOW,
  NOW_SECONDS,
  type OpenStore,
  secondsLater,
  withStore,
} from './fixtures.ts'

export function selectionContract(open: OpenStore): void {
  describe('selections', () => {
    propertyContract(open)

    const all: CredentialSelection = {
      selector: { all: true },
      exceptions: {},
      reach: 'sessions',
      expiringAfter: NOW,
      limit: 100,
    }

    it('never take an empty selector for all', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertCredentials([credential('cred_1')]))
        const select = (selector: Selector) =>
          store.read((tx) => tx.selectCredentials({ ...all, selector })).then(ids)
        expect(await select({ all: true })).toEqual(['cred_1'])
        expect(await select({})).toEqual([])
        expect(await select({ tokens: [], scopes: [], tags: {} })).toEqual([])
        expect(await select({ issuedAfter: secondsLater(-99) })).toEqual([])
        expect(await select({ all: true, trusts: ['github'] })).toEqual([])
      }))

    it('round the window outwards to whole seconds', () =>
      withStore(open, async (store) => {
        await store.write((tx) => tx.insertCredentials([credential('cred_1')]))
        const select = (selector: Selector) =>
          store
            .read((tx) => tx.selectCredentials({ ...all, selector: { all: true, ...selector } }))
            .then(ids)
        expect(await select({ issuedAfter: instant(NOW + 999) })).toEqual(['cred_1'])
        expect(await select({ issuedAfter: secondsLater(1) })).toEqual([])
        expect(await select({ issuedBefore: NOW })).toEqual([])
        expect(await select({ issuedBefore: instant(NOW + 1) })).toEqual(['cred_1'])
      }))

    it('test the sign-in with reach sessions, the token itself with reach tokens', () =>
      withStore(open, async (store) => {
        const derived = credential('cred_1', { rootIssuedAt: secondsLater(-100) })
        await store.write((tx) => tx.insertCredentials([derived]))
        const selector = { all: true, issuedBefore: secondsLater(-50) } as const
        const select = (reach: 'sessions' | 'tokens') =>
          store.read((tx) => tx.selectCredentials({ ...all, selector, reach })).then(ids)
        expect(await select('sessions')).toEqual(['cred_1'])
        expect(await select('tokens')).toEqual([])
      }))

    it('take lists of ten thousand values in every dimension', () =>
      withStore(open, async (store) => {
        const many = (prefix: string) => Array.from({ length: 10_000 }, (_, i) => `${prefix}${i}`)
        const made = many('cred_').map((id) => credential(id))
        await store.write((tx) => tx.insertCredentials(made))
        const selector = {
          tokens: many('cred_'),
          clients: [...many('x'), 'ci'],
          subjects: [...many('x'), 'ci'],
          sessions: many('cred_'),
          scopes: [...many('x'), 'read'],
          audiences: [...many('x'), 'https://api.example.com'],
          keys: [...many('x'), 'key_a'],
        }
        const exceptions = { tokens: many('cred_').slice(0, 9990), clients: many('y') }
        const found = await store.read((tx) =>
          tx.selectCredentials({ ...all, selector, exceptions }),
        )
        expect(ids(found)).toEqual(many('cred_').slice(9990))
      }))
  })
}

const someIds = Array.from({ length: 12 }, (_, i) => `cred_${String(i).padStart(2, '0')}`)
const clientIds = ['ci', 'web', 'alice']
const subjects = ['ci', 'web', 'alice', 'bob', "o'hara"]
const scopes = [
  'read',
  'deploy',
  'deploy:',
  'deploy:prod',
  'deploy:prod:eu',
  'deployx:prod',
  'd?ploy:prod',
  'dXploy:prod',
  '[ab]:c',
  'a:c',
  'x*y:z',
  'xxy:z',
  '%:_',
  'Read',
]
const patterns = ['*', 'deploy:*', 'deploy:prod:*', 'd?ploy:*', '[ab]:*', 'x*y:*', '%:*', 'dep*']
const audiences = ['urn:a', 'urn:a:b', 'urn:"q"', 'urn:\\']
const keyIds = ['key_a', 'key_b', 'key_c']
const tagKeys = ['team', 'team.core', 'a/b']
const tagValues = ['core', 'we"b', '']

const seconds = fc.integer({ min: -5, max: 5 }).map((s) => fromSeconds(NOW_SECONDS + s))
const moment = fc.integer({ min: -5500, max: 5500 }).map((ms) => instant(NOW + ms))
const oneOf = (values: readonly string[]) => fc.constantFrom(...values)
const some = (values: readonly string[], max = 3) =>
  fc.uniqueArray(oneOf(values), { minLength: 1, maxLength: max })
const tags = fc.dictionary(oneOf(tagKeys), oneOf(tagValues), { maxKeys: 2 })

const credentials: fc.Arbitrary<Credential[]> = fc
  .subarray(someIds, { minLength: 6 })
  .chain((chosen) => fc.tuple(...chosen.map((id) => credentialNamed(id))))

const credentialNamed = (id: string): fc.Arbitrary<Credential> =>
  fc
    .record({
      clientId: oneOf(clientIds),
      subject: oneOf(subjects),
      ownSubject: fc.boolean(),
      scopes: fc.uniqueArray(oneOf(scopes), { maxLength: 3 }),
      audience: fc.uniqueArray(oneOf(audiences), { maxLength: 2 }),
      issuedAt: seconds,
      rootIssuedAt: seconds,
      expiresAt: seconds,
      keyId: oneOf(keyIds),
      sessionId: fc.oneof(fc.constant(id), oneOf(someIds), fc.constant('session')),
      tags,
    })
    .map(({ ownSubject, ...fields }) =>
      credential(id, { ...fields, subject: ownSubject ? fields.clientId : fields.subject }),
    )

const selectors: fc.Arbitrary<Selector> = fc.record(
  {
    tokens: some([...someIds, 'cred_none'], 12),
    clients: some(clientIds),
    subjects: some(subjects, 5),
    sessions: some([...someIds, 'session'], 12),
    scopes: some([...scopes, ...patterns]),
    audiences: some(audiences),
    keys: some(keyIds),
    tags,
    issuedAfter: moment,
    issuedBefore: moment,
    all: fc.constant(true as const),
  },
  { requiredKeys: [] },
)
/** Few dimensions, or nothing would ever match. */
const narrowed = fc
  .tuple(
    selectors,
    fc.subarray(
      [
        'tokens',
        'clients',
        'subjects',
        'sessions',
        'scopes',
        'audiences',
        'keys',
        'tags',
        'issuedAfter',
        'issuedBefore',
        'all',
      ],
      { maxLength: 3 },
    ),
  )
  .map(([selector, kept]): Selector =>
    Object.fromEntries(Object.entries(selector).filter(([field]) => kept.includes(field))),
  )
const exceptions: fc.Arbitrary<Exceptions> = fc.record(
  {
    tokens: some(someIds),
    clients: some(clientIds, 1),
    subjects: some(subjects, 1),
    sessions: some(someIds),
  },
  { requiredKeys: [] },
)
const selections = fc.record({
  selector: narrowed,
  exceptions: fc.oneof({ weight: 2, arbitrary: fc.constant<Exceptions>({}) }, exceptions),
  reach: fc.constantFrom('sessions' as const, 'tokens' as const),
  expiringAfter: moment,
})

const filters: fc.Arbitrary<CredentialFilter> = fc
  .record(
    {
      clientId: oneOf(clientIds),
      subject: oneOf(subjects),
      scope: oneOf([...scopes, ...patterns]),
      audience: oneOf(audiences),
      sessionId: oneOf([...someIds, 'session']),
      keyId: oneOf(keyIds),
      tag: fc.record({ key: oneOf(tagKeys), value: oneOf(tagValues) }),
      issuedAfter: moment,
      issuedBefore: moment,
      expiresBefore: moment,
      expiresAfter: moment,
    },
    { requiredKeys: [] },
  )
  .chain((filter) =>
    fc
      .subarray(Object.keys(filter), { maxLength: Math.min(3, Object.keys(filter).length) })
      .map((kept): CredentialFilter =>
        Object.fromEntries(Object.entries(filter).filter(([field]) => kept.includes(field))),
      ),
  )

function propertyContract(open: OpenStore): void {
  it('are what a plain reading of the selector says, whole and by chunks', () =>
    fc.assert(
      fc.asyncProperty(
        credentials,
        fc.array(selections, { minLength: 12, maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (made, asked, limit) =>
          withStore(open, async (store) => {
            await store.write((tx) => tx.insertCredentials(made))
            for (const one of asked) {
              const wanted = made.filter((it) => isSelected(it, one)).sort(byId)
              const found = await store.read((tx) => tx.selectCredentials({ ...one, limit: 99 }))
              expect(found).toEqual(wanted)
              const chunks: Credential[] = []
              for (;;) {
                const afterId = chunks.at(-1)?.id
                const chunk = await store.read((tx) =>
                  tx.selectCredentials({
                    ...one,
                    limit,
                    ...(afterId === undefined ? {} : { afterId }),
                  }),
                )
                chunks.push(...chunk)
                if (chunk.length < limit) break
              }
              expect(chunks).toEqual(wanted)
            }
          }),
      ),
      { numRuns: 60 },
    ))

  it('and lists are what a plain reading of the filter says, in pages of any size', () =>
    fc.assert(
      fc.asyncProperty(
        credentials,
        fc.array(filters, { minLength: 12, maxLength: 12 }),
        fc.integer({ min: 1, max: 14 }),
        (made, asked, limit) =>
          withStore(open, async (store) => {
            await store.write((tx) => tx.insertCredentials(made))
            for (const filter of asked) {
              const wanted = made.filter((it) => isListed(it, filter)).sort(byId)
              const found = await allPages(limit, (page) =>
                store.read((tx) => tx.listCredentials(filter, page)),
              )
              expect(found).toEqual(wanted.toReversed())
            }
          }),
      ),
      { numRuns: 60 },
    ))
}

const byId = (a: Credential, b: Credential): number => (a.id < b.id ? -1 : 1)

// The oracle: the words of the port, one after the other, without a thought for speed.

function isSelected(it: Credential, selection: Omit<CredentialSelection, 'limit'>): boolean {
  const { selector, exceptions: spared, reach, expiringAfter } = selection
  const names = Object.entries(selector).filter(([field]) => !field.startsWith('issued'))
  if (names.every(([, value]) => value !== true && Object.keys(value).length === 0)) return false
  const tested = (reach === 'sessions' ? it.rootIssuedAt : it.issuedAt) / 1000
  return (
    expiringAfter < it.expiresAt &&
    among(selector.tokens, it.id) &&
    among(selector.clients, it.clientId) &&
    among(selector.subjects, it.subject) &&
    among(selector.sessions, it.sessionId) &&
    among(selector.keys, it.keyId) &&
    (selector.scopes === undefined ||
      selector.scopes.some((pattern) => it.scopes.some((scope) => fits(pattern, scope)))) &&
    (selector.audiences === undefined ||
      it.audience.some((audience) => selector.audiences?.includes(audience))) &&
    Object.entries(selector.tags ?? {}).every(([name, value]) => it.tags[name] === value) &&
    (selector.issuedAfter === undefined || Math.floor(selector.issuedAfter / 1000) <= tested) &&
    (selector.issuedBefore === undefined || tested < Math.ceil(selector.issuedBefore / 1000)) &&
    !spared.tokens?.includes(it.id) &&
    !spared.clients?.includes(it.clientId) &&
    !spared.subjects?.includes(it.subject) &&
    !spared.sessions?.includes(it.sessionId)
  )
}

const among = (values: readonly string[] | undefined, value: string): boolean =>
  values === undefined || values.includes(value)

function isListed(it: Credential, filter: CredentialFilter): boolean {
  const { scope, audience, tag, issuedAfter, issuedBefore, expiresBefore, expiresAfter } = filter
  return (
    (filter.clientId ?? it.clientId) === it.clientId &&
    (filter.subject ?? it.subject) === it.subject &&
    (filter.sessionId ?? it.sessionId) === it.sessionId &&
    (filter.keyId ?? it.keyId) === it.keyId &&
    (scope === undefined || it.scopes.some((one) => fits(scope, one))) &&
    (audience === undefined || it.audience.includes(audience)) &&
    (tag === undefined || it.tags[tag.key] === tag.value) &&
    (issuedAfter === undefined || Math.floor(issuedAfter / 1000) * 1000 <= it.issuedAt) &&
    (issuedBefore === undefined || it.issuedAt < Math.ceil(issuedBefore / 1000) * 1000) &&
    (expiresBefore === undefined || it.expiresAt < expiresBefore) &&
    (expiresAfter === undefined || expiresAfter < it.expiresAt)
  )
}

/** Part by part: the pattern's parts but the star, then at least one more that is not empty. */
function fits(pattern: string, scope: string): boolean {
  if (pattern === '*') return true
  const parts = pattern.split(':')
  if (parts.length < 2 || parts.at(-1) !== '*') return pattern === scope
  const fixed = parts.slice(0, -1)
  const own = scope.split(':')
  return fixed.every((part, i) => own[i] === part) && own.slice(fixed.length).join(':') !== ''
}
