import { describe, expect, it } from 'vitest'
import { settleByItself, settleDue } from '#app/settle.ts'
import { createWorld, refusalOf } from '../world.ts'

/** A world in which one revocation blocks for an hour. */
async function blocking() {
  const world = await createWorld()
  await world.admin.createClient({ id: 'a', scopes: ['read'] })
  await world.admin.issueTokens({ clientId: 'a' })
  const { revocation } = await world.admin.revoke({
    selector: { clients: ['a'] },
    reason: 'testing',
    block: true,
    expiresAt: '2026-11-23T20:08:00Z',
  })
  const id = revocation?.id ?? ''
  const position = async () => (await world.store.read((tx) => tx.feed())).position
  return { world, id, position }
}

describe('what ends by itself', () => {
  it('keeps no writer waiting while nothing is due', async () => {
    const { world, position } = await blocking()
    const before = await position()
    let writes = 0
    const deps = {
      ...world.deps,
      store: {
        ...world.store,
        write: ((work) => {
          writes += 1
          return world.store.write(work)
        }) as typeof world.store.write,
      },
    }
    await settleByItself(deps)
    expect(writes).toBe(0)
    expect(await position()).toBe(before)
    world.clock.advance(3_600_000)
    await settleByItself(deps)
    expect(writes).toBe(1)
    expect(await position()).toBe(before + 1)
  })

  it('is ended by nobody before its time, whatever is said to be due', async () => {
    const { world, id, position } = await blocking()
    const before = await position()
    const early = world.store.write(async (tx) => {
      const revocation = await tx.findRevocation(id)
      const due = revocation === undefined ? [] : [revocation]
      await settleDue(world.deps, { ...tx, revocationsDue: async () => due })
    })
    expect((await refusalOf(early)).code).toBe('internal')
    expect(await position()).toBe(before)
  })
})
