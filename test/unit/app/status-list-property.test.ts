import fc from 'fast-check'
import { expect, it } from 'vitest'
import { takePlaces } from '#app/status-places.ts'
import { mintingTime } from '#app/feed.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { revocableOf, rulesOf } from '#domain/revocation/rule.ts'
import { verdict } from '#domain/revocation/verdict.ts'
import { fromSeconds } from '#kernel/instant.ts'
import { type ListWorld, listWorld, policyOf } from './status-list-world.ts'

type Step =
  | {
      readonly kind: 'issue'
      readonly client: number
      readonly ttlSeconds: number
      readonly count: number
    }
  | { readonly kind: 'derive'; readonly of: number }
  | {
      readonly kind: 'revoke'
      readonly by: string
      readonly which: number
      readonly graceSeconds: number
      readonly reach: 'sessions' | 'tokens'
      readonly block: boolean
      readonly suspendSeconds: number
    }
  | { readonly kind: 'lift' | 'unblock'; readonly which: number }
  | { readonly kind: 'wait'; readonly milliseconds: number }
  | { readonly kind: 'look' }

const BY = ['tokens', 'clients', 'subjects', 'sessions', 'scopes', 'tags', 'all', 'audiences']
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('issue' as const),
    client: fc.nat(1),
    ttlSeconds: fc.constantFrom(30, 600, 3600),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constant('derive' as const), of: fc.nat(20) }),
  fc.record({
    kind: fc.constant('revoke' as const),
    by: fc.constantFrom(...BY),
    which: fc.nat(20),
    graceSeconds: fc.constantFrom(0, 0, 1, 30),
    reach: fc.constantFrom('sessions' as const, 'tokens' as const),
    block: fc.boolean(),
    suspendSeconds: fc.constantFrom(0, 0, 20),
  }),
  fc.record({ kind: fc.constantFrom('lift' as const, 'unblock' as const), which: fc.nat(5) }),
  fc.record({
    kind: fc.constant('wait' as const),
    milliseconds: fc.constantFrom(1, 999, 1000, 20_500, 700_000),
  }),
  fc.record({ kind: fc.constant('look' as const) }),
)

const CLIENTS = ['a', 'b']
const AUDIENCE = 'https://api.example'

interface Play extends ListWorld {
  readonly tokens: Credential[]
  readonly revocations: string[]
  readonly seen: Set<number>
}

/** What is refused (nothing matched, a block) changes nothing, and is no matter here. */
const tried = async <T>(work: Promise<T>): Promise<T | undefined> => work.catch(() => undefined)

async function revoke(play: Play, step: Extract<Step, { kind: 'revoke' }>): Promise<void> {
  const { admin, clock } = play.world
  const token = play.tokens[step.which % Math.max(1, play.tokens.length)]
  if (token === undefined) return
  const values: Record<string, object> = {
    tokens: { tokens: [token.id] },
    clients: { clients: [token.clientId] },
    subjects: { subjects: [token.subject] },
    sessions: { sessions: [token.sessionId] },
    scopes: { scopes: [step.which % 2 === 0 ? 'read' : 'w*'] },
    tags: { tags: { odd: String(step.which % 2) } },
    all: { all: true },
    audiences: { audiences: [AUDIENCE] },
  }
  const until = new Date(clock.now() + step.suspendSeconds * 1000).toISOString()
  const { reach, graceSeconds, block } = step
  const answer = await tried(
    admin.revoke({
      selector: values[step.by] ?? {},
      reason: 'testing',
      reach,
      graceSeconds,
      block: block && graceSeconds === 0 && step.by !== 'tokens' && step.by !== 'tags',
      ...(step.suspendSeconds === 0 ? {} : { expiresAt: until }),
    }),
  )
  if (answer?.revocation !== undefined) play.revocations.push(answer.revocation.id)
}

