import { describe, expect, it } from 'vitest'
import { authenticateVerifier, isVerifierCredential, localVerifier } from '#app/authenticate.ts'
import { feedNode } from '#app/feed-node.ts'
import { formatInstant } from '#kernel/instant.ts'
import { BEGINNING, createWorld, refusalOf, remote, type TestWorld } from '../world.ts'
import { acknowledgementOf, claimsOf, follower, question } from './feed-world.ts'

const origin = { transport: 'http', ip: '192.0.2.9' } as const

async function synced(world: TestWorld, id: string, verifierId = 'local', more: object = {}) {
  const asked = { ...question(id), ...more }
  const { head } = await world.as(follower(verifierId)).syncFeed(asked)
  return claimsOf(head)
}

describe('the credential of a verifier', () => {
  it('is told once, and kept as a keyed hash', async () => {
    const world = await createWorld()
    const { verifier, credential } = await world.admin.createVerifier({
      name: 'shop',
      audiences: ['https://b', 'https://a', 'https://b'],
      mode: 'strict',
    })
    expect(verifier).toEqual({
      id: expect.stringMatching(/^ver_[0-9a-z]{22}$/),
      verifierId: verifier.id,
      name: 'shop',
      audiences: ['https://b', 'https://a'],
      mode: 'strict',
      keyIds: [],
      state: 'gone',
    })
    expect(credential).toMatch(new RegExp(`^cvk_${verifier.id.slice(4)}_[A-Za-z0-9_-]{43}$`))
    const secret = credential.slice(-43)
    const record = await world.store.read((tx) => tx.findVerifier(verifier.id))
    expect(record).toMatchObject({ createdAt: BEGINNING, name: 'shop' })
    expect(record?.secretHash).toEqual(new Uint8Array(world.deps.signer.hashSecret(secret)))
    const told = JSON.stringify([
      (await world.admin.listAudit({})).items,
      (await world.admin.listVerifiers({})).items,
    ])
    expect(told).not.toContain(secret)
    expect(await world.admin.listAudit({ action: 'verifier.create' })).toMatchObject({
      items: [{ target: `verifier:${verifier.id}`, outcome: 'ok', detail: { name: 'shop' } }],
    })
  })

  it('is told again to who asks again under the same key, and to nobody else', async () => {
    const world = await createWorld()
    const body = { name: 'shop' }
    const again = (idempotencyKey: string) => world.call('createVerifier', { body, idempotencyKey })
    const first = await again('k')
    expect(first.ok).toBe(true)
    expect(await again('k')).toEqual(first)
    expect(await again('l')).toMatchObject({ ok: false, problem: { code: 'verifier-exists' } })
  })

  it('has its name for itself, until it is removed', async () => {
    const world = await createWorld()
    const { verifier } = await world.admin.createVerifier({ name: 'shop' })
    expect(await refusalOf(world.admin.createVerifier({ name: 'shop' }))).toMatchObject({
      code: 'verifier-exists',
      facts: { verifierId: verifier.id },
    })
    await world.admin.removeVerifier({ id: 'shop' })
    await world.admin.createVerifier({ name: 'shop' })
  })

  it('opens the feed, and nothing else', async () => {
    const { admin, deps, ...world } = await createWorld()
    const { verifier, credential } = await admin.createVerifier({ name: 'shop' })
    const caller = await authenticateVerifier(deps, `Bearer ${credential}`, origin)
    expect(caller).toEqual({
      actor: `verifier:${verifier.id}`,
      scopes: ['feed:follow'],
      origin,
      verifierId: verifier.id,
    })
    expect((await refusalOf(world.as(caller).listClients({}))).code).toBe('scope-insufficient')
    expect((await refusalOf(world.as(caller).listVerifiers({}))).code).toBe('scope-insufficient')
    expect(localVerifier(origin)).toMatchObject({ verifierId: 'local', scopes: ['feed:follow'] })
  })

  it('is refused where it is wrong in any part, unknown, malformed or removed', async () => {
    const { admin, deps } = await createWorld()
    const { credential } = await admin.createVerifier({ name: 'shop' })
    const { credential: other } = await admin.createVerifier({ name: 'other' })
    const wrong = [
      credential.slice(0, -43) + other.slice(-43),
      other.slice(0, -43) + credential.slice(-43),
      `cvk_${'0'.repeat(22)}_${credential.slice(-43)}`,
      `cvk_${'0'.repeat(22)}_`,
      `${credential}x`,
      'cvk_',
    ]
    for (const each of wrong) {
      expect(isVerifierCredential(`Bearer ${each}`)).toBe(true)
      const refusal = await refusalOf(authenticateVerifier(deps, `Bearer ${each}`, origin))
      expect(refusal.code).toBe('token-refused')
      expect(JSON.stringify(refusal)).not.toContain(credential.slice(-43))
    }
    await authenticateVerifier(deps, `bearer  ${credential}`, origin)
    await admin.removeVerifier({ id: 'shop' })
    const removed = await refusalOf(authenticateVerifier(deps, `Bearer ${credential}`, origin))
    expect(removed.code).toBe('token-refused')
    expect(isVerifierCredential('Bearer eyJ')).toBe(false)
    expect(isVerifierCredential(undefined)).toBe(false)
  })

  it('is made by who may, and looked at by who may', async () => {
    const { as } = await createWorld()
    const reader = as(remote(['admin:verifiers:read']))
    await reader.listVerifiers({})
    expect((await refusalOf(reader.createVerifier({ name: 'v' }))).code).toBe('scope-insufficient')
    expect((await refusalOf(reader.removeVerifier({ id: 'v' }))).code).toBe('scope-insufficient')
  })
})

