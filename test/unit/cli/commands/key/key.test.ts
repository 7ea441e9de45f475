import { describe, expect, it } from 'vitest'
import { fromNow } from '../../harness.ts'
import { type CliWorld, cliWorld, type WorldRow } from '../../world.ts'

const JWK = expect.objectContaining({ kty: 'EC', crv: 'P-256', use: 'sig' })
const KEY = /^key_[0-9a-z]{22}$/

async function withTokens(count: number): Promise<CliWorld & { readonly keyId: string }> {
  const it = await cliWorld()
  const { admin } = it.world
  const { keyId } = await admin.showAuthority({})
  if (0 < count) {
    await admin.createClient({ id: 'bot', scopes: ['read'] })
    await admin.issueTokens({ clientId: 'bot', count })
  }
  return { ...it, keyId }
}

describe('key list and show', () => {
  it('prints the key, whole', async () => {
    const { json, keyId } = await withTokens(2)
    const key = {
      id: keyId,
      purpose: 'token',
      algorithm: 'ES256',
      state: 'active',
      createdAt: fromNow(0),
      liveCredentials: 2,
      publicJwk: JWK,
    }
    expect(await json(`key show ${keyId}`)).toEqual(key)
    expect(await json('key list --purpose token --state active')).toEqual({
      items: [key],
      nextCursor: null,
    })
  })

  it.for<WorldRow>([
    { argv: 'key list --purpose audit', status: 0, err: 'There are no such keys.\n' },
    { argv: 'key list --state odd', status: 2, err: /--state/ },
    { argv: 'key show key_nothing', status: 3, err: /\[key-unknown\]/ },
    { argv: 'key list --purpose token -o name', status: 0, out: /^key\/key_\w+\n$/ },
    { argv: 'key list --purpose token', status: 0, out: /LIVE TOKENS.*\n.*active/ },
  ])('$argv → $status', async (row) => (await withTokens(0)).check(row))
})

describe('key rotate', () => {
  it('prints the new key and the one before', async () => {
    const { json, keyId, world } = await withTokens(2)
    const rotation = (await json('key rotate')) as { key: { id: string } }
    expect(rotation).toEqual({
      key: {
        id: expect.stringMatching(KEY),
        purpose: 'token',
        algorithm: 'ES256',
        state: 'active',
        createdAt: fromNow(0),
        liveCredentials: 0,
        publicJwk: JWK,
      },
      previous: {
        id: keyId,
        purpose: 'token',
        algorithm: 'ES256',
        state: 'retiring',
        createdAt: fromNow(0),
        retireAfter: expect.stringMatching(/^2026-11-23T20:/),
        liveCredentials: 2,
        publicJwk: JWK,
      },
    })
    expect((await world.admin.showAuthority({})).keyId).toBe(rotation.key.id)
  })

  it.for<[number, string]>([
    [0, 'no live token needs it'],
    [1, '1 live token needs it'],
    [3, '3 live tokens need it'],
  ])('says of %i live tokens that %s', async ([count, need]) => {
    const { run, keyId } = await withTokens(count)
    const { status, out, err } = await run('key rotate')
    expect(status).toBe(0)
    expect(out).toMatch(/^key_\w+ signs from now on\.\n/)
    expect(out).toMatch(
      new RegExp(`\n${keyId} stays published until 2026-11-23T20:.*; ${need}\\.\n`),
    )
    expect(err).toContain('fetch it again')
  })

  it('of the feed is vouched for by the one before', async () => {
    const { run, world } = await withTokens(0)
    const [before] = (await world.admin.listKeys({ purpose: 'feed' })).items
    const { status, out, err } = await run('key rotate --purpose feed')
    expect(status).toBe(0)
    expect(out).toMatch(
      new RegExp(
        `^key_\\w+ signs the feed’s heads from now on, and ${before?.id} vouches for it\\.\n`,
      ),
    )
    expect(err).toMatch(/^verifiers learn of it from the feed/)
    expect((await world.admin.listKeys({ purpose: 'feed', state: 'active' })).items).toHaveLength(1)
  })

  it('asks nothing, prints the id of the new key under -q, and refuses a purpose without keys', async () => {
    const { check } = await withTokens(0)
    await check({ argv: 'key rotate -q', status: 0, out: /^key_\w+\n$/ })
    await check({ argv: 'key rotate --purpose audit', status: 2, err: /\[request-invalid\]/ })
  })
})
