import fc from 'fast-check'
import { position, type Position } from '#domain/feed/position.ts'
import { defaultPolicy, type Policy } from '#domain/policy/policy.ts'
import type { Exceptions, Revocation, Selector } from '#domain/revocation/revocation.ts'
import type { Revocable } from '#domain/revocation/rule.ts'
import { type Instant, instant } from '#kernel/instant.ts'

/**
 * Small worlds: so few values that chance makes tokens and revocations meet, and positions and
 * seconds so close that every boundary is hit.
 */
export const POSITIONS = 12
export const EPOCH_START = 1_800_000_000
export const at = (sequence: number): Position => position(1, sequence)
export const second = (seconds: number): Instant => instant((EPOCH_START + seconds) * 1000)

const ids = ['cred_a', 'cred_b', 'cred_c']
const clients = ['deploy', 'report']
const subjects = ['ann', 'bob']
const sessions = ['sess_a', 'sess_b']
const audiences = ['https://a', 'https://b', 'https://c']
const scopes = ['deploy', 'deploy:prod', 'deploy:prod:eu', 'read', 'read:all']
const patterns = [...scopes, 'deploy:*', 'deploy:prod:*', 'read:*', '*']
const keys = ['key_a', 'key_b']
const trusts = ['ci']

export const anyToken: fc.Arbitrary<Revocable> = fc
  .record({
    id: fc.constantFrom(...ids),
    clientId: fc.constantFrom(...clients),
    subject: fc.constantFrom(...subjects),
    sessionId: fc.constantFrom(...sessions),
    scopes: fc.uniqueArray(fc.constantFrom(...scopes), { maxLength: 2 }),
    audience: fc.uniqueArray(fc.constantFrom(...audiences), { minLength: 1, maxLength: 2 }),
    keyId: fc.constantFrom(...keys),
    trust: fc.constantFrom(undefined, ...trusts),
    root: fc.nat(POSITIONS),
    rise: fc.nat(3),
    rootIat: fc.nat(3),
    age: fc.nat(2),
  })
  .map(({ trust, root, rise, rootIat, age, ...token }) => ({
    ...token,
    ...(trust === undefined ? {} : { trustId: trust }),
    rootSeq: at(root),
    feedSeq: at(root + rise),
    rootIssuedAtSeconds: EPOCH_START + rootIat,
    issuedAtSeconds: EPOCH_START + rootIat + age,
  }))

const some = (values: readonly string[]) =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 3 })

const dimension = {
  tokens: some(ids),
  clients: some(clients),
  subjects: some(subjects),
  sessions: some(sessions),
  scopes: some(patterns),
  audiences: some(audiences),
  trusts: some(trusts),
}
const oneOf = {
  tokens: fc.constantFrom(...ids).map((id) => [id]),
  clients: fc.constantFrom(...clients).map((id) => [id]),
  subjects: fc.constantFrom(...subjects).map((id) => [id]),
  sessions: fc.constantFrom(...sessions).map((id) => [id]),
  scopes: fc.constantFrom(...patterns).map((id) => [id]),
  audiences: fc.constantFrom(...audiences).map((id) => [id]),
  trusts: fc.constantFrom(...trusts).map((id) => [id]),
}

