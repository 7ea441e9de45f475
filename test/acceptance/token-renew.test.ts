import { describe, expect, it } from 'vitest'
import { makeAuthority } from './harness.ts'

describe('token renew', () => {
  it('works with no server, over the socket of one, and from afar with nothing but the token', async () => {
    const home = await makeAuthority('read', 'write')
    const { token, credential } = await home.json(['token', 'issue', '--client', 'bot'])
    const embedded = await home.json(['token', 'renew', '-'], { stdin: token })
    expect(embedded.credential).toMatchObject({
      parentId: credential.id,
      scopes: ['read', 'write'],
    })

    const server = await home.serve()
    const bySocket = await home.json(['token', 'renew'], { env: { ACCESS_TOKEN: embedded.token } })
    const away = { env: { CREDCTL_SERVER: server.url, CREDCTL_TOKEN: '' } }
    const file = await home.write('token', bySocket.token)
    const argv = ['token', 'renew', '--token-file', file, '--scope', 'read', '-o', 'token']
    const remote = await home.run(argv, away)
    expect(remote).toMatchObject({ status: 0, err: '' })

    const { items } = await home.json(['token', 'list'])
    expect(items.map(({ sessionId }: { readonly sessionId: string }) => sessionId)).toEqual(
      Array.from({ length: 4 }, () => credential.id),
    )
    const kill = ['revoke', '--token', credential.id, '--reason', 'compromise', '--yes']
    const { revocation } = await home.json(kill)
    expect(revocation.matched.credentials).toBe(4)
    const dead = await home.run(['token', 'renew', '-'], { ...away, stdin: remote.out })
    expect(dead).toMatchObject({ status: 4, out: '', err: expect.stringMatching(/exchanged/) })
    expect(dead.err).not.toContain(remote.out.trim().slice(-20))
    expect((await server.stop()).status).toBe(0)
    const nobody = await home.run(['token', 'renew', '-'], { ...away, stdin: remote.out })
    expect(nobody.status).toBe(75)
  })
})