describe('a verifier that is removed', () => {
  it('is told until when its processes may still decide, and cuts their streams', async () => {
    const world = await createWorld()
    const { verifier } = await world.admin.createVerifier({ name: 'shop' })
    await synced(world, 'a'.repeat(22), verifier.id)
    world.clock.advance(5000)
    await synced(world, 'b'.repeat(22), verifier.id, { mode: 'strict' })
    const ended: unknown[] = []
    feedNode(world.store).onEnded.add((who) => ended.push(who))
    const removed = await world.admin.removeVerifier({ id: verifier.id })
    expect(removed).toEqual({
      verifier: expect.objectContaining({
        id: verifier.id,
        removedAt: formatInstant(world.clock.now()),
      }),
      leasesEndAt: formatInstant((world.clock.now() + 30_000) as typeof BEGINNING),
    })
    expect(ended).toEqual([{ verifierId: verifier.id }])
    world.clock.advance(1000)
    const again = await world.admin.removeVerifier({ id: verifier.id })
    expect(again.verifier.removedAt).toBe(removed.verifier.removedAt)
    expect((await world.admin.listAudit({ action: 'verifier.remove' })).items).toMatchObject([
      { target: `verifier:${verifier.id}`, detail: { alreadyRemoved: true } },
      { target: `verifier:${verifier.id}`, detail: { alreadyRemoved: false } },
    ])
  })

  it('may be named by a process that uses it; the built-in one is not removed', async () => {
    const world = await createWorld()
    const { verifier } = await world.admin.createVerifier({ name: 'shop' })
    await synced(world, 'a'.repeat(22), verifier.id)
    await synced(world, 'l'.repeat(22))
    const { verifier: removed } = await world.admin.removeVerifier({ id: 'a'.repeat(22) })
    expect(removed.id).toBe(verifier.id)
    for (const id of ['l'.repeat(22), 'nobody']) {
      expect((await refusalOf(world.admin.removeVerifier({ id }))).code).toBe('verifier-unknown')
    }
  })
})

