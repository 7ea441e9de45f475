import { describe, expect, it } from 'vitest'
import { createOauthCore } from '#app/oauth/core.ts'
import { grantToken } from '#app/oauth/token.ts'
import { revoke, revokeForEvent } from '#app/revoke.ts'
import { readForm } from '#domain/oauth/form.ts'
import type { Selector } from '#domain/revocation/revocation.ts'
import { Problem } from '#kernel/problem.ts'
import type { Store, Writing } from '#store/port.ts'
import { opened } from './forge.ts'
import { createWorld, LOCAL, type TestWorld } from '../world.ts'

const context = { caller: LOCAL, requestId: 'req_1' }

/**
 * A store that, at READ COMMITTED as on PostgreSQL, lets another transaction commit a revocation
 * between two statements of the transaction that renews: just before its statement number `at`.
 */
function racing(world: TestWorld, at: number, log: string[], selector: Selector): Store {
  let over = false
  const wrap = (tx: Writing): Writing => {
    let statements = 0
    return new Proxy(tx, {
      get(target, name, receiver) {
        const found = Reflect.get(target, name, receiver) as (
          ...args: unknown[]
        ) => Promise<unknown>
        return async (...args: unknown[]) => {
          if (statements++ === at && !over) {
            over = true
            log.push('REVOKED')
            await revokeForEvent(world.deps, context, target, selector)
          }
          log.push(String(name))
          return found.apply(target, args)
        }
      },
    })
  }
  return { ...world.store, write: (work) => world.store.write((tx) => work(wrap(tx))) }
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

/** The renewed token, or `undefined` where it was refused. */
async function renew(deps: TestWorld['deps'], token: string): Promise<string | undefined> {
  const fields = { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN }
  const form = readForm(new URLSearchParams(fields).toString())
  if (typeof form === 'string') throw new Error(form)
  const core = createOauthCore(deps, { endOfTick: async () => undefined, clientLimit: () => 0 })
  const presented = { kind: 'none' } as const
  const origin = { transport: 'http' } as const
  try {
    return (await grantToken(core, { form, presented, origin, requestId: 'req_2' })).token
  } catch (thrown) {
    if (thrown instanceof Problem && thrown.code === 'subject-refused') return undefined
    throw thrown
  }
}

async function stage() {
  const world = await createWorld()
  await world.admin.createClient({ id: 'job', scopes: ['read'], audiences: ['https://api'] })
  const { items } = await world.admin.issueTokens({ clientId: 'job', subject: 'run' })
  const [issued] = items
  const verdictOf = async (token: string): Promise<string> =>
    (await world.admin.verifyToken({ token })).verdict
  return { world, token: issued?.token ?? '', id: issued?.credential.id ?? '', verdictOf }
}

const ways: readonly (readonly [string, (id: string) => Selector])[] = [
  ['client', () => ({ clients: ['job'] })],
  ['session', (id) => ({ sessions: [id] })],
  ['subject', () => ({ subjects: ['run'] })],
  ['scope', () => ({ scopes: ['read'] })],
  ['audience', () => ({ audiences: ['https://api'] })],
  ['all', () => ({ all: true })],
]

describe('a revocation between two statements of a renewal', () => {
  it.for(ways)('by %s leaves no token that lives', async ([, selectorOf]) => {
    const seen = new Set<string>()
    for (let at = 0; at < 60; at++) {
      const { world, token, id, verdictOf } = await stage()
      const log: string[] = []
      const deps = { ...world.deps, store: racing(world, at, log, selectorOf(id)) }
      const renewed = await renew(deps, token)
      if (!log.includes('REVOKED')) break
      const came = renewed === undefined ? 'refused' : await verdictOf(renewed)
      seen.add(came)
      expect([log[log.indexOf('REVOKED') + 1], came]).not.toContain('accepted')
      // Nor does anything derive from it later.
      if (renewed !== undefined) expect(await renew(world.deps, renewed)).toBeUndefined()
    }
    expect([...seen].sort()).toEqual(['refused', 'revoked'])
  })

  it('that was over before keeps no writer waiting', async () => {
    const { world, token, id } = await stage()
    await revoke(world.deps, context, { selector: { tokens: [id] }, reason: 'testing' } as never)
    const closed: Store = {
      ...world.store,
      write: () => Promise.reject(new Error('a writer was kept waiting')),
    }
    expect(await renew({ ...world.deps, store: closed }, token)).toBeUndefined()
  })

  it('by an exact list, between the look at the token and the transaction, refuses it', async () => {
    const { world, token, id } = await stage()
    const between: Store = {
      ...world.store,
      async write(work) {
        await world.store.write((tx) => revokeForEvent(world.deps, context, tx, { tokens: [id] }))
        return world.store.write(work)
      },
    }
    expect(await renew({ ...world.deps, store: between }, token)).toBeUndefined()
    expect((await world.admin.listCredentials({})).items).toHaveLength(1)
  })

  it('by an exact list, which no mint is in flight beside, finds what was renewed before', async () => {
    // The list is drawn up, then somebody renews, then it is published with what came meanwhile.
    const { world, token, id, verdictOf } = await stage()
    const renewed: string[] = []
    const between: Store = {
      ...world.store,
      async write(work) {
        if (renewed.length < 2) {
          renewed.push('')
          const child = (await renew(world.deps, token)) ?? ''
          renewed[renewed.length - 1] = child
          renewed.push((await renew(world.deps, child)) ?? '')
        }
        return world.store.write(work)
      },
    }
    await revoke({ ...world.deps, store: between }, context, {
      selector: { tokens: [id] },
      reason: 'other',
    })
    expect(renewed).toHaveLength(2)
    for (const one of [token, ...renewed]) {
      expect(await verdictOf(one)).toBe('revoked')
      expect(await renew(world.deps, one)).toBeUndefined()
    }
    const [first] = (await world.admin.listRevocations({})).items
    expect(first?.matched.credentials).toBe(3)
    expect(opened(renewed[1] ?? '').claims).toMatchObject({ sid: id })
  })
})
