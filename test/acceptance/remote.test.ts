import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { urlApi } from './api.ts'
import { selfSigned } from './certificate.ts'
import { type Home, type Json, makeAuthority, makeHome, type Ran, type Server } from './harness.ts'
import { mustBeDiscreet } from './story.ts'

/** A served authority, and another machine that has nothing but a URL and a token. */
async function stage(scopes: readonly string[]) {
  const home = await makeAuthority('read')
  const server = await home.serve()
  const away = await makeHome()
  const token = await adminToken(home, scopes)
  const run = (argv: readonly string[], env: Record<string, string> = {}): Promise<Ran> =>
    away.run(argv, { env: { CREDCTL_SERVER: server.url, CREDCTL_TOKEN: token, ...env } })
  return { home, server, away, token, run }
}

async function adminToken(home: Home, scopes: readonly string[]): Promise<string> {
  const flags = scopes.flatMap((scope) => ['--scope', scope])
  await home.json(['client', 'create', 'ops', '--scope', 'admin:*'])
  const { token } = await home.json(['token', 'issue', '--client', 'ops', ...flags])
  return token
}

const problem = ({ err }: Ran): Json => JSON.parse(err.trimEnd().split('\n').at(-1) ?? '')

describe('from another machine', () => {
  it('a token with admin scopes does everything', async () => {
    const { home, token, run } = await stage(['admin:*'])
    const issued = await run(['token', 'issue', '--client', 'bot', '-o', 'json'])
    expect(issued).toMatchObject({ status: 0, err: '' })
    const { credential } = JSON.parse(issued.out)
    expect(credential.createdBy).toBe('client:ops')
    const revoked = await run([
      'revoke',
      '--client',
      'bot',
      '--reason',
      'testing',
      '-y',
      '-o',
      'json',
    ])
    const { revocation } = JSON.parse(revoked.out)
    const lifted = await run(['revocation', 'lift', revocation.id, '--yes'])
    expect(lifted).toMatchObject({ status: 0 })
    const { items } = await home.json(['audit', 'list', '--actor', 'client:ops'])
    expect(items.map(({ action }: Json) => action)).toEqual([
      'revocation.lift',
      'revocation.create',
      'credential.issue',
    ])
    expect(items[0].origin).toMatchObject({ transport: 'http', ip: '127.0.0.1' })
    for (const ran of [issued, revoked, lifted]) mustBeDiscreet(ran, [token.split('.')[2] ?? ''])
  })

  it('a token with too few scopes is refused, on record, under one request id', async () => {
    const { home, token, run } = await stage(['admin:credentials:read'])
    expect(await run(['token', 'list'])).toMatchObject({ status: 0 })
    const ran = await run(['token', 'issue', '--client', 'bot', '-o', 'json'])
    expect(ran).toMatchObject({ status: 5, out: '' })
    mustBeDiscreet(ran, [token.split('.')[2] ?? ''])
    const { code, requestId, next } = problem(ran)
    expect([code, next]).toEqual([
      'scope-insufficient',
      expect.stringMatching(/admin:credentials:write/),
    ])
    const { items } = await home.json(['audit', 'list', '--request-id', requestId])
    expect(items).toMatchObject([{ actor: 'client:ops', outcome: 'scope-insufficient', requestId }])
  })

  it('a refusal by policy has the request id that the audit log has', async () => {
    const { home, run } = await stage(['admin:*'])
    const argv = ['token', 'issue', '--client', 'bot', '--scope', 'write']
    const ran = await run([...argv, '-o', 'json'])
    expect(ran.status).toBe(5)
    const { requestId } = problem(ran)
    const { items } = await home.json(['audit', 'list', '--request-id', requestId])
    expect(items).toMatchObject([{ outcome: 'scope-refused', action: 'credential.issue' }])
    const [, shown = ''] = /request: (\S+)/.exec((await run(argv)).err) ?? []
    const { items: second } = await home.json(['audit', 'list', '--request-id', shown])
    expect(second).toHaveLength(1)
  })

  it('a revoked token is told why, by reason and message', async () => {
    const { home, run } = await stage(['admin:*'])
    const message = 'ask #security'
    await home.json([
      'revoke',
      '--client',
      'ops',
      '--reason',
      'testing',
      '--message',
      message,
      '-y',
    ])
    const ran = await run(['token', 'list', '-o', 'json'])
    expect(ran).toMatchObject({ status: 4, out: '' })
    expect(problem(ran)).toMatchObject({
      code: 'token-refused',
      detail: expect.stringMatching(/revoked \(testing\).*ask #security/),
      facts: { verdict: 'revoked', reason: 'testing' },
    })
  })

  it.for<[string, Record<string, string>, number, string]>([
    ['no token', { CREDCTL_TOKEN: '' }, 4, 'authentication-needed'],
    ['a token that is none', { CREDCTL_TOKEN: 'bogus' }, 4, 'token-refused'],
    ['nobody there', { CREDCTL_SERVER: 'http://127.0.0.1:1' }, 75, 'authority-unreachable'],
    [
      'nobody there, and a bogus token, which is judged later',
      { CREDCTL_SERVER: 'http://127.0.0.1:1', CREDCTL_TOKEN: 'bogus' },
      75,
      'authority-unreachable',
    ],
    ['not a URL', { CREDCTL_SERVER: 'auth' }, 2, 'usage-invalid'],
    [
      'a URL with a password',
      { CREDCTL_SERVER: 'https://a:hunter2@b.example' },
      2,
      'usage-invalid',
    ],
  ])('%s', async ([, env, status, code]) => {
    const { run } = await stage(['admin:*'])
    const ran = await run(['token', 'list', '-o', 'json'], env)
    expect(ran).toMatchObject({ status, out: '' })
    expect(problem(ran)).toMatchObject({ code, next: expect.stringMatching(/./) })
    mustBeDiscreet(ran, ['bogus', 'hunter2'])
  })

  it('somebody else’s server is not taken for an authority', async () => {
    const { away } = await stage(['admin:*'])
    const script =
      "const s=require('node:http').createServer((q,r)=>r.end('<html>'));s.listen(0,'127.0.0.1',()=>console.log(s.address().port))"
    const other = away.start([], { node: ['-e', script] })
    const url = `http://127.0.0.1:${await other.firstLine}`
    const ran = await away.run(['token', 'list', '-o', 'json', '--server', url])
    expect(ran).toMatchObject({ status: 75, out: '' })
    expect(problem(ran).code).toBe('authority-unreachable')
  })

  it('what only the machine of the authority can do is refused over the network', async () => {
    const { run, away } = await stage(['admin:*'])
    for (const argv of [['init'], ['backup', away.path('copy.db')], ['serve']]) {
      expect(await run(argv)).toMatchObject({ status: 2, out: '' })
    }
  })
})

describe('TLS', () => {
  async function tlsStage(): Promise<{ home: Home; server: Server; ca: string; cert: string }> {
    const home = await makeAuthority('read')
    const { cert, key } = selfSigned(new Date())
    const files = {
      cert: await home.write('cert.pem', cert),
      key: await home.write('key.pem', key),
    }
    const server = await home.serve(['--tls-cert', files.cert, '--tls-key', files.key])
    return { home, server, ca: files.cert, cert }
  }

  it('serves a certificate that --ca-cert trusts, and nothing else does', async () => {
    const { home, server, ca, cert } = await tlsStage()
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(await urlApi(server.url, cert)('/readyz')).toMatchObject({ status: 200 })
    const env = { CREDCTL_TOKEN: await adminToken(home, ['admin:*']) }
    const away = await makeHome()
    const argv = ['token', 'list', '-o', 'json', '--server', server.url]
    expect(await away.run([...argv, '--ca-cert', ca], { env })).toMatchObject({
      status: 0,
      err: '',
    })
    const wary = await away.run(argv, { env })
    expect(wary).toMatchObject({ status: 75, out: '' })
    expect(problem(wary).detail).toMatch(/--ca-cert/)
    const missing = await away.run([...argv, '--ca-cert', away.path('none.pem')], { env })
    expect(missing).toMatchObject({ status: 2, out: '' })
  })

  it('ends when it is told to, whoever is connected and says nothing', async () => {
    const { server, cert } = await tlsStage()
    const port = Number(new URL(server.url).port)
    const bare = connect({ host: '127.0.0.1', port })
    const silent = connectTls({ host: '127.0.0.1', port, ca: cert })
    const asked = connectTls({ host: '127.0.0.1', port, ca: cert })
    await Promise.all([once(bare, 'connect'), once(silent, 'secureConnect')])
    asked.write('GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await once(asked, 'data')
    for (const socket of [bare, silent, asked]) socket.on('error', () => undefined)
    expect(await server.stop()).toMatchObject({ status: 0, err: '' })
  })

  it.for<[string, readonly string[], number]>([
    ['every address, and no TLS', ['--listen', '0.0.0.0:0'], 2],
    ['every address of IPv6, and no TLS', ['--listen', '[::]:0'], 2],
    ['a name that is not loopback', ['--listen', 'auth.example:0'], 2],
    ['a certificate without its key', ['--listen', '127.0.0.1:0', '--tls-cert', 'CERT'], 2],
    [
      'a key that is none',
      ['--listen', '127.0.0.1:0', '--tls-cert', 'CERT', '--tls-key', 'CERT'],
      2,
    ],
    ['a file that is not there', ['--tls-cert', 'none.pem', '--tls-key', 'none.pem'], 2],
    ['no port', ['--listen', '127.0.0.1'], 2],
    ['a port that is none', ['--listen', '127.0.0.1:70000'], 2],
  ])('refuses %s', async ([, argv, status]) => {
    const home = await makeAuthority()
    const file = await home.write('cert.pem', selfSigned(new Date()).cert)
    const ran = await home.run(['serve', ...argv.map((word) => word.replace('CERT', file))])
    expect(ran).toMatchObject({ status, out: '' })
    expect(ran.err).toMatch(/^credctl: .*\n {2}next: /)
  })

  it('a proxy in front may end TLS, and then its client is whom it names', async () => {
    const home = await makeAuthority('read')
    const server = await home.serve(['--listen', '0.0.0.0:0', '--behind-proxy'])
    const api = urlApi(server.url.replace('0.0.0.0', '127.0.0.1'))
    const token = await adminToken(home, ['admin:*'])
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': '192.0.2.7' }
    const { body } = await api('/v1/credentials', {
      method: 'POST',
      headers,
      body: { clientId: 'bot' },
    })
    const target = `credential:${body.items[0].credential.id}`
    const { items } = await home.json(['audit', 'list', '--target', target])
    expect(items[0].origin.ip).toBe('192.0.2.7')
  })
})
