import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatInstant, instant } from '#kernel/instant.ts'
import { altered, opened, resigned } from '../../app/forge.ts'
import { basic, oauthWorld, type OauthWorld } from './world.ts'

/** Tokens of a client with a secret, whose holders know nothing of that. */
async function stage() {
  const world = await oauthWorld()
  const secret = await world.withSecret('a')
  return {
    world,
    secret,
    token: await world.tokenOf('a', secret),
    giveBack: (token: string, more = {}) => world.post('selfRevocation', { token, ...more }),
  }
}
const idOf = (token: string): string => String(opened(token).claims['jti'])
const verdictOf = async ({ admin }: OauthWorld, token: string) =>
  (await admin.verifyToken({ token })).verdict
const done = (result: string, token?: string) => ({
  status: 200,
  headers: {},
  body: { result, ...(token === undefined ? {} : { credential_id: idOf(token) }) },
})

describe('giving back a token that one holds', () => {
  it('kills that one, of whatever client, and no other; on record as the holder’s deed', async () => {
    const { world, secret, token, giveBack } = await stage()
    const other = await world.tokenOf('a', secret)
    expect(await giveBack(token)).toEqual(done('revoked', token))
    expect(await verdictOf(world, token)).toBe('revoked')
    expect(await verdictOf(world, other)).toBe('accepted')
    const { items } = await world.admin.listRevocations({})
    expect(items).toEqual([expect.objectContaining({ reason: 'sign-out', final: true })])
    expect(await world.audit('credential.revoke')).toEqual([
      expect.objectContaining({
        actor: `credential:${idOf(token)}`,
        target: `credential:${idOf(token)}`,
        outcome: 'ok',
      }),
    ])
  })

  it('tells apart what was revoked before, and publishes nothing more', async () => {
    const { world, token, giveBack } = await stage()
    await giveBack(token)
    expect(await giveBack(token)).toEqual(done('already-revoked', token))
    expect((await world.admin.listRevocations({})).items).toHaveLength(1)
  })

  it('ends at once what is revoked with a grace period', async () => {
    const { world, token, giveBack } = await stage()
    const selector = { tokens: [idOf(token)] }
    await world.admin.revoke({ selector, reason: 'superseded', graceSeconds: 30 })
    expect(await verdictOf(world, token)).toBe('accepted')
    expect(await giveBack(token)).toEqual(done('revoked', token))
    expect(await verdictOf(world, token)).toBe('revoked')
  })

  it('ends for good what is suspended, so that it does not live again', async () => {
    const { world, token, giveBack } = await stage()
    const expiresAt = formatInstant(instant(world.clock.now() + 60_000))
    const selector = { tokens: [idOf(token)] }
    await world.admin.revoke({ selector, reason: 'testing', expiresAt, block: false })
    expect(await giveBack(token)).toEqual(done('revoked', token))
    expect(await giveBack(token)).toEqual(done('already-revoked', token))
    world.clock.advance(61_000)
    expect(await verdictOf(world, token)).toBe('revoked')
  })

  it('stays dead when what revoked it before is lifted', async () => {
    const { world, token, giveBack } = await stage()
    const selector = { tokens: [idOf(token)] }
    const { revocation } = await world.admin.revoke({ selector, reason: 'testing' })
    expect(await giveBack(token)).toEqual(done('already-revoked', token))
    await world.admin.liftRevocation({ id: revocation?.id ?? '' })
    expect(await verdictOf(world, token)).toBe('revoked')
    expect(await giveBack(token)).toEqual(done('already-revoked', token))
    expect((await world.admin.listRevocations({})).items).toHaveLength(2)
  })

  it('is done with what has expired', async () => {
    const { world, token, giveBack } = await stage()
    world.clock.advance(3_600_000)
    expect(await giveBack(token)).toEqual(done('expired', token))
    expect((await world.admin.listRevocations({})).items).toEqual([])
  })

  it.for([
    ['nothing of ours', () => 'x'],
    ['a forged one', (token: string) => altered(token, { claims: { jti: 'cred_other' } })],
    ['half of one', (token: string) => token.slice(0, -4)],
  ] as const)('knows nothing of %s, and says no more', async ([, change]) => {
    const { world, token, giveBack } = await stage()
    expect(await giveBack(change(token))).toEqual(done('unknown'))
    expect(await verdictOf(world, token)).toBe('accepted')
    expect((await world.admin.listRevocations({})).items).toEqual([])
  })

  it('knows nothing of one that its own key has signed and that it never issued', async () => {
    const { world, token, giveBack } = await stage()
    for (const claims of [{ feed_seq: 2 ** 40 }, { jti: undefined }, { exp: 4_000_000_000 }]) {
      expect(await giveBack(await resigned(world, token, { claims }))).toEqual(done('unknown'))
    }
    expect(await verdictOf(world, token)).toBe('accepted')
  })

  it('takes no other word than the token’s own', async () => {
    const { world, token, secret } = await stage()
    const headers = basic('a', secret)
    const proved = await world.post('selfRevocation', { token }, { headers })
    expect(proved).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    const none = await world.post('selfRevocation', {})
    expect(none).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
    expect(await verdictOf(world, token)).toBe('accepted')
  })

  it('holds callers to the limits of their address', async () => {
    const { world, token, giveBack } = await stage()
    const { burst } = world.deps.policy.limits.oauth.perAddress
    let last = await giveBack('x')
    for (let asked = 0; asked < burst && last.status === 200; asked += 1) last = await giveBack('x')
    expect(last).toMatchObject({ status: 429, body: { error: 'slow_down' } })
    expect(await verdictOf(world, token)).toBe('accepted')
  })

  it('never kills a token but the one that is shown, whatever is sent', async () => {
    const { world, secret, giveBack } = await stage()
    const tokens: string[] = []
    for (let made = 0; made < 5; made += 1) tokens.push(await world.tokenOf('a', secret))
    const dead = new Set<string>()
    const shown = fc.record({
      token: fc.constantFrom(...tokens),
      damage: fc.constantFrom('none', 'claims', 'cut', 'space'),
    })
    const asked = fc.array(shown, { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(asked, async (steps) => {
        for (const { token, damage } of steps) {
          const sent = {
            none: token,
            // What a client may leave around it says nothing else.
            space: ` ${token}\n`,
            claims: altered(token, { claims: { jti: 'cred_other' } }),
            cut: token.slice(0, -1),
          }[damage as 'none']
          const isWhole = damage === 'none' || damage === 'space'
          const expected = !isWhole ? 'unknown' : dead.has(token) ? 'already-revoked' : 'revoked'
          expect((await giveBack(sent)).body.result).toBe(expected)
          if (isWhole) dead.add(token)
        }
        for (const token of tokens) {
          expect(await verdictOf(world, token)).toBe(dead.has(token) ? 'revoked' : 'accepted')
        }
      }),
      { numRuns: 20 },
    )
  })
})
