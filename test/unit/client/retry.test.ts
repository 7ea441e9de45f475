import { describe, expect, it } from 'vitest'
import { connect } from '#client/connect.ts'
import { RETRY_COUNT_MAX, type Retry, retrying } from '#client/retry.ts'
import { adminApi } from '#contract/admin-api.ts'
import type { Transport, WireCall } from '#contract/transport.ts'
import { Problem, type ProblemCode, problemDocument, problems } from '#kernel/problem.ts'
import { createWorld, LOCAL, refusalOf, seededEntropy, testClock } from '../world.ts'
import { embeddedTransport } from '#boot/authority.ts'

const codes = Object.keys(problems) as ProblemCode[]
const mayRetry = (code: ProblemCode): boolean => 'retry' in problems[code]

/** A clock that stands still but for the pauses that are taken, and what they were. */
function pausing(chance?: number): { retry: Retry; pauses: number[] } {
  const clock = testClock()
  const pauses: number[] = []
  return {
    pauses,
    retry: {
      clock: {
        async sleep(durationMs) {
          pauses.push(durationMs)
          await clock.sleep(durationMs)
        },
      },
      entropy: chance === undefined ? seededEntropy() : { bytes: () => Uint8Array.of(chance) },
    },
  }
}

/** Fails so many times, and then succeeds. */
function failing(
  times: number,
  thrown: unknown,
): { send: () => Promise<string>; sent: () => number } {
  let sent = 0
  return {
    sent: () => sent,
    async send() {
      sent += 1
      if (sent <= times) throw thrown
      return 'done'
    },
  }
}

describe('sending again', () => {
  it.for(codes.filter(mayRetry))('is for %s', async (code) => {
    const { retry, pauses } = pausing()
    const { send, sent } = failing(1, new Problem(code, 'no'))
    expect(await retrying(retry, send)).toBe('done')
    expect([sent(), pauses.length]).toEqual([2, 1])
  })

  it.for(codes.filter((code) => !mayRetry(code)))('is not for %s', async (code) => {
    const { retry, pauses } = pausing()
    const problem = new Problem(code, 'no')
    const { send, sent } = failing(1, problem)
    expect(await refusalOf(retrying(retry, send))).toBe(problem)
    expect([sent(), pauses.length]).toEqual([1, 0])
  })

  it('is for what is busy, full, stopping, behind or out of reach, and nothing else', () => {
    expect(codes.filter(mayRetry)).toEqual([
      'store-full',
      'store-busy',
      'authority-unreachable',
      'authority-busy',
      'authority-stopping',
      'clock-behind',
      'runner-unreachable',
      'issuer-unreachable',
    ])
    for (const code of codes.filter(mayRetry)) expect(problems[code].exit).toBe(75)
  })

  it.for([new Error('a fault'), new TypeError('a fault'), 'a text', undefined])(
    'not for %s, which nobody foresaw',
    async (thrown) => {
      const { retry, pauses } = pausing()
      const { send, sent } = failing(1, thrown)
      await expect(retrying(retry, send)).rejects.toBe(thrown)
      expect([sent(), pauses]).toEqual([1, []])
    },
  )

  it('ends after so many times, with what was thrown last', async () => {
    const { retry, pauses } = pausing()
    const problem = new Problem('store-busy', 'no')
    const { send, sent } = failing(Infinity, problem)
    expect(await refusalOf(retrying(retry, send))).toBe(problem)
    expect(sent()).toBe(1 + RETRY_COUNT_MAX)
    expect(pauses).toHaveLength(RETRY_COUNT_MAX)
  })

  it('ends where what comes next may not be sent again', async () => {
    const { retry, pauses } = pausing()
    const thrown: ProblemCode[] = ['store-busy', 'client-unknown', 'store-busy']
    const send = async () => {
      throw new Problem(thrown.shift() ?? 'internal', 'no')
    }
    expect((await refusalOf(retrying(retry, send))).code).toBe('client-unknown')
    expect(pauses).toHaveLength(1)
  })

  it('waits twice as long each time, give or take a half that is chance', async () => {
    const all: number[][] = []
    for (let chance = 0; chance < 256; chance++) {
      const { retry, pauses } = pausing(chance)
      await retrying(retry, failing(RETRY_COUNT_MAX, new Problem('store-busy', 'no')).send)
      all.push(pauses)
      expect(pauses.toSorted((a, b) => a - b)).toEqual(pauses)
      for (const [tries, pause] of pauses.entries()) {
        expect(50 * 2 ** tries).toBeLessThanOrEqual(pause)
        expect(pause).toBeLessThan(100 * 2 ** tries)
      }
    }
    expect(all[0]).toEqual([50, 100, 200])
    // Whoever failed together comes back apart: every chance gives another moment.
    expect(new Set(all.map(([first]) => first)).size).toBe(256)
  })
})

