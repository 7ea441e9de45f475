import { describe, expect, it } from 'vitest'
import { planRevocation } from '#app/revocation-plan.ts'
import { revoke } from '#app/revoke.ts'
import type { Store, Writing } from '#store/port.ts'
import { LOCAL, refusalOf, remote, type TestWorld } from '../world.ts'
import { type Token, verdicts, withTokens } from './tokens.ts'

const request = { selector: { clients: ['a'] }, reason: 'testing' as const }
const context = { caller: LOCAL, requestId: 'req_1' }

async function planned(world: TestWorld, over: object = {}) {
  const plan = await world.admin.planRevocation({ ...request, ...over })
  return { ...request, ...over, planHash: plan.hash, planned: plan.matched }
}
const mint = (world: TestWorld, clientId: string, count = 1, over: object = {}) =>
  world.admin.issueTokens({ clientId, count, ...over })

describe('what is planned and what is revoked', () => {
  it('may part by a tenth more credentials, which are revoked too, and told', async () => {
    const { world } = await withTokens()
    await mint(world, 'a', 8)
    const asked = await planned(world)
    const { items } = await mint(world, 'a')
    const { revocation, mintedMeanwhile } = await world.admin.revoke(asked)
    expect(mintedMeanwhile).toBe(1)
    expect(revocation?.matched.credentials).toBe(11)
    const [fresh] = items.map(({ token, credential }): Token => ({ token, id: credential.id }))
    expect(fresh && (await verdicts(world, [fresh]))).toEqual(['revoked'])
  })

  it('tells that nothing was minted, and nothing where nothing was planned', async () => {
    const { world } = await withTokens()
    expect((await world.admin.revoke(await planned(world))).mintedMeanwhile).toBe(0)
    const free = await world.admin.revoke({ ...request, selector: { clients: ['b'] } })
    expect(free.mintedMeanwhile).toBeUndefined()
  })

  it.each<[string, object, (world: TestWorld) => Promise<unknown>]>([
    ['more than a tenth more', {}, (world) => mint(world, 'a')],
    [
      'another client',
      { selector: { tags: { team: 'x' } } },
      async (world) => {
        await world.admin.createClient({
          id: 'c',
          scopes: ['read'],
          audiences: ['https://b.example'],
        })
        await mint(world, 'c', 1, { tags: { team: 'x' } })
      },
    ],
    [
      'another scope',
      {},
      async (world) => {
        await world.admin.updateClient({
          id: 'a',
          scopes: ['deploy:prod', 'deploy:dev', 'deploy:eu'],
        })
        await mint(world, 'a', 1, { scopes: ['deploy:eu'] })
      },
    ],
    [
      'another audience',
      {},
      async (world) => {
        await world.admin.updateClient({ id: 'a', audiences: ['https://new.example'] })
        await mint(world, 'a', 1, { audience: ['https://new.example'] })
      },
    ],
  ])('is drift with %s, and nothing is recorded', async (name, over, change) => {
    const { world } = await withTokens()
    if (name !== 'more than a tenth more') await mint(world, 'a', 20, { tags: { team: 'x' } })
    const asked = await planned(world, over)
    await change(world)
    const refusal = await refusalOf(world.admin.revoke(asked))
    expect(refusal.code).toBe('plan-drift')
    const word = name.startsWith('another') ? name.slice('another '.length) : 'credentials'
    expect(refusal.message).toContain(word)
    expect((await world.admin.listRevocations({})).items).toEqual([])
  })

  it('counts what was minted between the count and the transaction', async () => {
    const { world } = await withTokens()
    const store = interposed(world.store, () => mint(world, 'a', 3))
    const done = await revoke({ ...world.deps, store }, context, request)
    expect(done.revocation?.matched.credentials).toBe(5)
    expect(done.items).toEqual([{ target: 'client:a', result: 'revoked' }])
  })

  it('and finds what was minted for a tag, and derived from a token, in that moment too', async () => {
    const { world, a } = await withTokens()
    const byTag = interposed(world.store, () => mint(world, 'b', 2, { tags: { team: 'x' } }))
    const selector = { tags: { team: 'x' } }
    const tagged = await revoke({ ...world.deps, store: byTag }, context, { ...request, selector })
    expect(tagged.revocation?.matched.credentials).toBe(6)
    expect(tagged.revocation?.resolved.tokens).toHaveLength(6)
    await world.admin.liftRevocation({ id: tagged.revocation?.id ?? '' })
    const id = a[0]?.id ?? ''
    const byToken = interposed(world.store, async () => {
      const parent = await world.store.read((tx) => tx.findCredential(id))
      if (parent === undefined) throw new Error('no parent')
      const child = { ...parent, id: 'cred_zchild', parentId: id, sessionId: 'other' }
      const grand = { ...parent, id: 'cred_zagrand', parentId: child.id, sessionId: 'other' }
      const stranger = { ...parent, id: 'cred_zother', parentId: 'cred_nobody', sessionId: 'x' }
      await world.store.write((tx) => tx.insertCredentials([child, grand, stranger]))
    })
    const listed = await revoke({ ...world.deps, store: byToken }, context, {
      ...request,
      selector: { tokens: [id] },
    })
    expect(listed.revocation?.resolved.tokens).toEqual([id, 'cred_zagrand', 'cred_zchild'].sort())
  })

  it('counts anew in the confirmation where something was revoked since the plan', async () => {
    const { world, a } = await withTokens()
    const plan = await world.admin.planRevocation(request)
    expect(plan.matched?.credentials).toBe(2)
    await world.admin.revoke({ ...request, selector: { tokens: [a[0]?.id ?? ''] } })
    const { revocation } = await world.admin.revoke({ ...request, planHash: plan.hash })
    expect(revocation?.matched.credentials).toBe(1)
  })

  it('looks in the transaction at what is new and at nothing else, whatever was revoked meanwhile', async () => {
    const { world } = await withTokens()
    const after: unknown[] = []
    const selectors: object[] = [{ clients: ['a'] }, { tags: { team: 'x' } }]
    for (const selector of selectors) {
      const other = { selector: { subjects: ['b-job'] }, reason: 'testing' as const, block: true }
      const racing = interposed(world.store, () => world.admin.revoke(other))
      const store: Store = {
        ...world.store,
        write: (work) =>
          racing.write((tx) =>
            work({
              ...tx,
              selectCredentials: (selection) => {
                after.push(selection.afterId)
                return tx.selectCredentials(selection)
              },
            }),
          ),
      }
      await revoke({ ...world.deps, store }, context, { ...request, selector })
    }
    expect(after.length).toBeGreaterThan(0)
    for (const one of after) expect(one).toBeTypeOf('string')
  })

  it('counts nothing twice that lies close to the count', async () => {
    const { world } = await withTokens()
    const asked = await planned(world)
    world.clock.advance(2000)
    await mint(world, 'b')
    const { revocation, mintedMeanwhile } = await world.admin.revoke(asked)
    expect(revocation?.matched.credentials).toBe(2)
    expect(mintedMeanwhile).toBe(0)
  })
})

