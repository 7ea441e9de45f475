import { describe, expect, it } from 'vitest'
import { issueTokens } from '#app/issue.ts'
import { revokeForEvent } from '#app/revoke.ts'
import type { Store, Writing } from '#store/port.ts'
import { createWorld, LOCAL, type TestWorld } from '../world.ts'

const context = { caller: LOCAL, requestId: 'req_1' }
/** What authorises a mint: read before a revocation, none of it may outlive that revocation. */
const AUTHORISING = ['findClient', 'revocationCandidates', 'sealedKey']

/**
 * A store that, at READ COMMITTED as on PostgreSQL, lets another transaction commit a revocation
 * between two statements of a mint: just before its statement number `at`.
 */
function racing(world: TestWorld, at: number, log: string[]): Store {
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
            await revokeForEvent(world.deps, context, target, { clients: ['a'] })
          }
          log.push(String(name))
          return found.apply(target, args)
        }
      },
    })
  }
  return { ...world.store, write: (work) => world.store.write((tx) => work(wrap(tx))) }
}

async function mintAround(at: number) {
  const world = await createWorld()
  await world.admin.createClient({ id: 'a', scopes: ['read'] })
  // So that there is something to revoke at any time.
  await world.admin.issueTokens({ clientId: 'a' })
  const log: string[] = []
  const deps = { ...world.deps, store: racing(world, at, log) }
  const request = { clientId: 'a', tags: {}, count: 1, scopes: ['read'] }
  const [issued] = await issueTokens(deps, context, request as never)
  const { verdict } = await world.admin.verifyToken({ token: issued?.token ?? '' })
  return { log, verdict }
}

describe('a revocation between two statements of a mint', () => {
  it('hits the token, unless all that authorised it was read afterwards', async () => {
    const seen = new Set<string>()
    for (let at = 0; at < 40; at++) {
      const { log, verdict } = await mintAround(at)
      const revokedAt = log.indexOf('REVOKED')
      if (revokedAt < 0) break
      const before = log.slice(0, revokedAt)
      const inserted = log.indexOf('insertCredentials')
      const authorised = before.filter((name) => AUTHORISING.includes(name))
      const mustBeHit = 0 < authorised.length && revokedAt < inserted
      seen.add(mustBeHit ? 'hit' : verdict)
      const escaped = mustBeHit && verdict !== 'revoked'
      expect([log[revokedAt + 1], authorised, escaped]).toEqual([
        log[revokedAt + 1],
        authorised,
        false,
      ])
    }
    expect([...seen].sort()).toEqual(['accepted', 'hit', 'revoked'])
  })
})
