import { describe, expect, it } from 'vitest'
import { jwks } from '#app/keys.ts'
import { ORIGIN } from '#domain/feed/position.ts'
import { verifyChain } from '#domain/feed/chain.ts'
import { formatInstant, instant } from '#kernel/instant.ts'
import { createWorld, seededEntropy, type TestWorld } from '../world.ts'

/**
 * A naive authority: events in the order in which they happened, and lists searched whole. It knows
 * no positions, no index and no database; it must agree with the real one after every step.
 */
interface Minted {
  readonly id: string
  readonly token: string
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly expiresAt: number
  readonly event: number
}
type Matches = (it: Pick<Minted, 'clientId' | 'scopes'> & { readonly id?: string }) => boolean
interface Ruled {
  readonly id: string
  readonly matches: Matches
  /** The event before which a token must have been minted to be hit. */
  readonly cut: number
  readonly blocks: boolean
  readonly suspends: boolean
  readonly endsAt: number
  readonly final: boolean
  /** What was asked for: the same again is done already. */
  readonly asked: string
}
interface Model {
  event: number
  minted: Minted[]
  rules: Ruled[]
  disabled: Set<string>
}

/** Whether a token stays dead without another rule, for as long as that other one would have it. */
const isKept = (rules: readonly Ruled[], token: Minted, asked: string, final: boolean): boolean =>
  rules.some(
    (rule) =>
      !rule.suspends && hit(rule, token) && (rule.final || (!final && rule.asked === asked)),
  )

const hit = (rule: Ruled, token: Minted): boolean => token.event < rule.cut && rule.matches(token)

function stateOf({ rules }: Model, token: Minted, now: number): string {
  const hits = rules.filter((rule) => hit(rule, token))
  if (hits.some(({ suspends }) => !suspends)) return 'revoked'
  if (0 < hits.length) return 'suspended'
  return token.expiresAt <= now ? 'expired' : 'active'
}

/** The rules once everything due has been ended. */
const settled = ({ rules, event }: Model, now: number): Ruled[] =>
  rules
    .filter(({ suspends, endsAt }) => !suspends || now < endsAt)
    .map((rule) =>
      rule.blocks && rule.endsAt <= now ? { ...rule, blocks: false, cut: event } : rule,
    )

const CLIENTS = ['a', 'b', 'c']
const SCOPES = ['read', 'deploy:prod', 'deploy:dev']

interface Walk {
  readonly world: TestWorld
  readonly model: Model
  readonly draw: (below: number) => number
}

async function issue({ world, model, draw }: Walk): Promise<string> {
  const clientId = CLIENTS[draw(3)] ?? 'a'
  const scopes = [SCOPES[draw(3)] ?? 'read', SCOPES[draw(3)] ?? 'read']
  const rules = settled(model, world.clock.now())
  const asked = { clientId, scopes }
  const expected = model.disabled.has(clientId)
    ? 'client-disabled'
    : rules.some(({ blocks, matches }) => blocks && matches(asked))
      ? 'issuance-blocked'
      : undefined
  const request = { ...asked, ttlSeconds: 60 + draw(600), tags: { run: String(draw(2)) } }
  const answer = await world.call('issueTokens', { body: request })
  expect(answer.ok ? undefined : answer.problem.code).toBe(expected)
  if (!answer.ok) return answer.problem.code
  const { items } = answer.value as Awaited<ReturnType<TestWorld['admin']['issueTokens']>>
  const [issued] = items
  if (issued === undefined) throw new Error('nothing was issued')
  const { credential, token } = issued
  model.rules = rules
  model.minted.push({
    id: `${credential.id} ${credential.tags['run']}`,
    token,
    clientId,
    scopes: credential.scopes,
    expiresAt: Date.parse(credential.expiresAt),
    event: model.event++,
  })
  return 'issued'
}

const realId = ({ id }: Pick<Minted, 'id'>): string => id.split(' ')[0] ?? ''

