import { describe, expect, it } from 'vitest'
import { type Home, type Json, makeAuthority, type Server } from './harness.ts'
import { AUDIENCE, becomes, kill, resourceServer, suspend } from './resource-server.ts'
import { tcpProxy } from './proxies.ts'

/** An authority with clients whose tokens are for the resource servers. */
async function authority(...clients: readonly string[]): Promise<Home> {
  const home = await makeAuthority()
  for (const client of clients) {
    await home.json(['client', 'create', client, '--scope', 'read', '--audience', AUDIENCE])
  }
  return home
}

const issue = async (home: Home, client: string): Promise<{ token: string; id: string }> => {
  const { token, credential } = await home.json(['token', 'issue', '--client', client])
  return { token, id: credential.id }
}

const revoke = (home: Home, ...selector: readonly string[]): Promise<Json> =>
  home.json(['revoke', ...selector, '--reason', 'testing', '--yes'])

/** Three, which differ in nothing but their names. */
const three = (home: Home, { issuer, url }: Server) =>
  Promise.all(
    ['api-1', 'api-2', 'api-3'].map((name) => resourceServer(home, { issuer, url, name })),
  )

describe('resource servers in other processes', () => {
  it('accept, and stop accepting what is revoked, all but what is spared; a lift brings it back', async () => {
    const home = await authority('bot', 'other')
    const server = await home.serve()
    const servers = await three(home, server)
    const [stolen, spared, others] = [
      await issue(home, 'bot'),
      await issue(home, 'bot'),
      await issue(home, 'other'),
    ]
    for (const one of servers) {
      expect(await one.verdict(stolen.token)).toBe('accepted')
      expect(await one.status()).toMatchObject({ state: 'fresh', url: server.url })
    }
    const held = await Promise.all(servers.map((one) => one.watch(stolen.token)))
    const { revocation } = await revoke(home, '--client', 'bot', '--except-token', spared.id)
    for (const { ended } of held) {
      expect(await ended).toMatchObject({ verdict: 'revoked', revocationId: revocation.id })
    }
    for (const one of servers) {
      expect(await one.decide(stolen.token)).toMatchObject({
        verdict: 'revoked',
        reason: 'testing',
        revocationId: revocation.id,
      })
      expect(await one.verdict(spared.token)).toBe('accepted')
      expect(await one.verdict(others.token)).toBe('accepted')
      expect(await one.alarms()).toEqual([])
    }
    await home.json(['revocation', 'lift', revocation.id, '--yes'])
    for (const one of servers) await becomes(one, stolen.token, 'accepted')
  })

  it('answer their callers as RFC 6750 has it, with the operator’s message', async () => {
    const home = await authority('bot')
    const { issuer, url } = await home.serve()
    const server = await resourceServer(home, { issuer, url })
    const { token } = await issue(home, 'bot')
    const bearer = { authorization: `Bearer ${token}` }
    expect((await server.get(bearer)).status).toBe(200)
    const without = await server.get()
    expect([without.status, without.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    await revoke(home, '--client', 'bot', '--message', 'Ask "ops" for another')
    await becomes(server, token, 'revoked')
    const refused = await server.get(bearer)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", error_description="Ask 'ops' for another"`,
    )
    expect(refused.headers.get('cache-control')).toBe('no-store')
  })

  it('go on when one of them is killed', async () => {
    const home = await authority('bot')
    const [first, ...rest] = await three(home, await home.serve())
    const { token } = await issue(home, 'bot')
    expect(await first?.verdict(token)).toBe('accepted')
    if (first !== undefined) await kill(first)
    await revoke(home, '--client', 'bot')
    for (const one of rest) await becomes(one, token, 'revoked')
  })

  it('that are asked to end give their lease back and end', async () => {
    const home = await authority('bot')
    const { issuer, url } = await home.serve()
    const server = await resourceServer(home, { issuer, url })
    server.signal('SIGTERM')
    expect(await server.done).toMatchObject({ status: 0, err: '' })
  })
})

describe('a resource server that stood still for longer than its lease', () => {
  it('accepts nothing that was revoked meanwhile, and recovers by itself', async () => {
    const home = await authority('bot', 'other')
    const { issuer, url } = await home.serve()
    const proxy = await tcpProxy(url)
    const stalenessSeconds = 2
    const stopped = await resourceServer(home, { issuer, url, stalenessSeconds, name: 'stopped' })
    // Cut off when the other is stopped, it tells when leases of that moment are over.
    const witness = await resourceServer(home, { issuer, url: proxy.url, stalenessSeconds })
    const [stolen, good] = [await issue(home, 'bot'), await issue(home, 'other')]
    for (const one of [stopped, witness]) expect(await one.verdict(stolen.token)).toBe('accepted')
    const held = await stopped.watch(stolen.token)
    const { resume } = suspend(stopped)
    proxy.stall()
    const { revocation } = await revoke(home, '--client', 'bot')
    const waiting = stopped.decide(stolen.token)
    await becomes(witness, stolen.token, 'stale')
    resume()
    expect(['stale', 'revoked']).toContain((await waiting).verdict)
    await becomes(stopped, stolen.token, 'revoked')
    await becomes(stopped, good.token, 'accepted')
    expect(await held.ended).toMatchObject({
      verdict: expect.stringMatching(/^(?:stale|revoked)$/),
    })
    expect(await stopped.decide(stolen.token)).toMatchObject({ revocationId: revocation.id })
    // The witness never heard of it, and never accepted it again.
    expect(await witness.verdict(stolen.token)).toBe('stale')
    proxy.heal()
    await becomes(witness, stolen.token, 'revoked')
  })
})

describe('an authority that is killed', () => {
  it('leaves its verifiers stale after their leases; restarted, it is obeyed, also in what was revoked without it', async () => {
    const home = await authority('bot', 'other')
    const server = await home.serve()
    const { issuer, url } = server
    const resource = await resourceServer(home, { issuer, url, stalenessSeconds: 3 })
    const [stolen, good] = [await issue(home, 'bot'), await issue(home, 'other')]
    expect(await resource.verdict(stolen.token)).toBe('accepted')
    await kill(server)
    const { revocation } = await revoke(home, '--client', 'bot')
    await becomes(resource, stolen.token, 'stale')
    expect(await resource.verdict(good.token)).toBe('stale')
    const refused = await resource.get({ authorization: `Bearer ${good.token}` })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    await home.serve(['--listen', new URL(url).host])
    await becomes(resource, good.token, 'accepted')
    expect(await resource.decide(stolen.token)).toMatchObject({
      verdict: 'revoked',
      revocationId: revocation.id,
    })
    expect(await resource.alarms()).toEqual([])
  })

  it('is not missed by a verifier that starts while it is down', async () => {
    const home = await authority('bot')
    const server = await home.serve()
    const { issuer, url } = server
    const { token } = await issue(home, 'bot')
    await kill(server)
    const resource = await resourceServer(home, { issuer, url })
    expect(await resource.decide(token)).toMatchObject({ verdict: 'stale', cause: 'cold' })
    await home.serve(['--listen', new URL(url).host])
    await becomes(resource, token, 'accepted')
  })
})