/** A token that derives from another, as a renewal makes it: of the same sign-in. */
async function derive(play: Play, of: number): Promise<void> {
  const { deps, store } = play.world
  const parent = play.tokens[of % Math.max(1, play.tokens.length)]
  if (parent === undefined) return
  const shown = await play.world.admin.showCredential({ id: parent.id })
  const rules = await store.read(async (tx) => rulesOf(await tx.unliftedRevocations()))
  const at = play.world.clock.now()
  // Nothing derives from what is revoked, or in its grace.
  if (shown.state !== 'active' || verdict(revocableOf(parent), rules, at).kind !== 'clear') return
  const child = await store.write(async (tx) => {
    const { at: now, position } = await mintingTime(deps, tx)
    const issuedAt = fromSeconds(Math.floor(now / 1000))
    const expiresAt = fromSeconds(Math.floor(now / 1000) + 600)
    const [status] = await takePlaces(deps, tx, 1, expiresAt)
    const made = {
      ...parent,
      id: `${parent.id}${play.tokens.length}z`,
      parentId: parent.id,
      issuedAt,
      expiresAt,
    }
    const credential = { ...made, feedSeq: position, ...(status === undefined ? {} : { status }) }
    await tx.insertCredentials([credential])
    return credential
  })
  play.tokens.push(child)
}

/** Every place of every list, held against the scan over all that was ever published. */
async function look(play: Play): Promise<void> {
  const { world, tokens, lists, listOf } = play
  // Past the pause in which an edition may be shown once more.
  world.clock.advance(1000)
  const places = new Set(tokens.map(({ status }) => `${status?.list} ${status?.index}`))
  expect(places.size).toBe(tokens.length)
  for (const token of tokens) {
    const { claims, at } = await listOf(token)
    const decidedAt = fromSeconds(claims.iat + 1)
    const unlifted = await world.store.read(async (tx) => rulesOf(await tx.unliftedRevocations()))
    const found = verdict(revocableOf(token), unlifted, decidedAt)
    const expected = found.kind === 'revoked' ? (found.by.suspends ? 2 : 1) : 0
    const said = at(token.status?.index ?? Number.NaN)
    play.seen.add(said)
    const secondsOver = claims.iat + 1 - token.expiresAt / 1000
    // What an expired one says for a while is what was last known of it; nobody is held to that.
    if (secondsOver <= 0) expect([token.id, said]).toEqual([token.id, expected])
    else if (said !== 0) expect([said, secondsOver < 300]).toEqual([expected, true])
    if (found.kind === 'grace') expect(claims.exp * 1000).toBeLessThanOrEqual(found.endsAt)
    expect(claims.iat).toBeLessThan(claims.exp)
    expect(claims.exp - claims.iat).toBeLessThanOrEqual(60)
  }
  for (const uri of await lists.uris()) {
    const id = uri.slice(uri.lastIndexOf('/') + 1)
    expect((await lists.issue(id)).text).toBe((await lists.issue(id)).text)
  }
}

async function take(play: Play, step: Step): Promise<void> {
  const { admin, clock } = play.world
  if (step.kind === 'issue') {
    const { ttlSeconds, count } = step
    const clientId = CLIENTS[step.client] ?? ''
    const scopes = [count % 2 === 0 ? 'read' : 'write']
    const tags = { odd: String(ttlSeconds % 4 === 0 ? 0 : 1) }
    const subject = `s${count}`
    const order = { clientId, ttlSeconds, count, scopes, tags, subject }
    const answer = await tried(admin.issueTokens(order))
    for (const { credential } of answer?.items ?? []) {
      play.tokens.push(await play.find(credential.id))
    }
  }
  if (step.kind === 'derive') await derive(play, step.of)
  if (step.kind === 'revoke') await revoke(play, step)
  const id = 'which' in step ? (play.revocations[step.which] ?? '') : ''
  if (step.kind === 'lift') await tried(admin.liftRevocation({ id }))
  if (step.kind === 'unblock') await tried(admin.unblockRevocation({ id }))
  if (step.kind === 'wait') clock.advance(step.milliseconds)
  if (step.kind === 'look') await look(play)
}

it('every place says what the verdict says, in any world', async () => {
  const seen = new Set<number>()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
      const world = await listWorld(policyOf({ size: 8 }))
      await world.world.admin.createClient({
        id: 'b',
        scopes: ['read', 'write'],
        audiences: [AUDIENCE],
      })
      const play: Play = { ...world, tokens: [], revocations: [], seen }
      for (const one of steps) await take(play, one)
      await look(play)
      await world.world.store.close()
    }),
    { numRuns: 40 },
  )
  // A run in which one of them was never said has shown nothing of it.
  expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2])
}, 60_000)
