import { describe, expect, it } from 'vitest'
import { connect } from '#client/connect.ts'
import { adminApi } from '#contract/admin-api.ts'
import type { WireCall } from '#contract/transport.ts'
import { Problem, problemDocument } from '#kernel/problem.ts'
import { refusalOf } from '../world.ts'

function recording(idempotencyKey?: string) {
  const calls: WireCall[] = []
  let requests = 0
  const admin = connect(
    adminApi,
    async (call) => {
      calls.push(call)
      return { ok: true, value: {} }
    },
    () => `req_${(requests += 1)}`,
    idempotencyKey === undefined ? {} : { idempotencyKey },
  )
  return { admin, calls }
}

describe('the client', () => {
  it('puts what it is given into path, query and body, and leaves out what is undefined', async () => {
    const { admin, calls } = recording()
    await admin.showClient({ id: 'a' })
    await admin.listClients({ limit: 7, tier: 'low', cursor: undefined })
    await admin.updateClient({ id: 'a', tier: 'high' })
    await admin.deleteClient({ id: 'a' })
    expect(
      calls.map(({ operation, params, query, body }) => [operation, params, query, body]),
    ).toEqual([
      ['showClient', { id: 'a' }, {}, {}],
      ['listClients', {}, { limit: '7', tier: 'low' }, {}],
      ['updateClient', { id: 'a' }, {}, { tier: 'high' }],
      ['deleteClient', { id: 'a' }, {}, {}],
    ])
  })

  it('gives every call its request id, and every mutation that as its key', async () => {
    const { admin, calls } = recording()
    await admin.listClients({})
    await admin.issueTokens({ clientId: 'a' })
    await admin.planRevocation({ selector: { all: true }, reason: 'testing' })
    await admin.rotateKey({})
    expect(calls.map(({ requestId, idempotencyKey }) => [requestId, idempotencyKey])).toEqual([
      ['req_1', undefined],
      ['req_2', 'req_2'],
      ['req_3', undefined],
      ['req_4', 'req_4'],
    ])
  })

  it('numbers the mutations of a run behind the key it was given; reading counts for nothing', async () => {
    const { admin, calls } = recording('k')
    await admin.issueTokens({ clientId: 'a' })
    await admin.listClients({})
    await admin.issueTokens({ clientId: 'a' })
    await admin.rotateKey({})
    expect(calls.map(({ idempotencyKey }) => idempotencyKey)).toEqual([
      'k',
      undefined,
      'k#2',
      'k#3',
    ])
  })

  it('throws the refusal that was answered, with its facts and its request id', async () => {
    const thrown = new Problem('client-unknown', 'no such', {
      next: 'credctl client list',
      facts: { clientId: 'a' },
    })
    thrown.requestId = 'req_theirs'
    const problem = { ...problemDocument(thrown, '/v1/clients/a') }
    const admin = connect(
      adminApi,
      async () => ({ ok: false, problem }),
      () => 'req_1',
    )
    expect(await refusalOf(admin.showClient({ id: 'a' }))).toMatchObject({
      code: 'client-unknown',
      message: 'no such',
      next: 'credctl client list',
      facts: { clientId: 'a' },
      requestId: 'req_theirs',
    })
  })

  it('takes a code that it does not know for an internal error', async () => {
    const known = problemDocument(new Problem('internal', 'newer than you'), '/')
    const problem = { ...known, code: 'from-the-future' } as never
    const admin = connect(
      adminApi,
      async () => ({ ok: false, problem }),
      () => 'req_1',
    )
    expect((await refusalOf(admin.listKeys({}))).code).toBe('internal')
  })
})
