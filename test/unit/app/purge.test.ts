import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REPLY_SECONDS_MAX } from '#app/idempotency.ts'
import { PURGE_STEP_ROWS, purgeStep } from '#app/purge.ts'
import { type Tier, tiers } from '#domain/client/client.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { position } from '#domain/feed/position.ts'
import { defaultPolicy, type Policy } from '#domain/policy/policy.ts'
import { instant, toSeconds } from '#kernel/instant.ts'
import { BEGINNING, createWorld, type TestWorld } from '../world.ts'

const SECOND = 1000
const retention: Record<Tier, number> = { low: 20, standard: 60, high: 180 }
const policy: Policy = {
  ...defaultPolicy,
  tiers: {
    low: { ttlSecondsMax: 900, retentionSeconds: retention.low },
    standard: { ttlSecondsMax: 3600, retentionSeconds: retention.standard },
    high: { ttlSecondsMax: 3600, retentionSeconds: retention.high },
  },
}

const credential = (id: string, tier: Tier, expiresSeconds: number): Credential => {
  const issuedAt = instant(BEGINNING - 100 * SECOND)
  return {
    id,
    clientId: 'a',
    tier,
    subject: 'a',
    scopes: ['read'],
    audience: ['x'],
    issuedAt,
    expiresAt: instant(BEGINNING + expiresSeconds * SECOND),
    keyId: 'key_a',
    sessionId: id,
    feedSeq: position(1, 0),
    rootSeq: position(1, 0),
    rootIssuedAt: issuedAt,
    createdBy: 'local',
    tags: {},
  }
}

const kept = async ({ store }: TestWorld): Promise<string[]> => {
  const { items } = await store.read((tx) => tx.listCredentials({}, { limit: 10_000 }))
  return items.map(({ id }) => id).toSorted()
}

/** To the end; says how many steps it took. */
async function purgeAll({ deps }: TestWorld): Promise<number> {
  for (let steps = 1; steps < 1000; steps++) if (!(await purgeStep(deps))) return steps
  throw new Error('a purge without end')
}

/**
 * What should be left, by looking at all of it: of each tier the oldest go, in the order of issue, up
 * to the first that must stay.
 */
function naive(all: readonly Credential[], now: number): Credential[] {
  return tiers.flatMap((tier) => {
    const ours = all.filter((one) => one.tier === tier)
    const bound = toSeconds(instant(now - retention[tier] * SECOND))
    const first = ours.findIndex(({ expiresAt }) => bound <= toSeconds(expiresAt))
    return first === -1 ? [] : ours.slice(first)
  })
}

const seconds = fc.integer({ min: -400, max: 400 })
const event = fc.oneof(
  fc.record({
    kind: fc.constant('issue' as const),
    rows: fc.array(fc.tuple(fc.constantFrom(...tiers), seconds), { maxLength: 12 }),
  }),
  // Also backwards: a clock that is set back must not make what is young look old, nor the reverse.
  fc.record({ kind: fc.constant('clock' as const), at: fc.integer({ min: -500, max: 900 }) }),
  fc.record({ kind: fc.constant('purge' as const) }),
)

describe('purging', () => {
  it('leaves what a naive one leaves, whatever comes between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 20 }), async (events) => {
        const world = await createWorld({ policy })
        let all: Credential[] = []
        const gone: (Credential & { now: number })[] = []
        let made = 0
        for (const one of events) {
          if (one.kind === 'clock') world.clock.set(instant(BEGINNING + one.at * SECOND))
          if (one.kind === 'issue') {
            const more = one.rows.map(([tier, at]) =>
              credential(`cred_${String((made += 1)).padStart(5, '0')}`, tier, at),
            )
            await world.store.write((tx) => tx.insertCredentials(more))
            all.push(...more)
          }
          if (one.kind === 'purge') {
            const now = world.clock.now()
            const before = all
            all = all.filter((it) => naive(before, now).includes(it))
            await purgeAll(world)
            gone.push(...before.filter((it) => !all.includes(it)).map((it) => ({ ...it, now })))
          }
          expect(await kept(world)).toEqual(all.map(({ id }) => id).toSorted())
        }
        // Nothing went that lived, or was to be kept for some time yet.
        const early = gone.filter(
          ({ tier, expiresAt, now }) => now <= expiresAt + retention[tier] * SECOND,
        )
        expect(early).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  it('goes in steps, each of which looks at so many rows', async () => {
    const world = await createWorld({ policy })
    const made = Array.from({ length: 3 * PURGE_STEP_ROWS + 7 }, (_, i) =>
      credential(`cred_${i}`, i % 3 === 0 ? 'low' : 'standard', -300),
    )
    await world.store.write((tx) => tx.insertCredentials(made))
    const left: number[] = []
    while (await purgeStep(world.deps)) left.push((await kept(world)).length)
    expect(await kept(world)).toEqual([])
    const drops = [made.length, ...left].map((count, i, all) => count - (all[i + 1] ?? 0))
    expect(Math.max(...drops)).toBeLessThanOrEqual(tiers.length * PURGE_STEP_ROWS)
    expect(left.length).toBeGreaterThan(3)
  })

  it('takes no lock where there is nothing to do', async () => {
    const world = await createWorld({ policy })
    const made = tiers.map((tier) => credential(`cred_${tier}`, tier, 0))
    await world.store.write((tx) => tx.insertCredentials(made))
    // Rows of other tiers are passed once.
    await purgeAll(world)
    const store = {
      ...world.store,
      write: () => Promise.reject(new Error('a purge that had nothing to do wrote')),
    }
    expect(await purgeStep({ ...world.deps, store })).toBe(false)
  })

  it('forgets answers after 24 hours, and none before', async () => {
    const ages = fc.array(fc.integer({ min: -2 * REPLY_SECONDS_MAX, max: 0 }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(ages, async (all) => {
        const world = await createWorld({ policy })
        const names = all.map((age, i) => ({ age, key: `k${i}` }))
        for (const { age, key } of names) {
          const reply = { actor: 'local', key, fingerprint: 'f', result: null }
          const at = instant(BEGINNING + age * SECOND)
          await world.store.write((tx) => tx.insertReply(reply, at))
        }
        await purgeAll(world)
        const found: string[] = []
        for (const { key } of names) {
          const reply = await world.store.read((tx) => tx.findReply('local', key))
          if (reply !== undefined) found.push(key)
        }
        const young = names.filter(({ age }) => -REPLY_SECONDS_MAX <= age).map(({ key }) => key)
        expect(found).toEqual(young)
      }),
      { numRuns: 30 },
    )
  })

  it('keeps what revokes, what signed and what was done: only credentials and answers go', async () => {
    const world = await createWorld({ policy })
    await world.admin.createClient({ id: 'a', scopes: ['read'] })
    await world.admin.issueTokens({ clientId: 'a', count: 3 })
    await world.admin.revoke({ selector: { clients: ['a'] }, reason: 'testing' })
    const rest = async () => [
      (await world.admin.listRevocations({})).items.map(({ id }) => id),
      (await world.admin.listKeys({})).items.map(({ id }) => id),
      (await world.admin.listAudit({})).items.map(({ id }) => id),
      (await world.admin.listClients({})).items.map(({ id }) => id),
      await world.store.read((tx) => tx.feed()),
    ]
    const before = await rest()
    world.clock.advance(2 * REPLY_SECONDS_MAX * SECOND)
    await purgeAll(world)
    expect(await kept(world)).toEqual([])
    expect(await rest()).toEqual(before)
  })
})