describe('a call that is sent again', () => {
  /** Loses requests or answers on the way to the real authority. */
  async function lossy(losses: readonly ('request' | 'answer')[]) {
    const world = await createWorld()
    await world.admin.createClient({ id: 'a', scopes: ['read'] })
    const { retry } = pausing()
    const calls: WireCall[] = []
    const left = [...losses]
    const inner = embeddedTransport(world.dispatch, LOCAL)
    const transport: Transport = async (call) => {
      calls.push(call)
      const loss = left.shift()
      if (loss === 'request') throw new Problem('authority-unreachable', 'lost')
      const answer = await inner(call)
      if (loss === 'answer') throw new Problem('authority-unreachable', 'lost')
      return answer
    }
    let requests = 0
    const admin = connect(adminApi, transport, () => `req_${(requests += 1)}`, { retry })
    return { world, admin, calls }
  }

  it.for<readonly ('request' | 'answer')[]>([
    ['request'],
    ['answer'],
    ['answer', 'request', 'answer'],
    ['answer', 'answer', 'answer'],
  ])('after losing %j is the same to the letter, and done once', async (losses) => {
    const { world, admin, calls } = await lossy(losses)
    const { items } = await admin.issueTokens({ clientId: 'a' })
    expect(calls).toHaveLength(losses.length + 1)
    expect(new Set(calls.map((call) => JSON.stringify(call))).size).toBe(1)
    expect(calls[0]).toMatchObject({ requestId: 'req_1', idempotencyKey: 'req_1' })
    const all = await world.admin.listCredentials({})
    expect(all.items.map(({ id }) => id)).toEqual(items.map(({ credential }) => credential.id))
    const { items: entries } = await world.admin.listAudit({ action: 'credential.issue' })
    expect(entries.map(({ requestId, outcome }) => [requestId, outcome])).toEqual([['req_1', 'ok']])
  })

  it('that only reads has a request id, and no key', async () => {
    const { admin, calls } = await lossy(['request'])
    await admin.listClients({})
    expect(calls.map(({ requestId, idempotencyKey }) => [requestId, idempotencyKey])).toEqual([
      ['req_1', undefined],
      ['req_1', undefined],
    ])
  })

  it('that is refused is not sent again, and names its request', async () => {
    const { admin, calls } = await lossy([])
    const problem = await refusalOf(admin.issueTokens({ clientId: 'b' }))
    expect([problem.code, problem.requestId, calls.length]).toEqual(['client-unknown', 'req_1', 1])
  })

  it('that the authority itself asks to send again is', async () => {
    const { retry, pauses } = pausing()
    let sent = 0
    const busy = problemDocument(new Problem('store-busy', 'busy'), '/v1/clients')
    const transport: Transport = async () =>
      (sent += 1) < 3
        ? { ok: false, problem: busy }
        : { ok: true, value: { items: [], nextCursor: null } }
    const admin = connect(adminApi, transport, () => 'req_1', { retry })
    expect((await admin.listClients({})).items).toEqual([])
    expect([sent, pauses.length]).toEqual([3, 2])
  })
})
