import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { httpTransport } from '#boot/http-transport.ts'
import { connect } from '#client/connect.ts'
import { type Admin, adminApi } from '#contract/admin-api.ts'
import { refusalOf } from '../world.ts'
import { type Served, served } from './served.ts'

function adminAt(url: string, token?: string): Admin {
  let requests = 0
  const transport = httpTransport({
    url,
    userAgent: 'test',
    ...(token === undefined ? {} : { token }),
  })
  return connect(adminApi, transport, () => `req_remote_${(requests += 1)}`)
}

async function listening(): Promise<Served & { url: string }> {
  const on = await served()
  const url = await on.app.listen({ host: '127.0.0.1', port: 0 })
  return { ...on, url }
}

describe('the admin API over a real socket', () => {
  it('does what it does embedded', async () => {
    const on = await listening()
    const remote = adminAt(on.url, await on.token())
    const { client } = await remote.createClient({ id: 'bot.v-1', scopes: ['deploy:prod'] })
    expect(client).toEqual(await on.world.admin.showClient({ id: 'bot.v-1' }))
    const { items } = await remote.issueTokens({ clientId: client.id, count: 3 })
    expect(await remote.listCredentials({ clientId: client.id, limit: 2 })).toMatchObject({
      items: [{}, {}],
      nextCursor: expect.any(String),
    })
    const plan = await remote.planRevocation({
      selector: { clients: [client.id] },
      reason: 'testing',
    })
    const { revocation } = await remote.revoke({
      selector: { clients: [client.id] },
      reason: 'testing',
      planHash: plan.hash,
    })
    expect(revocation).toMatchObject({ actor: 'client:ops', matched: { credentials: 3 } })
    const decision = await remote.verifyToken({ token: items[0]?.token ?? '' })
    expect(decision).toMatchObject({ verdict: 'revoked', revocationId: revocation?.id })
    const { revived } = await remote.liftRevocation({ id: revocation?.id ?? '' })
    expect(revived.credentials).toBe(3)
    expect((await remote.updateClient({ id: client.id, tier: 'low' })).tier).toBe('low')
    await remote.deleteClient({ id: client.id })
    const [entry] = (await remote.listAudit({ action: 'client.delete' })).items
    expect(entry).toMatchObject({
      actor: 'client:ops',
      requestId: expect.stringMatching(/^req_remote_/),
      origin: { transport: 'http', ip: '127.0.0.1' },
    })
    expect(on.faults).toEqual([])
  })

  it('revives refusals as they were thrown', async () => {
    const on = await listening()
    const refusal = await refusalOf(adminAt(on.url, await on.token()).showClient({ id: 'a b/ü' }))
    expect(refusal).toMatchObject({
      code: 'client-unknown',
      next: 'credctl client list',
      facts: { clientId: 'a b/ü' },
      requestId: 'req_remote_1',
    })
    expect((await refusalOf(adminAt(on.url).showAuthority({}))).code).toBe('authentication-needed')
    expect((await refusalOf(adminAt(on.url, 'x').showAuthority({}))).code).toBe('token-refused')
  })

  it('says unreachable when nobody answers, or somebody else does', async () => {
    const on = await listening()
    await on.app.close()
    const gone = await refusalOf(adminAt(on.url, 'secret-token').showAuthority({}))
    expect(gone.code).toBe('authority-unreachable')
    expect(gone.message).toContain('connection refused')
    expect(gone.message).not.toContain('secret-token')
    for (const body of ['<html>', '{"error":"teapot"}']) {
      const stranger = createServer((_, reply) => reply.writeHead(418).end(body))
      stranger.listen(0, '127.0.0.1')
      await once(stranger, 'listening')
      onTestFinished(() => void stranger.close())
      const { port } = stranger.address() as AddressInfo
      const refusal = await refusalOf(adminAt(`http://127.0.0.1:${port}`).showAuthority({}))
      expect(refusal.code).toBe('authority-unreachable')
      expect(refusal.message).toContain('418')
    }
  })
})
