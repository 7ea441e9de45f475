import { createPublicKey } from 'node:crypto'
import { chmodSync, existsSync, statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createVerifier } from 'fast-jwt'
import { createLocalJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { describe, expect, it } from 'vitest'
import { socketApi, urlApi } from './api.ts'
import { type Home, type Json, makeAuthority } from './harness.ts'

const ISSUER = 'http://127.0.0.1:7420'

describe('serve', () => {
  it('says one line when it is ready, in JSON or in words, and is well', async () => {
    const home = await makeAuthority()
    const server = await home.serve()
    expect(server).toMatchObject({ issuer: ISSUER, pid: server.child.pid })
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const api = urlApi(server.url)
    expect(await api('/livez')).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await api('/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } })
    const { out } = await server.stop()
    expect(out.trimEnd().split('\n')).toHaveLength(1)

    const second = home.start(['serve', '--listen', '127.0.0.1:0'])
    expect(await second.firstLine).toMatch(
      new RegExp(
        `^credctl serves ${ISSUER} at http://127\\.0\\.0\\.1:\\d+ \\(pid ${second.child.pid}\\)$`,
      ),
    )
  })

  it('publishes its keys, with which jose, jsonwebtoken and fast-jwt verify what it issued', async () => {
    const home = await makeAuthority('read')
    const server = await home.serve()
    await home.json(['key', 'rotate'])
    const { token, credential } = await home.json(['token', 'issue', '--client', 'bot'])
    const { headers, body: set } = await urlApi(server.url)('/.well-known/jwks.json')
    expect(headers['cache-control']).toMatch(/^public, max-age=\d+$/)
    // The two that signed tokens, and the one that signs status lists.
    expect(set.keys).toHaveLength(3)
    expect(Object.keys(set.keys[0])).not.toContain('d')

    const expected = { issuer: ISSUER, audience: ISSUER }
    const { payload } = await jwtVerify(token, createLocalJWKSet(set), {
      ...expected,
      typ: 'at+jwt',
    })
    expect(payload.jti).toBe(credential.id)

    const jwk: Json = set.keys.find(({ kid }: Json) => kid === credential.keyId)
    const pem = String(
      createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
    )
    const read = jsonwebtoken.verify(token, pem, { ...expected, algorithms: ['ES256'] })
    expect(read).toMatchObject({ jti: credential.id })
    const verify = createVerifier({ key: pem, allowedIss: ISSUER, allowedAud: ISSUER })
    expect(verify(token)).toMatchObject({ jti: credential.id })
  })

  it('describes itself', async () => {
    const home = await makeAuthority()
    const server = await home.serve()
    const api = urlApi(server.url)
    const { body } = await api('/openapi.json')
    expect(body).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) })
    const metadata = await api('/.well-known/oauth-authorization-server')
    expect(metadata.body.issuer).toBe(ISSUER)
    expect(await api('/v1/clients')).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer', 'content-type': /^application\/problem\+json/ },
    })
  })
})

describe('commands of the same user on the same machine', () => {
  it('go through the socket by themselves, and the audit log says so', async () => {
    const home = await makeAuthority('read')
    const server = await home.serve()
    const { credential } = await home.json(['token', 'issue', '--client', 'bot'])
    expect(await originOf(home, `credential:${credential.id}`)).toBe('socket')
    expect(statSync(join(home.dataDir, 'serve.sock')).mode & 0o777).toBe(0o600)
    await server.stop()
    const { credential: later } = await home.json(['token', 'issue', '--client', 'bot'])
    expect(await originOf(home, `credential:${later.id}`)).toBe('embedded')
  })

  it('work on when the server was killed, and the socket that it left is removed', async () => {
    const home = await makeAuthority('read')
    const server = await home.serve()
    server.kill('SIGKILL')
    await server.done
    expect(existsSync(join(home.dataDir, 'serve.sock'))).toBe(true)
    const { credential } = await home.json(['token', 'issue', '--client', 'bot'])
    expect(await originOf(home, `credential:${credential.id}`)).toBe('embedded')
    expect(existsSync(join(home.dataDir, 'serve.sock'))).toBe(false)
    // And the dead one's lock is nobody's.
    await home.serve()
  })

  it('work beside it where its socket is out of reach', async () => {
    const home = await makeAuthority('read')
    await home.serve()
    const api = socketApi(home)
    const served = await api('/v1/credentials', { method: 'POST', body: { clientId: 'bot' } })
    const there = ['token', 'show', served.body.items[0].credential.id]
    chmodSync(home.dataDir, 0o700)
    await home.shell('mv "$HOME/.local/share/credctl/serve.sock" "$HOME/away.sock"')
    expect(await home.json(there)).toMatchObject({ clientId: 'bot' })
    const { revocation } = await home.json([
      'revoke',
      '--client',
      'bot',
      '--reason',
      'testing',
      '-y',
    ])
    expect(await originOf(home, `revocation:${revocation.id}`)).toBe('embedded')
    await home.shell('mv "$HOME/away.sock" "$HOME/.local/share/credctl/serve.sock"')
    expect(await home.json(there)).toMatchObject({ state: 'revoked' })
    const shown = await api(`/v1/credentials/${served.body.items[0].credential.id}`)
    expect(shown.body).toMatchObject({ state: 'revoked', revocationId: revocation.id })
  })
})

