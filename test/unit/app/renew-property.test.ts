import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOauthCore } from '#app/oauth/core.ts'
import { grantToken } from '#app/oauth/token.ts'
import { readForm } from '#domain/oauth/form.ts'
import { Problem } from '#kernel/problem.ts'
import { opened } from './forge.ts'
import { createWorld, type TestWorld } from '../world.ts'

/**
 * What tokens and revocations are, once more and as plainly as can be: steps for positions, lists of
 * everything, and no code of what it judges. All happens one after the other, so a step is an order.
 */
interface Token {
  readonly text: string
  readonly id: string
  readonly client: string
  readonly subject: string
  readonly scopes: readonly string[]
  readonly key: string
  readonly step: number
  readonly expiresAt: number
  readonly parent?: Token
}

interface Rule {
  readonly id: string
  readonly dimension: Dimension
  readonly value: string
  readonly spared: Token | undefined
  readonly reach: 'sessions' | 'tokens'
  readonly step: number
  readonly graceEndsAt: number
  /** Of an exact list: all that it was at its step. */
  readonly listed: ReadonlySet<Token>
  blocksUntilStep: number | undefined
  isLifted: boolean
}

const dimensions = ['tokens', 'sessions', 'clients', 'subjects', 'scopes', 'keys'] as const
type Dimension = (typeof dimensions)[number]

const rootOf = (token: Token): Token => (token.parent === undefined ? token : rootOf(token.parent))
const lineOf = (token: Token): Token[] =>
  token.parent === undefined ? [token] : [token, ...lineOf(token.parent)]

function hits(rule: Rule, token: Token): boolean {
  if (rule.isLifted) return false
  if (rule.spared !== undefined && rootOf(rule.spared) === rootOf(token)) return false
  if (rule.listed.has(token)) return true
  if (rule.dimension === 'tokens') return false
  // A key takes along whatever derives from what it has signed, up to that moment and after it.
  if (rule.dimension === 'keys') return lineOf(token).some(({ key }) => key === rule.value)
  const cut = rule.blocksUntilStep ?? rule.step
  const minted = rule.reach === 'sessions' ? rootOf(token).step : token.step
  return minted < cut && matches(rule, token)
}

function matches({ dimension, value }: Rule, token: Token): boolean {
  if (dimension === 'sessions') return rootOf(token).id === value
  if (dimension === 'clients') return token.client === value
  if (dimension === 'subjects') return token.subject === value
  return dimension === 'scopes' && token.scopes.includes(value)
}

function stateOf(rules: readonly Rule[], token: Token, now: number): string {
  const hitting = rules.filter((rule) => hits(rule, token))
  if (hitting.some(({ graceEndsAt }) => graceEndsAt <= now)) return 'revoked'
  if (token.expiresAt <= now) return 'expired'
  return hitting.length === 0 ? 'accepted' : 'grace'
}

const nat = fc.nat(1000)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('issue' as const), who: nat }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('renew' as const), which: nat, narrow: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('revoke' as const),
      dimension: fc.constantFrom(...dimensions),
      which: nat,
      spare: fc.option(nat, { freq: 4 }),
      reach: fc.constantFrom('sessions' as const, 'sessions' as const, 'tokens' as const),
      grace: fc.boolean(),
      block: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lift' as const), which: nat }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unblock' as const), which: nat }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rotate' as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(400) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

class Play {
  readonly tokens: Token[] = []
  readonly rules: Rule[] = []
  readonly #world: TestWorld
  readonly #seen: Set<string>
  #step = 0

  constructor(world: TestWorld, seen: Set<string>) {
    this.#world = world
    this.#seen = seen
  }

  async take(one: Step): Promise<void> {
    this.#step += 1
    if (one.do === 'wait') return this.#world.clock.advance(one.seconds * 1000)
    if (one.do === 'rotate') return void (await this.#world.admin.rotateKey({}))
    if (one.do === 'issue') return this.#issue(one.who)
    if (one.do === 'renew') return this.#renew(one)
    if (one.do === 'revoke') return this.#revoke(one)
    const rule = this.rules[one.which % Math.max(1, this.rules.length)]
    if (rule === undefined) return
    const { admin } = this.#world
    const ended = one.do === 'lift' ? admin.liftRevocation : admin.unblockRevocation
    try {
      await ended({ id: rule.id })
    } catch (thrown) {
      if (thrown instanceof Problem) return
      throw thrown
    }
    if (one.do === 'lift') rule.isLifted = true
    // To unblock what does not block, or no longer does, changes nothing.
    else if (rule.blocksUntilStep === Infinity) rule.blocksUntilStep = this.#step
  }

  #add(text: string, parent?: Token): void {
    const { header, claims } = opened(text)
    const { jti, client_id: client, sub, scope, exp } = claims
    this.tokens.push({
      text,
      id: String(jti),
      client: String(client),
      subject: String(sub),
      scopes: String(scope).split(' '),
      key: String(header['kid']),
      step: this.#step,
      expiresAt: Number(exp) * 1000,
      ...(parent === undefined ? {} : { parent }),
    })
  }