async function revoke(walk: Walk): Promise<string> {
  const { world, model, draw } = walk
  const now = world.clock.now()
  const rules = settled(model, now)
  const clientId = CLIENTS[draw(3)] ?? 'a'
  const scope = ['read', 'deploy:*', 'deploy:dev'][draw(3)] ?? 'read'
  const named = model.minted.filter(() => draw(4) === 0).slice(0, 5)
  const run = String(draw(2))
  const listOf = (pick: (token: Minted) => boolean): Matches => {
    const ids = new Set(
      model.minted.filter((one) => pick(one) && now < one.expiresAt).map(({ id }) => id),
    )
    return ({ id }) => id !== undefined && ids.has(id)
  }
  const holds = (scopes: readonly string[]): boolean =>
    scopes.some((one) => (scope.endsWith('*') ? one.startsWith('deploy:') : one === scope))
  const kinds: readonly [string, object, object, Matches, boolean][] = [
    ['client', { clients: [clientId] }, {}, (it) => it.clientId === clientId, true],
    ['scope', { scopes: [scope] }, {}, (it) => holds(it.scopes), true],
    [
      'both',
      { clients: [clientId], scopes: [scope] },
      {},
      (it) => it.clientId === clientId && holds(it.scopes),
      true,
    ],
    ['all', { all: true }, { clients: [clientId] }, (it) => it.clientId !== clientId, true],
    ['tag', { tags: { run } }, {}, listOf(({ id }) => id.endsWith(` ${run}`)), false],
    [
      'tokens',
      { tokens: [...named.map(realId), 'cred_none'] },
      {},
      listOf((one) => named.includes(one)),
      false,
    ],
  ]
  const [kind, selector, exceptions, matches, canBlock] = kinds[draw(kinds.length)] ?? kinds[0]!
  const blocks = canBlock && draw(3) === 0
  const endsAt = draw(3) === 0 ? now + 1000 + draw(300) * 1000 : Infinity
  const final = draw(5) === 0 && (blocks || endsAt === Infinity)
  const live = model.minted.filter((one) => now < one.expiresAt && matches(one))
  const revokedNow = live.filter(
    (one) => !rules.some((rule) => !rule.suspends && hit(rule, one)),
  ).length
  const spared =
    kind === 'all' && model.minted.some((one) => now < one.expiresAt && one.clientId === clientId)
  const dead = kind === 'tokens' && named.some((one) => one.expiresAt <= now)
  const asked = JSON.stringify([selector, exceptions])
  const isVain =
    revokedNow === 0 && !blocks && live.every((one) => isKept(rules, one, asked, final))
  const expected = isVain && live.length === 0 && !spared && !dead ? 'nothing-matched' : undefined
  const answer = await world.call('revoke', {
    body: {
      selector,
      exceptions,
      reason: 'other',
      block: blocks,
      final,
      ...(endsAt === Infinity ? {} : { expiresAt: formatInstant(instant(endsAt)) }),
    },
  })
  expect(answer.ok ? undefined : answer.problem.code, kind).toBe(expected)
  if (!answer.ok) return answer.problem.code
  model.rules = rules
  const { revocation } = answer.value as Awaited<ReturnType<TestWorld['admin']['revoke']>>
  if (isVain) return 'vain'
  if (revocation === undefined) throw new Error('it was not recorded')
  expect(revocation.matched.credentials, kind).toBe(revokedNow)
  model.rules.push({
    id: revocation.id,
    matches,
    cut: blocks ? Infinity : model.event++,
    blocks,
    suspends: endsAt !== Infinity && !blocks,
    endsAt,
    final,
    asked,
  })
  return kind
}

async function lift({ world, model, draw }: Walk): Promise<string> {
  const before = settled(model, world.clock.now())
  const target = model.rules[draw(Math.max(1, model.rules.length))]
  if (target === undefined) return 'nothing to lift'
  const now = world.clock.now()
  const rule = before.find(({ id }) => id === target.id)
  const expected = rule !== undefined && rule.final ? 'revocation-final' : undefined
  const answer = await world.call('liftRevocation', { params: { id: target.id } })
  expect(answer.ok ? undefined : answer.problem.code).toBe(expected)
  if (!answer.ok) return answer.problem.code
  const { revived } = answer.value as Awaited<ReturnType<TestWorld['admin']['liftRevocation']>>
  const then: Model = { ...model, rules: before }
  const rules = before.filter(({ id }) => id !== target.id)
  const back = model.minted.filter(
    (one) =>
      now < one.expiresAt &&
      stateOf(then, one, now) !== 'active' &&
      stateOf({ ...model, rules }, one, now) === 'active',
  )
  expect(revived.credentials).toBe(back.length)
  model.rules = rules
  model.event++
  return 'lifted'
}

async function unblock({ world, model, draw }: Walk): Promise<string> {
  const rules = settled(model, world.clock.now())
  const target = rules[draw(Math.max(1, rules.length))]
  if (target === undefined) return 'nothing to unblock'
  await world.admin.unblockRevocation({ id: target.id })
  model.rules = rules.map((rule) =>
    rule === target && rule.blocks ? { ...rule, blocks: false, cut: model.event } : rule,
  )
  model.event++
  return 'unblocked'
}