/** Mostly one value of one dimension, since that is what folds; the rest in all combinations. */
const anyNamed: fc.Arbitrary<Selector> = fc.oneof(
  { weight: 2, arbitrary: oneOf.clients.map((list) => ({ clients: list })) },
  ...Object.entries(oneOf).map(([field, list]) => list.map((one) => ({ [field]: one }))),
  fc.constant({ all: true as const }),
  fc.record(dimension, { requiredKeys: ['clients'] }),
  fc.record(dimension, { requiredKeys: ['scopes'] }),
  fc.record(dimension, { requiredKeys: ['tokens'] }),
  fc.record(oneOf, { requiredKeys: ['subjects', 'clients'], noNullPrototype: true }),
)
const onceIn = <T>(times: number, arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
const anyWindow = fc.record(
  {
    issuedAfter: fc.integer({ min: -500, max: 5500 }).map((ms) => instant(second(0) + ms)),
    issuedBefore: fc.integer({ min: -500, max: 5500 }).map((ms) => instant(second(0) + ms)),
  },
  { requiredKeys: [] },
)
const anyExceptions: fc.Arbitrary<Exceptions> = fc.record(
  {
    tokens: some(ids),
    clients: some(clients),
    subjects: some(subjects),
    sessions: some(sessions),
  },
  { requiredKeys: [] },
)

const nothing = { credentials: 0, byClient: {}, byScope: {}, byAudience: {} }

/** Everything about a revocation but its id and position; one in `rarity` has a window, and so on. */
const shapeOf = (named: fc.Arbitrary<Selector>, rarity: number) =>
  fc.record({
    named,
    window: onceIn(rarity, anyWindow),
    exceptions: onceIn(rarity, anyExceptions),
    reach: fc.constantFrom('sessions' as const, 'tokens' as const),
    graceSeconds: onceIn(rarity / 2, fc.integer({ min: 1, max: 6 })),
    publishedSecond: fc.nat(4),
    kind: fc.constantFrom('plain', 'plain', 'plain', 'blocks', 'unblocked', 'suspends', 'key'),
    cutLater: fc.nat(3),
    key: fc.constantFrom(...keys),
  })

type Shape = ReturnType<typeof shapeOf> extends fc.Arbitrary<infer T> ? T : never

function revocationOf(shape: Shape, sequence: number): Revocation {
  const isKey = shape.kind === 'key'
  const selector: Selector = isKey ? { keys: [shape.key] } : { ...shape.named, ...shape.window }
  const own = at(sequence)
  const blocks = shape.kind === 'blocks'
  const cutAt = shape.kind === 'unblocked' ? at(sequence + shape.cutLater) : own
  const ends = blocks || shape.kind === 'unblocked' || shape.kind === 'suspends'
  return {
    id: `rev_${sequence}`,
    position: own,
    selector,
    resolved: selector,
    exceptions: isKey ? {} : (shape.exceptions ?? {}),
    cut: isKey || blocks ? null : cutAt,
    reach: shape.reach,
    reason: 'other',
    graceSeconds: isKey || blocks || shape.kind === 'unblocked' ? 0 : (shape.graceSeconds ?? 0),
    blocks,
    final: isKey,
    suspends: shape.kind === 'suspends',
    publishedAt: second(shape.publishedSecond),
    ...(ends ? { expiresAt: second(3) } : {}),
    matched: nothing,
    actor: 'local:test',
    recordSalt: 'c2FsdA',
  }
}

/** Some revocations, none lifted, each at a position of its own, in no order. */
const revocationsOf = (named: fc.Arbitrary<Selector>, rarity: number): fc.Arbitrary<Revocation[]> =>
  fc.array(shapeOf(named, rarity), { minLength: 1, maxLength: 8 }).chain((shapes) =>
    fc
      .shuffledSubarray(
        Array.from({ length: POSITIONS }, (_, i) => i + 1),
        { minLength: shapes.length, maxLength: shapes.length },
      )
      .map((sequences) => shapes.map((shape, i) => revocationOf(shape, sequences[i] as number))),
  )

export const anyRevocations = revocationsOf(anyNamed, 4)

/** All on one client or one subject, with and without a second condition: here rules fold. */
export const anyCrowd = revocationsOf(
  fc.constantFrom<Selector>(
    { clients: ['deploy'] },
    { clients: ['deploy'] },
    { clients: ['deploy'] },
    { subjects: ['ann'] },
    { subjects: ['ann'], clients: ['deploy'] },
  ),
  12,
)
export const anyInCrowd: fc.Arbitrary<Revocable> = anyToken.map((about) => ({
  ...about,
  clientId: 'deploy',
  subject: 'ann',
}))

export const anyNow: fc.Arbitrary<Instant> = fc
  .integer({ min: -500, max: 6500 })
  .map((ms) => instant(second(0) + ms))

/** One revocation, plain unless something is said of it. */
export const revocation = (
  about: Partial<Revocation> & { readonly selector: Selector },
): Revocation => ({
  id: 'rev_5',
  position: at(5),
  resolved: about.selector,
  exceptions: {},
  cut: at(5),
  reach: 'sessions',
  reason: 'other',
  graceSeconds: 0,
  blocks: false,
  final: false,
  suspends: false,
  publishedAt: second(0),
  matched: nothing,
  actor: 'local:test',
  recordSalt: 'c2FsdA',
  ...about,
})

export const token = (about: Partial<Revocable> = {}): Revocable => ({
  id: 'cred_a',
  clientId: 'deploy',
  subject: 'ann',
  sessionId: 'sess_a',
  scopes: ['deploy:prod'],
  audience: ['https://a'],
  keyId: 'key_a',
  rootSeq: at(4),
  feedSeq: at(4),
  rootIssuedAtSeconds: EPOCH_START,
  issuedAtSeconds: EPOCH_START,
  ...about,
})

export const policy: Policy = defaultPolicy