  async #issue(who: number): Promise<void> {
    const clientId = who % 2 === 0 ? 'a' : 'b'
    const subject = who % 3 === 0 ? 'ann' : 'bob'
    try {
      const { items } = await this.#world.admin.issueTokens({ clientId, subject })
      this.#add(items[0]?.token ?? '')
    } catch (thrown) {
      if (!(thrown instanceof Problem && thrown.code === 'issuance-blocked')) throw thrown
    }
  }

  async #renew({ which, narrow }: Step & { readonly do: 'renew' }): Promise<void> {
    const parent = this.tokens[which % Math.max(1, this.tokens.length)]
    if (parent === undefined) return
    const asked = narrow ? { scope: parent.scopes[0] ?? '' } : {}
    const renewed = await renew(this.#world, parent.text, asked)
    const state = stateOf(this.rules, parent, this.#world.clock.now())
    this.#seen.add(`renew ${state} ${typeof renewed}`)
    if (renewed === undefined) {
      // Nothing is refused for nothing.
      const scopes = narrow ? parent.scopes.slice(0, 1) : parent.scopes
      const isBlocked = this.rules.some((rule) => blocks(rule, { ...parent, scopes }))
      expect(state !== 'accepted' || isBlocked).toBe(true)
      return
    }
    expect(state).toBe('accepted')
    this.#add(renewed, parent)
  }

  async #revoke(one: Step & { readonly do: 'revoke' }): Promise<void> {
    const token = this.tokens[one.which % Math.max(1, this.tokens.length)]
    if (token === undefined) return
    const { dimension } = one
    const value = valueOf(dimension, token)
    const isKey = dimension === 'keys'
    const spared =
      one.spare === null || isKey ? undefined : this.tokens[one.spare % this.tokens.length]
    const canBlock = !isKey && dimension !== 'tokens' && !one.grace && one.block
    const now = this.#world.clock.now()
    try {
      const { revocation } = await this.#world.admin.revoke({
        selector: { [dimension]: [value] },
        ...(spared === undefined ? {} : { exceptions: { tokens: [spared.id] } }),
        reason: 'other',
        block: canBlock,
        ...(isKey ? {} : { reach: one.reach }),
        ...(one.grace && !isKey ? { graceSeconds: 30 } : {}),
      })
      if (revocation === undefined || this.rules.some(({ id }) => id === revocation.id)) return
      this.rules.push({
        id: revocation.id,
        dimension,
        value,
        spared,
        reach: isKey ? 'sessions' : one.reach,
        step: this.#step,
        graceEndsAt: one.grace && !isKey ? now + 30_000 : -Infinity,
        listed: new Set(
          dimension === 'tokens'
            ? this.tokens.filter((it) => lineOf(it).some(({ id }) => id === value))
            : [],
        ),
        blocksUntilStep: canBlock ? Infinity : undefined,
        isLifted: false,
      })
    } catch (thrown) {
      if (!(thrown instanceof Problem && thrown.code === 'nothing-matched')) throw thrown
    }
  }

  /** Every token there ever was stands as the oracle says, at the authority and in its lists. */
  async check(): Promise<void> {
    const now = this.#world.clock.now()
    for (const token of this.tokens) {
      const expected = stateOf(this.rules, token, now)
      const { verdict, graceSeconds } = await this.#world.admin.verifyToken({ token: token.text })
      const said = graceSeconds === undefined ? verdict : 'grace'
      // A list leaves out what had expired before; then it is dead by its time instead.
      const isSame = said === expected || (expected === 'revoked' && said === 'expired')
      expect(isSame, `${token.id} is ${said}, and ${expected} is true`).toBe(true)
      if (token.parent !== undefined) this.#seen.add(`derived ${said}`)
    }
  }
}

const blocks = (rule: Rule, token: Token): boolean =>
  rule.blocksUntilStep === Infinity &&
  !rule.isLifted &&
  !(rule.spared !== undefined && rootOf(rule.spared) === rootOf(token)) &&
  matches(rule, token)

function valueOf(dimension: Dimension, token: Token): string {
  if (dimension === 'tokens') return token.id
  if (dimension === 'sessions') return rootOf(token).id
  if (dimension === 'clients') return token.client
  if (dimension === 'subjects') return token.subject
  return dimension === 'scopes' ? (token.scopes[0] ?? '') : token.key
}

async function renew(
  { deps }: TestWorld,
  token: string,
  more: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const form = readForm(
    new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      ...more,
    }).toString(),
  )
  if (typeof form === 'string') throw new Error(form)
  const core = createOauthCore(deps, { endOfTick: async () => undefined, clientLimit: () => 0 })
  const asked = { form, origin: { transport: 'http' }, requestId: 'req_1' } as const
  try {
    return (await grantToken(core, { ...asked, presented: { kind: 'none' } })).token
  } catch (thrown) {
    if (!(thrown instanceof Problem)) throw thrown
    expect(['subject-refused', 'issuance-blocked']).toContain(thrown.code)
    return undefined
  }
}

describe('what was renewed', { timeout: 120_000 }, () => {
  it('lives exactly as long as nothing kills it, its session or what it derives from', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async (steps) => {
        const world = await createWorld()
        await world.admin.createClient({ id: 'a', scopes: ['read', 'write'] })
        await world.admin.createClient({ id: 'b', scopes: ['read'] })
        const play = new Play(world, seen)
        await play.take({ do: 'issue', who: 0 })
        for (const one of steps) {
          await play.take(one)
          await play.check()
        }
        expect(world.faults).toEqual([])
        await world.store.close()
      }),
      { numRuns: 80 },
    )
    // What never happened has proved nothing.
    for (const sometimes of [
      'renew accepted string',
      'renew revoked undefined',
      'renew grace undefined',
      'renew expired undefined',
      'derived accepted',
      'derived revoked',
      'derived grace',
      'derived expired',
    ]) {
      expect([...seen]).toContain(sometimes)
    }
  })
})
