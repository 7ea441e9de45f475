import { describe, expect, it } from 'vitest'
import { createGroupCommit } from '#app/oauth/group-commit.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import type { Store, Writing } from '#store/port.ts'
import { createWorld } from '../../world.ts'

const client = (id: string) => ({
  id,
  tier: 'low' as const,
  scopes: ['a'],
  audiences: [],
  authMethods: [],
  keys: [],
  state: 'enabled' as const,
  tags: {},
  createdAt: 0 as never,
})

/** A store that counts its transactions, and can be told to fail. */
async function stage() {
  const world = await createWorld()
  const state = { writes: 0, grounds: 0, fail: undefined as unknown }
  const store: Store = {
    ...world.store,
    write: (work) => {
      state.writes += 1
      return world.store.write(async (tx) => {
        const result = await work(tx)
        if (state.fail !== undefined) throw state.fail
        return result
      })
    },
  }
  const group = createGroupCommit(
    store,
    async (tx) => {
      state.grounds += 1
      return { position: (await tx.feed()).position }
    },
    () => new Promise((resolve) => setImmediate(resolve)),
  )
  const idsOf = async (): Promise<string[]> => {
    const { items } = await world.store.read((tx) => tx.listClients({}, { limit: 1000 }))
    return items.map(({ id }) => id)
  }
  const insert = (id: string) => (tx: Writing) => tx.insertClient(client(id)).then(() => id)
  return { world, state, store, group, idsOf, insert }
}

const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    (value) => value,
    (thrown: unknown) => thrown,
  )

describe('works that come together', () => {
  it('share one transaction and one ground, in order', async () => {
    const { group, state, insert, idsOf } = await stage()
    const order: string[] = []
    const done = await Promise.all(
      ['c', 'a', 'b'].map((id) =>
        group.submit(async (tx, { position }) => {
          expect(position).toBe((await tx.feed()).position)
          order.push(id)
          return insert(id)(tx)
        }),
      ),
    )
    expect(done).toEqual(['c', 'a', 'b'])
    expect(order).toEqual(['c', 'a', 'b'])
    expect(state).toMatchObject({ writes: 1, grounds: 1 })
    expect(await idsOf()).toEqual(['a', 'b', 'c'])
  })

  it('see what those before them wrote', async () => {
    const { group, insert } = await stage()
    const [, seen] = await Promise.all([
      group.submit(insert('a')),
      group.submit((tx) => tx.findClient('a')),
    ])
    expect(seen).toMatchObject({ id: 'a' })
  })

  it('are answered when it is durable, and not before', async () => {
    const { group, insert, world } = await stage()
    let isDone = false
    let wasDone: boolean | undefined
    const work = group.submit(async (tx) => {
      await insert('a')(tx)
      wasDone = isDone
    })
    void work.then(() => (isDone = true))
    await work
    expect(wasDone).toBe(false)
    expect(await world.store.read((tx) => tx.findClient('a'))).toBeDefined()
  })

  it('are the next one’s where they come while one is under way', async () => {
    const { group, state, insert, idsOf } = await stage()
    let late: Promise<unknown> | undefined
    await group.submit(async (tx) => {
      late = group.submit(insert('late'))
      return insert('early')(tx)
    })
    await late
    expect(state.writes).toBe(2)
    expect(await idsOf()).toEqual(['early', 'late'])
    await group.submit(insert('later'))
    expect(state.writes).toBe(3)
  })

  it('are at most 256 a transaction', async () => {
    const { group, state } = await stage()
    await Promise.all(Array.from({ length: 257 }, () => group.submit(async () => 1)))
    expect(state.writes).toBe(2)
    await Promise.all(Array.from({ length: 256 }, () => group.submit(async () => 1)))
    expect(state.writes).toBe(3)
  })
})

describe('a work that is refused', () => {
  it('fails alone, and what it used up stays used', async () => {
    const { group, state, insert, idsOf } = await stage()
    const [a, b, c] = await Promise.all([
      outcome(group.submit(insert('a'))),
      outcome(
        group.submit(async (tx) => {
          await insert('b')(tx)
          return refuse('scope-refused', 'no')
        }),
      ),
      outcome(group.submit(insert('c'))),
    ])
    expect([a, (b as Problem).code, c]).toEqual(['a', 'scope-refused', 'c'])
    expect(state.writes).toBe(1)
    expect(await idsOf()).toEqual(['a', 'b', 'c'])
  })
})

describe('a work that fails unforeseen', () => {
  it('fails alone: the others are done again without it, and it has left nothing', async () => {
    const { group, state, insert, idsOf } = await stage()
    const fault = new Error('a bug')
    let tries = 0
    const [a, b, c] = await Promise.all([
      outcome(group.submit(insert('a'))),
      outcome(
        group.submit(async (tx) => {
          tries += 1
          await insert('b')(tx)
          throw fault
        }),
      ),
      outcome(group.submit(insert('c'))),
    ])
    expect([a, b, c]).toEqual(['a', fault, 'c'])
    expect(await idsOf()).toEqual(['a', 'c'])
    expect([state.writes, tries]).toEqual([4, 2])
    expect(await group.submit(insert('d'))).toBe('d')
  })

  it('and is alone is not tried again', async () => {
    const { group, state } = await stage()
    const fault = new Error('a bug')
    const one = outcome(group.submit(() => Promise.reject(fault)))
    expect([await one, state.writes]).toEqual([fault, 1])
  })
})

describe('a transaction that fails', () => {
  it('fails all of it where the cause is known, and the next one goes on', async () => {
    const { group, state, insert, idsOf } = await stage()
    state.fail = new Problem('store-full', 'no space')
    const failed = await Promise.all([
      outcome(group.submit(insert('a'))),
      outcome(group.submit(insert('b'))),
    ])
    expect(failed).toEqual([state.fail, state.fail])
    expect([state.writes, await idsOf()]).toEqual([1, []])
    state.fail = undefined
    expect(await group.submit(insert('a'))).toBe('a')
  })
})