describe('the staleness board', () => {
  const stateOf = async (world: TestWorld, id: string) =>
    (await world.admin.showVerifier({ id })).state

  it('shows each process, and credentials that none was seen with', async () => {
    const world = await createWorld()
    const { verifier: unused } = await world.admin.createVerifier({ name: 'unused' })
    const { verifier: used } = await world.admin.createVerifier({ name: 'used' })
    await world.admin.createVerifier({ name: 'removed' })
    await world.admin.removeVerifier({ id: 'removed' })
    const head = await synced(world, 'a'.repeat(22), used.id, { name: 'api-1' })
    await synced(world, 'b'.repeat(22), 'local', { name: 'api-2', audiences: ['https://two'] })
    world.clock.advance(25)
    await world.as(follower(used.id)).acknowledgeFeed(acknowledgementOf('a'.repeat(22), head))
    const { items, nextCursor } = await world.admin.listVerifiers({})
    expect(nextCursor).toBeNull()
    expect(items.map(({ id }) => id)).toEqual(['a'.repeat(22), 'b'.repeat(22), unused.id])
    const { keyId } = await world.admin.showAuthority({})
    expect(items[0]).toEqual({
      id: 'a'.repeat(22),
      verifierId: used.id,
      name: 'api-1',
      audiences: ['https://api.example.com'],
      mode: 'standard',
      appliedPosition: head.position,
      // The gathering of acknowledgements is part of it.
      lagMs: 40,
      headAgeMs: 40,
      keyIds: [keyId],
      leaseEndsAt: formatInstant((world.clock.now() + 30_000) as typeof BEGINNING),
      lastSeenAt: formatInstant(world.clock.now()),
      state: 'fresh',
    })
    expect(items[1]).toMatchObject({ verifierId: 'local', keyIds: [], state: 'degraded' })
    expect(items[1]).not.toHaveProperty('appliedPosition')
    expect(items[2]).toMatchObject({ name: 'unused', state: 'gone' })

    const named = async (query: object) =>
      (await world.admin.listVerifiers(query)).items.map(({ name }) => name)
    expect(await named({ state: 'fresh' })).toEqual(['api-1'])
    expect(await named({ name: 'api-2' })).toEqual(['api-2'])
    expect(await named({ audience: 'https://two' })).toEqual(['api-2'])
    const pages: string[] = []
    for (let cursor: string | undefined; ;) {
      const page = await world.admin.listVerifiers({
        limit: 1,
        ...(cursor === undefined ? {} : { cursor }),
      })
      pages.push(...page.items.map(({ name }) => name))
      if (page.nextCursor === null) break
      cursor = page.nextCursor
    }
    expect(pages).toEqual(['api-1', 'api-2', 'unused'])
  })

  it('is asked for one by id, by credential or by a name that only one has', async () => {
    const world = await createWorld()
    const { verifier } = await world.admin.createVerifier({ name: 'shop' })
    const show = async (id: string) => (await world.admin.showVerifier({ id })).id
    expect(await show('shop')).toBe(verifier.id)
    await synced(world, 'a'.repeat(22), verifier.id, { name: 'api' })
    expect(await show('api')).toBe('a'.repeat(22))
    expect(await show(verifier.id)).toBe('a'.repeat(22))
    await synced(world, 'b'.repeat(22), 'local', { name: 'api' })
    expect(await refusalOf(show('api'))).toMatchObject({
      code: 'verifier-unknown',
      facts: { ids: ['a'.repeat(22), 'b'.repeat(22)] },
    })
    expect((await refusalOf(show('nobody'))).code).toBe('verifier-unknown')
    await world.admin.createVerifier({ name: 'gone' })
    const { verifier: gone } = await world.admin.removeVerifier({ id: 'gone' })
    expect(await show(gone.id)).toBe(gone.id)
  })

  it('tells a fresh one from one that lags, is stale, or is gone', async () => {
    const world = await createWorld()
    const id = 'a'.repeat(22)
    const head = await synced(world, id)
    const v = world.as(follower('local'))
    expect(await stateOf(world, id)).toBe('degraded')
    await v.acknowledgeFeed(acknowledgementOf(id, head))
    expect(await stateOf(world, id)).toBe('fresh')
    await world.admin.rotateKey({})
    expect(await stateOf(world, id)).toBe('degraded')
    await v.acknowledgeFeed(acknowledgementOf(id, await synced(world, id)))
    expect(await stateOf(world, id)).toBe('fresh')
    world.clock.advance(3001)
    expect(await stateOf(world, id)).toBe('degraded')
    world.clock.advance(27_000)
    // Another node may give it heads.
    expect(await stateOf(world, id)).toBe('degraded')
    // This one would know of it.
    feedNode(world.store).givenMicros = () => undefined
    expect(await stateOf(world, id)).toBe('stale')
    feedNode(world.store).givenMicros = () => world.clock.now() * 1000
    expect(await world.admin.showVerifier({ id })).toMatchObject({ state: 'fresh', headAgeMs: 0 })
    feedNode(world.store).givenMicros = undefined
    world.clock.advance(30_000)
    expect(await stateOf(world, id)).toBe('stale')
    world.clock.advance(24 * 3_600_000)
    expect(await stateOf(world, id)).toBe('gone')
  })

  it('counts one that has said goodbye as gone at once, its lease over', async () => {
    const world = await createWorld()
    const id = 'a'.repeat(22)
    const head = await synced(world, id)
    await world
      .as(follower('local'))
      .acknowledgeFeed({ ...acknowledgementOf(id, head), released: true })
    const at = formatInstant(world.clock.now())
    expect(await world.admin.showVerifier({ id })).toMatchObject({ state: 'gone', leaseEndsAt: at })
  })
})
