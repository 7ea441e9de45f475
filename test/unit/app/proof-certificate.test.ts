import { describe, expect, it } from 'vitest'
import { certifyRevocation } from '#app/proof.ts'
import { readCertificate } from '#boot/certificate.ts'
import { position } from '#domain/feed/position.ts'
import { ISSUER, refusalOf, type TestWorld } from '../world.ts'
import { acknowledge, follow, HASH } from './followers.ts'
import { withTokens } from './tokens.ts'

const B = { selector: { clients: ['b'] }, reason: 'testing' as const }

async function revoked(world: TestWorld, over: object = {}): Promise<string> {
  const { revocation } = await world.admin.revoke({ ...B, ...over })
  return revocation?.id ?? ''
}
const stateOf = async ({ admin }: TestWorld, id: string): Promise<string> =>
  (await admin.showRevocation({ id })).state

describe('a certificate', () => {
  const keysOf = async ({ store }: TestWorld) =>
    (await store.read((tx) => tx.listKeys({ purpose: 'feed' }, { limit: 9 }))).items.map(
      ({ publicJwk }) => publicJwk,
    )

  it('is given when it is enforced, and shows by itself why', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_ack', name: 'one' })
    await follow(world, { id: 'inc_gone', name: 'two', verifierId: 'ver_2' })
    await follow(world, { id: 'inc_bye', name: 'three' })
    const id = await revoked(world, { graceSeconds: 3 })
    const early = await world.admin.certifyRevocation({ id })
    expect(early.enforcement.state).toBe('published')
    expect(early.certificate).toBeUndefined()
    world.clock.advance(1000)
    await acknowledge(world, 'inc_ack')
    await acknowledge(world, 'inc_bye', { position: position(1, 1), released: true })
    world.clock.advance(9001)
    const { certificate = '', enforcement } = await world.admin.certifyRevocation({ id })
    expect(enforcement.state).toBe('enforced')
    const { claims, problems, keyId } = readCertificate(certificate, await keysOf(world))
    expect(problems).toEqual([])
    const T = Date.UTC(2026, 10, 23, 19, 8) * 1000
    const entry = await world.store.read(async (tx) =>
      tx.feedEntry((await tx.findRevocation(id))?.position ?? position(1, 1)),
    )
    const chain = Buffer.from(entry?.chain ?? []).toString('base64url')
    const published = claims?.publishedAt ?? 0
    expect(published).toBeGreaterThanOrEqual(T)
    expect(claims).toEqual({
      iss: ISSUER,
      revocation: id,
      position: entry?.position,
      chain,
      publishedAt: published,
      reason: 'testing',
      roster: [
        {
          incarnation: 'inc_ack',
          verifierId: 'local',
          name: 'one',
          acknowledged: { position: entry?.position, chain, digest: HASH, at: T + 1_000_000 },
        },
        { incarnation: 'inc_bye', verifierId: 'local', name: 'three', releasedAt: T + 1_000_000 },
        {
          incarnation: 'inc_gone',
          verifierId: 'ver_2',
          name: 'two',
          lapsedAt: published + 10_000_000,
        },
      ],
      audiences: [{ audience: 'https://b.example', verifiers: 3 }],
      graceEnd: T + 3_000_000,
      enforcedAt: published + 10_000_000,
      time: T + 10_001_000,
    })
    expect(keyId).toBe((await keysOf(world))[0]?.['kid'])
    const again = await world.admin.certifyRevocation({ id })
    const later = readCertificate(again.certificate ?? '', await keysOf(world))
    expect(later.problems).toEqual([])
    expect(later.claims?.time).toBeGreaterThan(claims?.time ?? Infinity)
    const { enforcedAt } = (await world.store.read((tx) => tx.findRevocation(id))) ?? {}
    expect(enforcedAt).toBe(Math.ceil((published + 10_000_000) / 1000))
  })

  it('tells of an audience that nobody served until when it was unproven', async () => {
    const { world } = await withTokens()
    const id = await revoked(world)
    world.clock.advance(600_000)
    const { certificate = '' } = await world.admin.certifyRevocation({ id })
    const { claims, problems } = readCertificate(certificate, await keysOf(world))
    expect(problems).toEqual([])
    expect(claims?.audiences).toEqual([
      { audience: 'https://b.example', unprovenUntil: world.clock.now() * 1000 },
    ])
  })

  it('is not given while one that took up heads again is silent, though it was enforced', async () => {
    const { world } = await withTokens()
    const ended = (world.clock.now() - 20_000) * 1000
    const one = await follow(world, { id: 'inc_1', headsUntilMicros: ended })
    const id = await revoked(world)
    expect(await stateOf(world, id)).toBe('enforced')
    await follow(world, { ...one, headsUntilMicros: (world.clock.now() + 60_000) * 1000 })
    const silent = await world.admin.certifyRevocation({ id })
    expect(silent.enforcement.state).toBe('enforced')
    expect(silent.certificate).toBeUndefined()
    world.clock.advance(20)
    await acknowledge(world, 'inc_1')
    const { certificate = '' } = await world.admin.certifyRevocation({ id })
    expect(readCertificate(certificate, await keysOf(world)).problems).toEqual([])
  })

  it('of one that took up heads again and fell silent for good tells when that lease ended', async () => {
    const { world } = await withTokens()
    const ended = (world.clock.now() - 20_000) * 1000
    const one = await follow(world, { id: 'inc_1', headsUntilMicros: ended })
    const id = await revoked(world)
    await follow(world, { ...one, headsUntilMicros: (world.clock.now() + 60_000) * 1000 })
    world.clock.advance(10_001)
    const { certificate = '', enforcement } = await world.admin.certifyRevocation({ id })
    expect(enforcement.enforcedAt).toBe('2026-11-23T19:08:00.001Z')
    const { claims, problems } = readCertificate(certificate, await keysOf(world))
    expect(problems).toEqual([])
    expect(claims?.enforcedAt).toBe((claims?.publishedAt ?? 0) + 10_000_000)
  })

  it('is put on record once, however often it is asked for', async () => {
    const { world } = await withTokens()
    const id = await revoked(world)
    world.clock.advance(600_000)
    let updates = 0
    const store: TestWorld['store'] = {
      ...world.store,
      write: (work) =>
        world.store.write((tx) =>
          work({
            ...tx,
            updateRevocation: (one) => {
              updates += 1
              return tx.updateRevocation(one)
            },
          }),
        ),
    }
    for (let i = 0; i < 3; i++) await certifyRevocation({ ...world.deps, store }, id)
    expect(updates).toBe(1)
  })

  it('is not given for what was lifted, for nothing, or with a clock set back', async () => {
    const { world } = await withTokens()
    await follow(world, { id: 'inc_1', headsUntilMicros: 0 })
    const id = await revoked(world)
    for (let i = 0; i < 2; i++) {
      const { certificate = '' } = await world.admin.certifyRevocation({ id })
      expect(readCertificate(certificate, await keysOf(world)).problems).toEqual([])
    }
    world.clock.advance(-10_000)
    expect((await refusalOf(world.admin.certifyRevocation({ id }))).code).toBe('clock-behind')
    world.clock.advance(10_000)
    await world.admin.liftRevocation({ id })
    expect((await world.admin.certifyRevocation({ id })).certificate).toBeUndefined()
    for (const work of [
      world.admin.certifyRevocation({ id: 'rev_x' }),
      world.admin.showEnforcement({ id: 'rev_x' }),
    ]) {
      expect((await refusalOf(work)).code).toBe('revocation-unknown')
    }
  })
})