async function disable({ world, model, draw }: Walk): Promise<string> {
  const id = CLIENTS[draw(3)] ?? 'a'
  if (model.disabled.has(id) || draw(2) === 0) {
    await world.admin.enableClient({ id })
    model.disabled.delete(id)
    return 'enabled'
  }
  const now = world.clock.now()
  const { revocationId } = await world.admin.disableClient({ id })
  model.rules = settled(model, now)
  model.disabled.add(id)
  const matches: Matches = ({ clientId }) => clientId === id
  const alive = model.minted.some(
    (one) => matches(one) && now < one.expiresAt && !isKept(model.rules, one, '', true),
  )
  expect(revocationId !== undefined).toBe(alive)
  if (revocationId !== undefined) {
    const plain = { blocks: false, suspends: false, endsAt: Infinity, final: true, asked: '' }
    model.rules.push({ id: revocationId, matches, cut: model.event++, ...plain })
  }
  return 'disabled'
}

async function rotate({ world }: Walk): Promise<string> {
  await world.admin.rotateKey({})
  return 'rotated'
}

async function wait({ world, draw }: Walk): Promise<string> {
  world.clock.advance(draw(120_000))
  return 'waited'
}

const STEPS = [issue, issue, issue, revoke, revoke, lift, unblock, disable, rotate, wait, wait]

async function compare({ world, model, draw }: Walk): Promise<void> {
  const now = world.clock.now()
  const { items } = await world.admin.listCredentials({ limit: 10_000 })
  const states = Object.fromEntries(items.map(({ id, state }) => [id, state]))
  const expected = Object.fromEntries(
    model.minted.map((one) => [realId(one), stateOf(model, one, now)]),
  )
  expect(states).toEqual(expected)
  const asked = model.minted.length === 0 ? [] : [model.minted[draw(model.minted.length)] as Minted]
  for (const one of asked) {
    const { verdict } = await world.admin.verifyToken({ token: one.token })
    const state = stateOf(model, one, now)
    expect(verdict).toBe({ active: 'accepted', suspended: 'revoked' }[state] ?? state)
  }
}

/** What must hold of the feed and of the keys, whatever was done. */
async function inspect({ world, model }: Walk): Promise<void> {
  const { entries, feed } = await world.store.read(async (tx) => ({
    entries: await tx.feedEntries(0, 100_000),
    feed: await tx.feed(),
  }))
  const { end, broken } = verifyChain({ position: ORIGIN, chain: new Uint8Array(32) }, entries)
  expect(broken).toBeUndefined()
  expect(end).toEqual({ position: feed.position, chain: feed.chain })
  expect(entries.map(({ position }) => position - ORIGIN)).toEqual(entries.map((_, i) => i + 1))
  const published = new Set((await jwks(world.deps)).keys.map(({ kid }) => kid))
  for (const { token, expiresAt } of model.minted) {
    if (expiresAt <= world.clock.now()) continue
    const [head = ''] = token.split('.')
    const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string }
    expect(published).toContain(kid)
  }
  const { items } = await world.admin.listKeys({ purpose: 'token', state: 'active' })
  expect(items).toHaveLength(1)
}

describe('a random walk', () => {
  const totals: Record<string, number> = {}

  it.for(Array.from({ length: 30 }, (_, seed) => seed + 1))(
    'agrees with the naive authority after every step (seed %i)',
    async (seed) => {
      const world = await createWorld({ seed })
      for (const id of CLIENTS) await world.admin.createClient({ id, scopes: SCOPES })
      const chance = seededEntropy(seed + 1000)
      const draw = (below: number): number => {
        const [high = 0, low = 0] = chance.bytes(2)
        return ((high << 8) | low) % below
      }
      const model: Model = { event: 0, minted: [], rules: [], disabled: new Set() }
      const walk: Walk = { world, model, draw }
      for (let i = 0; i < 60; i++) {
        const step = STEPS[draw(STEPS.length)] ?? wait
        const log = (await world.admin.listAudit({ limit: 10_000 })).items.length
        const name = await step(walk)
        totals[name] = (totals[name] ?? 0) + 1
        const grown = (await world.admin.listAudit({ limit: 10_000 })).items.length
        const least = name === 'waited' || name.startsWith('nothing to') ? 0 : 1
        expect(grown - log, `${name} is in the log`).toBeGreaterThanOrEqual(least)
        await compare(walk)
      }
      await inspect(walk)
      expect(world.faults).toEqual([])
    },
  )

  it('has been everywhere', () => {
    const everywhere = [
      'issued',
      'issuance-blocked',
      'client-disabled',
      'nothing-matched',
      'vain',
      'client',
      'scope',
      'both',
      'all',
      'tag',
      'tokens',
      'lifted',
      'revocation-final',
      'unblocked',
      'disabled',
      'enabled',
      'rotated',
    ]
    for (const name of everywhere) {
      expect(totals[name] ?? 0, name).toBeGreaterThan(3)
    }
  })
})