async function originOf(home: Home, target: string): Promise<string> {
  const { items } = await home.json(['audit', 'list', '--target', target])
  return items.at(-1).origin.transport
}

describe('there is one server', () => {
  it('and a second is refused, also on another port; the first serves on', async () => {
    const home = await makeAuthority('read')
    const first = await home.serve()
    const second = await home.run(['serve', '--listen', '127.0.0.1:0', '-o', 'json'])
    expect(second).toMatchObject({ status: 8, out: '' })
    expect(JSON.parse(second.err)).toMatchObject({ code: 'authority-serving' })
    expect(await urlApi(first.url)('/readyz')).toMatchObject({ status: 200 })
    await home.json(['token', 'issue', '--client', 'bot'])
  })

  it('and an address that is taken is refused, with the socket of nobody left behind', async () => {
    const [home, other] = [await makeAuthority(), await makeAuthority()]
    const { url } = await other.serve()
    const listen = url.replace('http://', '')
    expect(await home.run(['serve', '--listen', listen])).toMatchObject({
      status: 8,
      out: '',
      err: expect.stringMatching(/another program has it \[authority-serving\]/),
    })
    expect(existsSync(join(home.dataDir, 'serve.sock'))).toBe(false)
    await home.serve()
  })

  it('at a folder that holds an authority', async () => {
    const home = await makeAuthority()
    const nowhere = ['serve', '--listen', '127.0.0.1:0', '--data-dir', home.path('nowhere')]
    expect(await home.run(nowhere)).toMatchObject({ status: 1, out: '' })
    expect(existsSync(home.path('nowhere'))).toBe(false)
  })
})

describe('SIGTERM', () => {
  it.for(['SIGTERM', 'SIGINT'] as const)(
    '%s: answers what is under way, then ends',
    async (signal) => {
      const home = await makeAuthority('read')
      const server = await home.serve()
      const idle = await connected(server.url)
      const body = JSON.stringify({ clientId: 'bot' })
      const { url } = server
      const token = await adminToken(home)
      const half = await connected(url)
      half.write(
        [
          'POST /v1/credentials HTTP/1.1',
          'host: localhost',
          `authorization: Bearer ${token}`,
          'content-type: application/json',
          `content-length: ${body.length}`,
          'expect: 100-continue',
          '\r\n',
        ].join('\r\n'),
      )
      // Only now does the server have the request in hand, and is certain to.
      expect(await heard(half, /\r\n\r\n$/)).toMatch(/^HTTP\/1\.1 100/)
      server.kill(signal)
      await refusesNew(url)
      half.write(body)
      const answer = await heard(half, /"items":.*\}$/s)
      expect(answer).toMatch(/^HTTP\/1\.1 200/)
      const ran = await server.done
      expect(ran).toMatchObject({ status: 0, err: '' })
      idle.destroy()
      half.destroy()

      const [, issued = ''] = /"id":"(cred_\w+)"/.exec(answer) ?? []
      expect(await home.json(['token', 'show', issued])).toMatchObject({ id: issued })
      expect(existsSync(join(home.dataDir, 'serve.sock'))).toBe(false)
      await home.serve()
    },
  )
})

const adminToken = async (home: Home): Promise<string> => {
  await home.json(['client', 'create', 'ops', '--scope', 'admin:*'])
  const { token } = await home.json(['token', 'issue', '--client', 'ops'])
  return token
}

function connected(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** What comes until it matches. */
function heard(socket: Socket, end: RegExp): Promise<string> {
  let text = ''
  return new Promise((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      text += chunk.toString('utf8')
      if (!end.test(text)) return
      socket.off('data', listen)
      resolve(text)
    }
    socket.on('data', listen)
    socket.once('close', () => reject(new Error(`the connection ended after: ${text}`)))
  })
}

/** Returns when nobody can connect any more, which is when the server has begun to stop. */
async function refusesNew(url: string): Promise<void> {
  let isRefused = false
  while (!isRefused) {
    isRefused = await connected(url).then(
      (socket) => (socket.destroy(), false),
      () => true,
    )
  }
}
