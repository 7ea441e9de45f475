import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Credential } from '#domain/credential/credential.ts'
import type { Position } from '#domain/feed/position.ts'
import { createWorld, type TestWorld } from '../world.ts'

describe('lifting, over random worlds', () => {
  it('changes the state of the named sessions and of nothing else, whatever is revoked how', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(anyScene, async (scene) => {
        const world = await createWorld()
        const tokens = await play(world, scene)
        const before = await statesOf(world, tokens)
        const { items: all } = await world.admin.listRevocations({})
        const target = all[scene.which % all.length]
        if (target === undefined || target.state === 'lifted') return
        const onlyTokens = tokens.filter((_, i) => scene.named.includes(i)).map(({ id }) => id)
        const answer = await world
          .as({ actor: 'local:x', scopes: 'all', origin: { transport: 'embedded' } })
          .liftRevocation({ id: target.id, onlyTokens })
          .catch(() => undefined)
        const after = await statesOf(world, tokens)
        const named = new Set(
          (answer?.items ?? [])
            .filter(({ result }) => result === 'revived' || result === 'still-revoked')
            .map(({ target: one }) => one.slice('token:'.length)),
        )
        const given = tokens.filter(({ id }) => named.has(id)).map(({ sessionId }) => sessionId)
        // By their own records alone: what another one matches, or this one, where it is not given back.
        const expected = tokens.map((token) =>
          all.some(
            (one) =>
              matchesByHand(one, token) &&
              !(one.id === target.id && given.includes(token.sessionId)),
          )
            ? 'revoked'
            : 'active',
        )
        expect(after).toEqual(expected)
        expect(before.filter((state) => state === 'revoked').length).toBeGreaterThanOrEqual(
          expected.filter((state) => state === 'revoked').length,
        )
        seen.add(answer === undefined ? 'refused' : 'lifted')
        if (after.join() !== before.join()) seen.add('revived')
        if (answer?.items?.some(({ result }) => result === 'still-revoked')) seen.add('still')
      }),
      { numRuns: 60, seed: 11 },
    )
    expect([...seen].sort()).toEqual(['lifted', 'refused', 'revived', 'still'])
  })

  it('I8: a whole lift revives nothing that another one matches; the end of a block nothing at all', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(anyScene, fc.boolean(), async (scene, isUnblock) => {
        const world = await createWorld()
        const tokens = await play(world, scene)
        const before = await statesOf(world, tokens)
        const { items: all } = await world.admin.listRevocations({})
        const target = all[scene.which % all.length]
        if (target === undefined) return
        if (isUnblock) await world.admin.unblockRevocation({ id: target.id })
        else await world.admin.liftRevocation({ id: target.id })
        const after = await statesOf(world, tokens)
        const others = isUnblock ? all : all.filter(({ id }) => id !== target.id)
        const expected = tokens.map((token) =>
          others.some((one) => matchesByHand(one, token)) ? 'revoked' : 'active',
        )
        expect(after).toEqual(expected)
        if (isUnblock && target.blocks) seen.add('unblocked')
        if (after.join() !== before.join()) seen.add('revived')
        if (after.includes('revoked')) seen.add('still')
      }),
      { numRuns: 60, seed: 13 },
    )
    expect([...seen].sort()).toEqual(['revived', 'still', 'unblocked'])
  })
})

interface Scene {
  readonly steps: readonly Step[]
  readonly named: readonly number[]
  readonly which: number
}
type Step =
  | {
      readonly kind: 'issue'
      readonly clientId: string
      readonly scope: string
      readonly derived: boolean
    }
  | {
      readonly kind: 'revoke'
      readonly selector: object
      readonly block: boolean
      readonly reach: 'sessions' | 'tokens'
    }

const clients = ['a', 'b']
const scopes = ['x', 'y']
const anyIssue: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('issue' as const),
  clientId: fc.constantFrom(...clients),
  scope: fc.constantFrom(...scopes),
  derived: fc.boolean(),
})
const anyRevoke: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('revoke' as const),
  selector: fc.constantFrom(
    { clients: ['a'] },
    { clients: ['b'] },
    { scopes: ['x'] },
    { clients: ['a'], scopes: ['y'] },
    { all: true },
  ),
  block: fc.boolean(),
  reach: fc.constantFrom('sessions' as const, 'tokens' as const),
})
const anyScene: fc.Arbitrary<Scene> = fc.record({
  steps: fc
    .tuple(
      fc.array(anyIssue, { minLength: 2, maxLength: 4 }),
      anyRevoke,
      fc.array(fc.oneof(anyIssue, anyRevoke), { maxLength: 5 }),
    )
    .map(([first, second, rest]) => [...first, second, ...rest]),
  named: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 3 }),
  which: fc.nat(5),
})

async function play(world: TestWorld, { steps }: Scene): Promise<Credential[]> {
  for (const id of clients) await world.admin.createClient({ id, scopes })
  const tokens: Credential[] = []
  for (const step of steps) {
    if (step.kind === 'revoke') {
      const { selector, block, reach } = step
      await world.admin.revoke({ selector, block, reach, reason: 'testing' }).catch(() => undefined)
      continue
    }
    const asked = { clientId: step.clientId, scopes: [step.scope] }
    const answer = await world.admin.issueTokens(asked).catch(() => undefined)
    const id = answer?.items[0]?.credential.id
    const one = id === undefined ? undefined : await world.store.read((tx) => tx.findCredential(id))
    if (one === undefined) continue
    tokens.push(one)
    if (!step.derived) continue
    const { position } = await world.admin.showAuthority({})
    const child = { ...one, id: `${one.id}z`, parentId: one.id, feedSeq: position as Position }
    await world.store.write((tx) => tx.insertCredentials([child]))
    tokens.push(child)
  }
  return tokens
}

const statesOf = (world: TestWorld, tokens: readonly Credential[]): Promise<string[]> =>
  Promise.all(tokens.map(async ({ id }) => (await world.admin.showCredential({ id })).state))

type Shown = Awaited<ReturnType<TestWorld['admin']['showRevocation']>>

const matchesByHand = ({ selector, exceptions, cut, reach }: Shown, token: Credential): boolean =>
  (selector.clients.length === 0 || selector.clients.includes(token.clientId)) &&
  (selector.scopes.length === 0 || token.scopes.some((one) => selector.scopes.includes(one))) &&
  !exceptions.clients.includes(token.clientId) &&
  (cut === null || (reach === 'sessions' ? token.rootSeq : token.feedSeq) < cut)