/** A store in which something happens just before the transaction that writes. */
function interposed(store: Store, happening: () => Promise<unknown>): Store {
  return {
    ...store,
    read: (work) => store.read(work),
    async write<T>(work: (tx: Writing) => Promise<T>): Promise<T> {
      await happening()
      return store.write(work)
    },
  }
}

describe('without a count', () => {
  it('no credential is looked at, neither in the plan nor in the revocation', async () => {
    const { world, a } = await withTokens()
    const looked: string[] = []
    const watch = <T extends object>(tx: T): T =>
      new Proxy(tx, {
        get(target, name, receiver) {
          looked.push(String(name))
          return Reflect.get(target, name, receiver) as unknown
        },
      })
    const store: Store = {
      ...world.store,
      read: (work) => world.store.read((tx) => work(watch(tx))),
      write: (work) => world.store.write((tx) => work(watch(tx))),
    }
    const deps = { ...world.deps, store }
    const plan = await planRevocation(deps, context, { ...request, count: false })
    expect(plan.matched).toBeUndefined()
    expect(plan.severe).toBe(true)
    expect(plan.items).toMatchObject([{ target: 'client:a', result: 'revoked' }])
    const asked = { ...request, count: false }
    const { revocation, items } = await revoke(deps, context, asked, { hash: plan.hash })
    expect(items).toEqual(plan.items)
    expect(looked).not.toContain('selectCredentials')
    expect(looked).not.toContain('descendants')
    expect(revocation?.matched).toEqual({
      counted: false,
      credentials: 0,
      byClient: {},
      byScope: {},
      byAudience: {},
    })
    expect(await verdicts(world, a)).toEqual(['revoked', 'revoked'])
  })

  it('what matches nothing is recorded all the same, and a key only once', async () => {
    const { world } = await withTokens()
    const nobody = { ...request, selector: { clients: ['nobody'] }, count: false }
    expect((await world.admin.revoke(nobody)).revocation?.matched.counted).toBe(false)
    const { keyId } = await world.admin.showAuthority({})
    const key = { ...request, selector: { keys: [keyId] }, count: false }
    const first = await world.admin.revoke(key)
    const again = await world.admin.revoke(key)
    expect(again.revocation?.id).toBe(first.revocation?.id)
    expect(again.items[0]?.result).toBe('already-revoked')
    const unknown = world.admin.revoke({ ...key, selector: { keys: ['key_x'] } })
    expect((await refusalOf(unknown)).code).toBe('nothing-matched')
  })

  it('an exact list is drawn up all the same, and spares sessions as ever', async () => {
    const { world, a, b } = await withTokens()
    const selector = { tokens: [a[0]?.id ?? ''] }
    const { revocation } = await world.admin.revoke({ ...request, selector, count: false })
    expect(revocation?.matched).toMatchObject({ credentials: 1 })
    const spared = await world.admin.revoke({
      selector: { clients: ['b'] },
      exceptions: { tokens: [b[0]?.id ?? ''] },
      reason: 'testing',
      count: false,
    })
    expect(spared.revocation?.exceptions.sessions).toEqual([b[0]?.id])
    expect(await verdicts(world, [...a, ...b])).toEqual([
      'revoked',
      'accepted',
      'accepted',
      'revoked',
    ])
  })

  it('says nothing of drift', async () => {
    const { world } = await withTokens()
    const plan = await world.admin.planRevocation(request)
    await mint(world, 'a', 9)
    const done = await world.admin.revoke({ ...request, count: false, planned: plan.matched })
    expect(done.revocation?.matched.counted).toBe(false)
    expect(done.mintedMeanwhile).toBeUndefined()
  })
})

describe('a plan', () => {
  it('is severe where it would revoke the credential in hand', async () => {
    const { world, a, b } = await withTokens()
    const as = (token: Token | undefined) =>
      world.as(remote(['admin:revocations:write'], token?.id))
    expect((await as(a[0]).planRevocation(request)).severe).toBe(true)
    expect((await as(b[0]).planRevocation(request)).severe).toBe(false)
  })

  it('of a key that signs heads says that verifiers need the new one', async () => {
    const { world } = await withTokens()
    const { items } = await world.admin.listKeys({ purpose: 'feed' })
    const warningsOf = async (key: string) =>
      (await world.admin.planRevocation({ selector: { keys: [key] }, reason: 'compromise' }))
        .warnings
    const said = (await warningsOf(items[0]?.id ?? '')).join()
    expect(said).toContain('each has to be given the new key')
    const { keyId } = await world.admin.showAuthority({})
    expect((await warningsOf(keyId)).join()).not.toContain('heads of the feed')
  })
})
