import { describe, expect, it } from 'vitest'
import { createWorld, ISSUER } from '../world.ts'

describe('the world of the tests', () => {
  it('is an authority that issues, on a clock that stands still', async () => {
    const world = await createWorld()
    await world.admin.createClient({ id: 'a', scopes: ['read'] })
    const { items } = await world.admin.issueTokens({ clientId: 'a' })
    expect(items[0]?.credential.issuedAt).toBe('2026-11-23T19:08:00.000Z')
    expect((await world.admin.showAuthority({})).issuer).toBe(ISSUER)
    expect(world.faults).toEqual([])
  })

  it('repeats with its seed', async () => {
    const [one, two, other] = await Promise.all([
      createWorld(),
      createWorld(),
      createWorld({ seed: 2 }),
    ])
    const keyOf = async ({ admin }: typeof one) => (await admin.showAuthority({})).keyId
    expect(await keyOf(one)).toBe(await keyOf(two))
    expect(await keyOf(one)).not.toBe(await keyOf(other))
  })
})
